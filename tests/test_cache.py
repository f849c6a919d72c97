"""The cache: entries are made once, by one process, made anew when damaged, and not needed at all."""

import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import cache
from benchmark.cache import cached
from benchmark.errors import DamagedError

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path / "cache"))
    cache._say_once.cache_clear()
    return tmp_path / "cache"


def read(path: Path) -> str:
    if (text := path.read_text(encoding="utf-8")) != "whole":
        raise DamagedError(f"{path}: damaged")
    return text


def make(path: Path) -> None:
    path.write_text("whole", encoding="utf-8")


def never(path: Path) -> None:
    raise AssertionError(f"{path} is there already")


def test_an_entry_is_made_once_and_again_when_damaged(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An entry that ends every later start with an error, until somebody deletes a hidden file."""
    assert cached("a/b", read, make) == "whole"
    assert cached("a/b", read, never) == "whole"
    (room / "a/b").write_text("half", encoding="utf-8")
    assert cached("a/b", read, make) == "whole"
    assert "damaged; making it anew" in capsys.readouterr().err
    (room / "a/b").unlink()
    (room / "a/b").mkdir()  # half deleted, or of another program
    assert cached("a/b", lambda p: read(p) if p.is_file() else read(p / "missing"), make) == "whole"
    assert [path.name for path in (room / "a").iterdir()] == ["b"]


def test_a_folder_that_lost_a_file_is_made_anew(room: Path) -> None:
    """A half-deleted data set in the cache."""

    def read_folder(path: Path) -> str:
        return read(path / "inside")

    def make_folder(path: Path) -> None:
        make(path / "inside")

    assert cached("folder", read_folder, make_folder, folder=True) == "whole"
    (room / "folder/inside").unlink()
    assert cached("folder", read_folder, make_folder, folder=True) == "whole"


_SLOW = """
import sys, time
from pathlib import Path
from benchmark.cache import cached
def make(path):
    with open(sys.argv[1], "a") as file:
        file.write("made")
    time.sleep(1)
    path.write_text("whole")
print(cached("entry", Path.read_text, make))
"""


def test_two_processes_make_an_entry_once(tmp_path: Path, room: Path) -> None:
    """Two programs that fill the same folder at the same time."""
    command = [sys.executable, "-c", _SLOW, str(tmp_path / "made")]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == [b"whole"] * 2
    assert (tmp_path / "made").read_text() == "made"
    assert [path.name for path in room.iterdir()] == ["entry"]


def test_a_room_that_cannot_be_written_is_not_needed(
    room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`Permission denied` from a command that only wanted to keep something."""
    cached("there", read, make)
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setattr(cache, "_refusal", lambda place: "read-only file system")
    assert cached("there", read, never) == "whole"
    assert cached("new", read, make) == "whole"
    assert cached("new", read, never) == "whole"
    said = capsys.readouterr().err
    assert said.count("read-only file system") == 1
    assert "CAPONIMAGE_CACHE" in said


@pytest.mark.parametrize("below", [True, False])
def test_a_place_below_a_file_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], below: bool
) -> None:
    """A cache folder whose name is a file's, with `Not a directory` as only word."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path / "file" / ("below" if below else "")))
    assert cached("new", read, make) == "whole"
    assert "CAPONIMAGE_CACHE" in capsys.readouterr().err


def test_nobody_needs_a_home(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A container that runs under a number without a user: RuntimeError, could not determine home directory."""
    for name in ("CAPONIMAGE_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert cached("new", read, make) == "whole"
    assert "CAPONIMAGE_CACHE" in capsys.readouterr().err
    assert [path.name for path in cache._scratch_folder().iterdir()] == ["new"]
