"""Standard streams as they are in cron, pipes, daemons, full disks and terminals of other encodings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_split import made_split

from benchmark.predictions import write_predictions

Done = subprocess.CompletedProcess[bytes]

#: A command that prints a table, a line and more than a pipe holds, and ends with exit code 3.
COMMAND = """
import typer
from benchmark import cli
from benchmark.grid import Grid, number
def main() -> None:
    grid = Grid("\u8868 \u00b1", ["name", "score"])
    grid.add("\u597d [bold]", number(12.5))
    grid.show(cli.stdout)
    for i in range(5000):
        cli.say(f"{i} \u597d \u00b1 \\x1b[31m \\udcff")
    raise typer.Exit(3)
cli.run(main)
"""
unix = pytest.mark.skipif(os.name == "nt", reason="closes streams with a shell")


@pytest.fixture(scope="module")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prediction file beside its data set, `data`."""
    folder = tmp_path_factory.mktemp("streams")
    split, captions = made_split(folder / "data")
    write_predictions(folder / "preds.jsonl", split, captions)
    return folder / "preds.jsonl"


def shell(line: str, *arguments: object, **environment: str) -> Done:
    """Run a line of the shell, in which "$@" is a Python command."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}", "bash", sys.executable, *map(str, arguments)],
        capture_output=True,
        env=os.environ | environment,
        check=False,
        timeout=60,
    )


@unix
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gbk", "utf-8"])
def test_every_encoding_shows_every_character(encoding: str) -> None:
    """UnicodeEncodeError in a table, a message or a path, after all the work was done."""
    done = shell('"$@"', "-c", COMMAND, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (3, b"")
    shown = done.stdout.decode(encoding)
    assert "[bold]" in shown
    assert "12.50" in shown
    assert ("好" in shown) == (encoding in ("gbk", "utf-8"))
    assert ("\\u597d" in shown) == (encoding in ("ascii", "cp1252"))
    assert "\\x1b[31m \\udcff" in shown


@unix
@pytest.mark.parametrize(
    ("encoding", "style", "words"),
    [("gbk", "--json", "面霜"), ("ascii", "--markdown", "±"), ("latin-1", "--latex", "")],
)
def test_documents_are_utf_8_in_every_encoding(predictions: Path, encoding: str, style: str, words: str) -> None:
    """A receipt in GBK, which `verify` refuses; a table that ends where the encoding does."""
    score = ["-m", "benchmark.score", predictions, "--data", predictions.with_name("data"), style]
    done = shell('"$@"', *score, *([predictions] if words == "±" else []), PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert words in done.stdout.decode("utf-8")
    assert "BLEU-4" in done.stdout.decode("utf-8")


@unix
def test_scoring_with_closed_streams(predictions: Path, tmp_path: Path) -> None:
    """Cron, daemons, pythonw: a traceback on import; or a receipt that takes the number of stdout and its output."""
    score = ["-m", "benchmark.score", predictions, "--data", predictions.with_name("data"), "-o"]
    for number, closed in enumerate([">&-", "<&- >&- 2>&-"]):
        done = shell(f'"$@" {closed}', *score, tmp_path / f"{number}.json")
        assert done.returncode == 0, done.stderr
        assert "scores" in json.loads((tmp_path / f"{number}.json").read_bytes())
    lost = shell('"$@" >&-', *score, "-")
    assert (lost.returncode, b"stdout, which is closed" in lost.stderr) == (2, True)


@unix
def test_the_api_without_streams() -> None:
    """`open_split("mini")` in a program that has no terminal, whose streams Python sets to None or are foreign."""
    code = (
        "import sys\n{}\nimport benchmark.cli, benchmark.dataset.mini.build\n"
        "benchmark.cli.note('building')\nopen(sys.argv[1], 'w').write('fine')"
    )
    foreign = "class Foreign:\n    write = flush = lambda *_: None\nsys.stdout = sys.stderr = Foreign()"
    for streams in ("sys.stdout = sys.stderr = sys.stdin = None", "sys.stdout.close()", foreign):
        done = shell('"$@"', "-c", code.format(streams), "/dev/null")
        assert (done.returncode, done.stderr.replace(b"building\n", b"")) == (0, b"")


@unix
def test_stdin_that_is_closed_is_said(predictions: Path) -> None:
    """AttributeError: 'NoneType' object has no attribute 'buffer'."""
    done = shell('"$@" <&-', "-m", "benchmark.validate", "-", "--data", predictions.with_name("data"))
    assert done.returncode == 2
    assert b"-: stdin is closed" in done.stderr


@unix
def test_a_reader_that_leaves_changes_no_exit_code() -> None:
    """`| head`: a traceback, also when Python ends, and an exit code that says nothing about the work."""
    done = shell('"$@" | head -1', "-c", COMMAND)
    assert (done.returncode, done.stderr) == (3, b"")
    assert done.stdout.count(b"\n") == 1
    done = shell('"$@" 2>&1 >/dev/null | true; exit ${PIPESTATUS[0]}', "-c", "from benchmark import cli\n"
                 "from benchmark.errors import InputError\n"
                 "def main() -> None: raise InputError(*['problem'] * 9999)\ncli.run(main)")  # fmt: skip
    assert (done.returncode, done.stderr) == (2, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said() -> None:
    """Output that is lost with exit code 0, or a traceback when Python ends."""
    for command in (COMMAND, COMMAND.replace("range(5000)", "range(5)")):
        done = shell('"$@" > /dev/full', "-c", command)
        assert (done.returncode, done.stderr) == (2, b"error: cannot write to stdout: No space left on device\n")
    assert shell('"$@" 2> /dev/full', "-m", "benchmark.score", "nothing.jsonl", "--data", "nowhere").returncode == 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_no_terminal_should_act_on(predictions: Path, tmp_path: Path) -> None:
    """Escape sequences, markup and bytes that are no UTF-8, in the name of a file, in messages and in documents."""
    data = predictions.with_name("data")
    name = b"a\x1b[31m[bold]\xff\n.jsonl"
    other = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))  # noqa: PTH118
    other.write_bytes(predictions.read_bytes())
    shown = rb"a\x1b[31m[bold]\udcff"
    for arguments, code in ((["validate", other], 0), (["validate", f"{other}x"], 2), (["verify", other, other], 2)):
        done = shell('"$@"', "-m", "benchmark", *arguments, "--data", data, PYTHONUTF8="1")
        assert done.returncode == code, done.stderr
        assert shown in done.stdout + done.stderr
        assert b"\x1b" not in done.stdout + done.stderr
    done = shell('"$@"', "-m", "benchmark.compare", predictions, other, "--data", data, "--json", PYTHONUTF8="1")
    assert {os.fsencode(system) for system in json.loads(done.stdout)["systems"]} == {b"preds.jsonl", name}
    done = shell('"$@"', "-m", "benchmark.compare", predictions, other, "--data", data, "--markdown", PYTHONUTF8="1")
    assert b"\x1b" not in done.stdout
    assert done.stdout.decode("utf-8")
