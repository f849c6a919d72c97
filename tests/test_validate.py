"""`python -m benchmark.validate`: exit codes, one screen, repair, and the same verdict as scoring."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prediction_files import CAPTIONS, RECORDS, text, tiny_split

from benchmark.dataset.store import Split
from benchmark.predictions import read_predictions, write_predictions


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return tiny_split(tmp_path_factory.mktemp("tiny"))


def run(
    split: Split, *arguments: str | Path, verb: str = "validate", stdin: bytes = b""
) -> subprocess.CompletedProcess[str]:
    """Run a command on the split; its stderr comes without the line breaks of a narrow terminal."""
    command = [sys.executable, "-m", f"benchmark.{verb}", *map(str, arguments)]
    environment = os.environ | {"CAPONIMAGE_DATA": str(split.directory), "PYTHONUTF8": "1"}
    done = subprocess.run(command, capture_output=True, input=stdin, env=environment, check=False)
    errors = " ".join(done.stderr.decode().split())
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), errors)


def test_good_file(split: Split, tmp_path: Path) -> None:
    write_predictions(tmp_path / "preds.jsonl.gz", split, [*CAPTIONS[:-1], ""])
    done = run(split, tmp_path / "preds.jsonl.gz", "--split", "test")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("fine, 8 captions for 3 images of caponimage2m/test, 1 of them empty\n")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_stdin(split: Split, pack: type[bytes]) -> None:
    done = run(split, "-", stdin=pack(text().encode()))
    assert (done.returncode, done.stderr) == (0, "")
    assert run(split, "-", stdin=pack(text({"box": 7}).encode())).stderr.count("stdin:1 (image lamp)") == 1


def test_bad_file(split: Split, tmp_path: Path) -> None:
    """Everything at once, exit code 2; nothing on stdout that a pipe could take for a result."""
    (tmp_path / "preds.jsonl").write_text(text({"image_id": "lamp.png"}, "{", {"box": 9}, {"caption": None}))
    done = run(split, tmp_path / "preds.jsonl")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("error: ") == 5
    assert "--fix OUT repairs this" in done.stderr
    assert "no prediction for 2 of 8 boxes" in done.stderr


def test_invisible_characters_are_told(split: Split, tmp_path: Path) -> None:
    """Captions from web pages look right and score 0; the file is fine all the same."""
    lines = text({}, {"caption": "不\u200b频\u200b闪"}, {"caption": "\ufeff好\u200b"}, {"caption": "❤\ufe0f"})
    (tmp_path / "preds.jsonl").write_text(lines)
    done = run(split, tmp_path / "preds.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    assert "fine, 8 captions" in done.stdout
    said = done.stdout.splitlines()[-1]
    assert "3 captions hold invisible characters" in said
    assert "(U+200B ZERO WIDTH SPACE in 2, U+FEFF ZERO WIDTH NO-BREAK SPACE in 1, U+FE0F VARIATION SEL" in said
    assert said.endswith("the first is on line 2: '不\\u200b频\\u200b闪'")
    (tmp_path / "preds.jsonl").write_text(text())
    assert "hold invisible" not in run(split, tmp_path / "preds.jsonl").stdout


def test_wrong_split(split: Split, tmp_path: Path) -> None:
    (tmp_path / "preds.jsonl").write_text(text())
    done = run(split, tmp_path / "preds.jsonl", "--split", "val", "--data", split.directory)
    assert done.returncode == 2
    assert "these are images of split 'test'; another file, or --split test?" in done.stderr


def test_fix(split: Split, tmp_path: Path) -> None:
    path, out = tmp_path / "preds.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(("\ufeff" + text({"image_id": "lamp.png"}, {"box": "1"})).replace("\n", "\r\n").encode())
    done = run(split, path, "--fix", out)
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("byte order mark (BOM): removed (1 x)", "reduced to the id (1 x)", "an integer (1 x)", "made \\n"):
        assert words in done.stdout
    assert f"wrote {out}" in done.stdout
    assert f"{out}: fine" in done.stdout
    assert read_predictions(out, split) == CAPTIONS
    assert "nothing to repair" in run(split, out, "--fix", path).stdout


def test_fix_that_is_not_enough(split: Split, tmp_path: Path) -> None:
    """The exit code must not say that a half repaired file is fine."""
    (tmp_path / "preds.jsonl").write_text("\ufeff" + text({"image_id": "sofa"}))
    done = run(split, tmp_path / "preds.jsonl", "--fix", tmp_path / "out.jsonl")
    assert done.returncode == 2
    assert "wrote" in done.stdout
    assert "fine" not in done.stdout
    assert "unknown image" in done.stderr
    assert "byte order mark" not in done.stderr
    assert (tmp_path / "out.jsonl").read_text() == text({"image_id": "sofa"})


@pytest.mark.parametrize(
    "arguments",
    [
        ["absent.jsonl"],
        ["."],
        ["-", "--fix", "-"],
        ["-", "--fix", "."],
        ["-", "--fix", "/dev/null"],
        ["-", "--split", "x"],
        ["-", "--data", "x"],
        [],
    ],
)
def test_wrong_usage(split: Split, arguments: list[str]) -> None:
    done = run(split, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_errors_that_fill_a_file_print_one_screen(split: Split, tmp_path: Path) -> None:
    """Also what a terminal would take for commands stays text."""
    lines = text({"image_id": "\x1b[2J\u202elamp"}, {"caption": "\x1b]0;x\x07"}, records=RECORDS[:3]) * 300
    (tmp_path / "preds.jsonl").write_text(lines)
    command = [
        sys.executable,
        "-m",
        "benchmark.validate",
        str(tmp_path / "preds.jsonl"),
        "--data",
        str(split.directory),
    ]
    errors = subprocess.run(command, capture_output=True, check=False).stderr.decode()
    assert len(errors.splitlines()) < 50
    assert not {"\x1b", "\x07", "\u202e"} & set(errors)


def test_scoring_refuses_in_the_same_words(split: Split, tmp_path: Path) -> None:
    """A file that validation refuses must not get a score, nor the other way round."""
    path = tmp_path / "preds.jsonl"
    path.write_text(text({"box": 9}))
    validated, scored = (run(split, path, verb=verb) for verb in ("validate", "score"))
    assert (scored.returncode, scored.stderr) == (validated.returncode, validated.stderr)
    path.write_text(text())
    assert run(split, path).returncode == run(split, path, verb="score").returncode == 0
