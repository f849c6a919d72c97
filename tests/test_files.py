"""The gate for output: complete or not at all, synced, through links and devices, never over an input."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmark import files
from benchmark.errors import InputError
from benchmark.files import PARTIAL, check_outputs, folder_when_complete, replace_when_complete

posix = pytest.mark.skipif(os.name != "posix", reason="devices, pipes and signals of Unix")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fill(path: Path, text: str = "new") -> None:
    with replace_when_complete(path) as partial:
        partial.write_text(text, encoding="utf-8")


def fill_folder(path: Path, text: str = "new") -> None:
    with folder_when_complete(path) as partial:
        (partial / "inside").write_text(text, encoding="utf-8")


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """A failure that costs the old file as well, or leaves half of the new one."""
    fill(tmp_path / "file", "old")
    fill_folder(tmp_path / "folder", "old")
    with pytest.raises(UnicodeEncodeError):
        fill(tmp_path / "file", "half\udc00")
    with pytest.raises(UnicodeEncodeError):
        fill_folder(tmp_path / "folder", "half\udc00")
    assert (tmp_path / "file").read_text() == (tmp_path / "folder/inside").read_text() == "old"
    assert names(tmp_path) == ["file", "folder"]


def test_everything_is_synced_before_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut after the program's end that leaves empty files under the right names."""
    order: list[str] = []
    sync, replace, rename = os.fsync, Path.replace, Path.rename

    def name_of(descriptor: int) -> str:
        return Path(f"/proc/self/fd/{descriptor}").readlink().name

    monkeypatch.setattr(os, "fsync", lambda d: (order.append(f"sync {name_of(d)}"), sync(d))[1])
    monkeypatch.setattr(Path, "replace", lambda a, b: (order.append(f"name {Path(b).name}"), replace(a, b))[1])
    monkeypatch.setattr(Path, "rename", lambda a, b: (order.append(f"name {Path(b).name}"), rename(a, b))[1])
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("names of open files are read from /proc")
    fill(tmp_path / "file")
    assert order == [order[0], "sync file", "name file", f"sync {tmp_path.name}"]
    order.clear()
    fill_folder(tmp_path / "folder")
    assert order == [order[0], "sync inside", "sync folder", "name folder", f"sync {tmp_path.name}"]


def test_links_are_written_through(tmp_path: Path) -> None:
    """A link to where results are kept that becomes a file, while the place it leads to keeps old results."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to("kept/file")
    (tmp_path / "folder").symlink_to("kept/folder")
    for text in ("first", "second"):
        fill(tmp_path / "link", text)
        fill_folder(tmp_path / "folder", text)
        assert (tmp_path / "kept/file").read_text() == (tmp_path / "kept/folder/inside").read_text() == text
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder").is_symlink()
    assert names(tmp_path / "kept") == ["file", "folder"]


@posix
def test_pipes_and_devices_are_written_through(tmp_path: Path) -> None:
    """`-o /dev/null` as root, which replaced the device of the whole machine by a file."""
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    fill(tmp_path / "pipe", "through")
    reader.join()
    assert read == ["through"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    fill(Path(os.devnull))
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    (tmp_path / "link").symlink_to(os.devnull)
    fill(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_dash_is_stdout(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """A file with the name `-`, which most commands then take for a stream."""
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        fill(Path("-"), "bytes 字")
    finally:
        os.chdir(before)
    assert capsysbinary.readouterr().out.decode() == "bytes 字"
    assert names(tmp_path) == []


def test_names_may_be_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    """A name of 80 Chinese characters (240 bytes), which a longer temporary name made impossible."""
    fill(tmp_path / ("长" * 85))
    fill_folder(tmp_path / ("宽" * 85))
    assert names(tmp_path) == sorted(["长" * 85, "宽" * 85])


def test_an_old_file_keeps_its_permissions(tmp_path: Path) -> None:
    """A private file that is open to all after it was written again."""
    fill(tmp_path / "file")
    (tmp_path / "file").chmod(0o600)
    fill(tmp_path / "file")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A traceback, or an emptied folder, where the output's name is that of a folder."""
    with pytest.raises(InputError, match="is a folder, expected a file"):
        fill(tmp_path)


