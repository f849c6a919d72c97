"""The check of a device, in its small form on the CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmark.errors import InputError
from reference_model import gpu_check, gpu_parts


def check(directory: Path, output: Path, *more: str) -> tuple[dict[str, dict[str, object]], str]:
    command = [sys.executable, "-m", "reference_model.gpu_check", "--data", str(directory), "-o", str(output), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return json.loads(output.read_text(encoding="utf-8"))["parts"], done.stdout


@pytest.mark.slow
def test_every_part_finds_something(directory: Path, tmp_path: Path) -> None:
    """A part that has never run before somebody rents a GPU for it."""
    only = [word for name in gpu_check.PARTS if name != "compile" for word in ("--only", name)]
    parts, shown = check(directory, tmp_path / "found.json", "--minutes", "4", *only)
    assert list(parts) == [name for name in gpu_check.PARTS if name != "compile"]
    assert not [part for part in parts.values() if "left_out" in part]
    (equal,) = parts["equality"]["rows"]
    assert equal["equal"]
    assert len(equal["device"]) == 10
    assert [row["precision"] for row in parts["training"]["rows"]] == ["bf16", "tf32", "fp32"]
    assert all(row["updates_per_second"] > 0 and row["flop_per_update"] > 1e6 for row in parts["training"]["rows"])
    assert all(row["share_of_peak"] is None for row in parts["training"]["rows"]), "nothing is known of this device"
    assert len(parts["decoding"]["rows"]) == 4
    assert all(row["images_per_second"] > 0 for row in parts["loader"]["rows"])
    assert [row["variant"] for row in parts["rows"]["rows"]] == list(gpu_parts.ROWS)
    assert all(row["updates"] == 10 and "CIDEr" in row["scores"] for row in parts["rows"]["rows"])
    table = (tmp_path / "found.md").read_text(encoding="utf-8")
    assert "no peak is known for this device" in table
    assert "equal within 0.001" in shown


def test_what_there_is_no_time_for_is_said(directory: Path, tmp_path: Path) -> None:
    """A GPU held for an hour by a part that hangs; a table in which nobody sees what is missing."""
    parts, shown = check(directory, tmp_path / "found.json", "--minutes", "0.05", "--only", "rows", "--only", "loader")
    assert all(parts[name]["left_out"].endswith("the time was up") for name in ("rows", "loader"))
    assert "left out" in shown


def test_what_was_found_is_kept_when_a_part_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes of measurements lost because one part ran out of memory."""

    def fails(check: gpu_check.Check, seconds: float) -> object:
        yield {"workers": 0, "images_per_second": 5.0}
        written.append(json.loads((tmp_path / "found.json").read_text()))
        raise RuntimeError("out of memory\nwith much more to say")

    written: list[dict[str, object]] = []
    parts = {"loader": (1, fails), "decoding": (1, lambda check, seconds: iter([]))}
    monkeypatch.setattr(gpu_check, "PARTS", parts)
    gpu_check._measure(tmp_path / "found.json", gpu_check.Check({}, small=True), list(parts), 10, "this one")
    found = json.loads((tmp_path / "found.json").read_text())
    assert written[0]["parts"] == {"loader": {"rows": [{"workers": 0, "images_per_second": 5.0}]}}
    assert found["parts"]["loader"]["left_out"] == "RuntimeError: out of memory"
    assert "seconds" in found["parts"]["decoding"]
    assert "loader alone, 0 processes" in gpu_check.report(found).markdown()


def test_a_part_that_is_none_is_refused() -> None:
    """Minutes on a GPU for a word that was mistyped."""
    import typer

    app = typer.Typer()
    app.command()(gpu_check.main)
    result = CliRunner().invoke(app, ["--only", "trainning"])
    assert isinstance(result.exception, InputError)
    assert "expected one of equality" in str(result.exception)


def test_an_output_that_is_no_file_is_refused_and_an_old_one_stays_until_then(directory: Path, tmp_path: Path) -> None:
    """A pipe or a device replaced by a file; a table in a folder that nobody named; an old result passed off as new."""
    pipe, old = tmp_path / "pipe", tmp_path / "old.json"
    os.mkfifo(pipe)
    old.write_text(json.dumps({"format": gpu_check.FORMAT, "parts": {"loader": {"rows": [{"workers": 9}]}}}))
    for output in (str(pipe), "-", str(tmp_path / "missing" / "found.json")):
        with pytest.raises(InputError, match="expected a file in a folder that exists"):
            gpu_check.main(output=Path(output), minutes=1, small=True, only=None, data=str(directory), measuring="")
    assert pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.json", "pipe"]
    parts, _ = check(directory, old, "--minutes", "0.05", "--only", "loader")
    assert {"workers": 9} not in parts["loader"]["rows"]