@posix
def test_a_folder_is_never_missing_while_it_is_replaced(tmp_path: Path) -> None:
    """A reader that finds no data set in the moment between two renames."""
    fill_folder(tmp_path / "folder")
    ended, missing = threading.Event(), []

    def watch() -> None:
        while not ended.is_set():
            if not (tmp_path / "folder/inside").exists():
                missing.append(1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(50):
        fill_folder(tmp_path / "folder")
    ended.set()
    watcher.join()
    if not sys.platform.startswith("linux"):
        pytest.skip("other systems cannot exchange two names")
    assert not missing


_WRITER = """
import sys, time
from pathlib import Path
from benchmark.files import folder_when_complete
with folder_when_complete(Path(sys.argv[1])) as partial:
    (partial / "half").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


@posix
def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    """Hidden folders of 240 MB that stay for ever; or one of a living process that is taken from it."""
    root = Path(__file__).parents[1]
    processes = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path / name)], cwd=root, stdout=subprocess.PIPE)
        for name in ("killed", "living")
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
    processes[0].send_signal(signal.SIGKILL)
    processes[0].wait()
    assert len(names(tmp_path)) == 2
    fill(tmp_path / "other")
    [left] = [name for name in names(tmp_path) if name.startswith(PARTIAL)]
    assert (tmp_path / left / "living/half").is_file()
    processes[1].kill()
    processes[1].wait()
    fill(tmp_path / "other")
    assert names(tmp_path) == ["other"]


def test_a_folder_that_was_never_locked_is_stale_after_a_minute(tmp_path: Path) -> None:
    """A process killed between making its temporary folder and locking it, whose folder stays for ever."""
    young, old = tmp_path / f"{PARTIAL}a.new", tmp_path / f"{PARTIAL}b.new"
    young.mkdir()
    old.mkdir()
    os.utime(old, (time.time() - 100,) * 2)
    fill(tmp_path / "file")
    assert names(tmp_path) == sorted([young.name, "file"])


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_folder_that_cannot_be_exchanged_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """Ctrl-C between two renames, where names cannot be exchanged in one step: neither the old nor the new folder."""
    fill_folder(tmp_path / "folder", "old")
    rename = Path.rename

    def interrupted(a: Path, b: Path) -> Path:
        if b == tmp_path / "folder" and a.parent.name != "old":
            raise error("between")
        return rename(a, b)

    monkeypatch.setattr(files, "_exchange_names", lambda a, b: False)
    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(error):
        fill_folder(tmp_path / "folder", "new")
    assert (tmp_path / "folder/inside").read_text() == "old"
    monkeypatch.setattr(Path, "rename", rename)
    fill_folder(tmp_path / "folder", "new")
    assert (tmp_path / "folder/inside").read_text() == "new"
    assert names(tmp_path) == ["folder"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """A file that is silently exchanged for a folder of the same name."""
    fill(tmp_path / "file", "old")
    with pytest.raises(InputError, match="is a file, expected a folder"):
        fill_folder(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "old"


@posix
def test_outputs_that_are_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback for a link to itself; a folder named `-`; the working folder exchanged under one's feet."""
    (tmp_path / "loop").symlink_to("loop")
    for write in (fill, fill_folder):
        with pytest.raises(InputError, match="leads to itself"):
            write(tmp_path / "loop")
    with pytest.raises(InputError, match="leads to itself"):
        check_outputs({"--out": tmp_path / "loop"}, [])
    monkeypatch.chdir(tmp_path)
    for place, words in (("-", "is a stream"), ("/dev/null", "is a stream"), (".", "is the working folder")):
        with pytest.raises(InputError, match=words):
            fill_folder(Path(place))
    for name in ("/dev/stdout", "//dev/stdout", "/dev/../dev/stdout", "/proc/thread-self/fd/1", "/dev/fd/3"):
        assert files.is_stream(Path(name))
    assert names(tmp_path) == ["loop"]


@posix
def test_a_log_behind_stdout_keeps_its_lines(tmp_path: Path) -> None:
    """`-o /dev/stdout >> log`, which emptied the log first."""
    code = (
        "from pathlib import Path; from benchmark.files import replace_when_complete\n"
        "with replace_when_complete(Path('/dev/stdout')) as partial: partial.write_text('new')"
    )
    (tmp_path / "log").write_text("old ")
    with (tmp_path / "log").open("ab") as log:
        subprocess.run([sys.executable, "-c", code], stdout=log, check=True, cwd=Path(__file__).parents[1])
    assert (tmp_path / "log").read_text() == "old new"


def test_an_output_is_no_input(tmp_path: Path) -> None:
    """Predictions that are overwritten by their own scores, or a picture of the data set by a drawing of it."""
    data, file = tmp_path / "data", tmp_path / "preds.jsonl"
    fill_folder(data)
    fill(file)
    (tmp_path / "link").symlink_to(file)
    (tmp_path / "hard").hardlink_to(file)
    for output in (file, tmp_path / "link", tmp_path / "hard", tmp_path / "data/../preds.jsonl"):
        with pytest.raises(InputError, match=r"--output: .* is the input .*preds.jsonl"):
            check_outputs({"--output": output}, [file, data])
    for output in (data, data / "inside", data / "new", data / "sub/new"):
        with pytest.raises(InputError, match=r"--out: .* lies in the input folder"):
            check_outputs({"--out": output}, [file, data])
    with pytest.raises(InputError, match=r"--out: .* holds the input .*preds.jsonl"):
        check_outputs({"--out": tmp_path}, [file])
    (tmp_path / "linked").symlink_to(tmp_path)
    for twice in (tmp_path / "data/../x", tmp_path / "linked/x"):
        with pytest.raises(InputError, match=r"--b: .* is also the output of --a"):
            check_outputs({"--a": tmp_path / "x", "--b": twice}, [])
    with pytest.raises(InputError, match=r"--b: .* is also the output of --a"):
        check_outputs({"--a": tmp_path / "x", "--b": tmp_path / "x"}, [])
    with pytest.raises(InputError) as caught:
        check_outputs({"--a": file, "--b": data / "x"}, [file, data])
    assert len(caught.value.problems) == 2
    check_outputs({"--a": tmp_path / "x", "--b": Path("-"), "--c": None, "--d": Path(os.devnull)}, [file, data, None])
