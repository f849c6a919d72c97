"""`python -m reference_model.gpu_check`: what one device does with this code, in ten minutes.

Invariants:
* the parts run in a process of their own, which is ended when the time is up, whatever it is doing; what a part has
  found is on disk as soon as it is known;
* what was left out is said, with the reason, and nothing is projected: every number was measured or counted.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.errors import InputError
from benchmark.files import check_outputs, is_stream, replace_when_complete
from benchmark.grid import Cell, Content, Grid
from benchmark.processes import program
from reference_model.gpu_parts import PARTS, Check, Row

FORMAT = "caponimage-gpu-check/1"


def main(
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file; the table is written beside it.")] = Path(
        "gpu_check.json"
    ),
    minutes: Annotated[float, typer.Option(help="Time for all parts together, in minutes.", min=0.05)] = 10,
    small: Annotated[
        bool, typer.Option("--small", help="Small networks and few rounds; chosen by itself where there is no GPU.")
    ] = False,
    only: Annotated[list[str] | None, typer.Option(help="Part to run; repeatable. Without it, all are run.")] = None,
    data: cli.Data = None,
    measuring: Annotated[str, typer.Option(hidden=True, help="Name of the measurement of which this is a part.")] = "",
) -> None:
    """Measure training, decoding and loading on one device, and compare its losses with the CPU's.

    The parts are equality, training, decoding, loader, rows (three rows of Table 2 at mini size) and compile. No
    network is needed and no weights. The embedded data set is made first if it is not there yet; that takes minutes,
    once, and does not count. All parts but rows and compile took an H100 two minutes, the first compiled update nearly
    two more.

    Examples::

        python -m reference_model.gpu_check                              # ten minutes on the GPU
        python -m reference_model.gpu_check --only training --only compile --minutes 5
        python -m reference_model.gpu_check --small --minutes 1          # a small form, also on a CPU
    """
    wanted = only or list(PARTS)
    if unknown := [name for name in wanted if name not in PARTS]:
        raise InputError(f"--only: got {unknown[0]!r}, expected one of {', '.join(PARTS)}")
    if measuring:
        _measure(output, Check(open_dataset(data), small), wanted, 60 * minutes, measuring)
        return
    table = output.with_suffix(".md")
    if table == output:
        raise InputError(f"--output: got {output}, expected a name that does not end in .md, such as gpu_check.json")
    if is_stream(output) or not output.absolute().parent.is_dir():
        raise InputError(
            f"--output: got {output}, expected a file in a folder that exists; a table is written beside it"
        )
    check_outputs({"--output": output, "table": table})
    check = Check(open_dataset(data), small)
    check = replace(check, small=small or check.device.type == "cpu")
    check.prepare()
    measurement = f"{os.getpid()} {time.time()}"  # tells its results from those that are there
    command = [sys.executable, "-m", "reference_model.gpu_check", "--measuring", measurement, "-o", str(output)]
    command += [
        "--minutes",
        str(minutes),
        *(["--small"] if check.small else []),
        *(["--data", str(data)] if data else []),
    ]
    with program([*command, *(word for name in wanted for word in ("--only", name))]) as process:
        try:
            process.wait(60 * minutes)
        except subprocess.TimeoutExpired:
            ended = "the time was up"
        else:
            ended = f"the process ended with exit code {process.returncode}"
    content: dict[str, Any] = {"format": FORMAT, "parts": {}}
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(output.read_text(encoding="utf-8"))
        if isinstance(found, dict) and found.pop("measurement", None) == measurement:
            content = found
    for name in wanted:
        part = content["parts"].setdefault(name, {"rows": []})
        if "seconds" not in part:
            part["left_out"] = f"ended early: {ended}" if part["rows"] else ended
    _write(output, content)
    grid = report(content)
    with replace_when_complete(table) as partial:
        partial.write_text(grid.markdown() + "\n", encoding="utf-8")
    grid.show(cli.stdout)
    cli.say_written(output)


def _measure(output: Path, check: Check, wanted: list[str], seconds: float, measurement: str) -> None:
    """Run the parts, each within its share of the seconds, and write what they find as they find it."""
    from reference_model.processor import this_processor

    started = time.monotonic()
    content: dict[str, Any] = {
        "format": FORMAT,
        "measurement": measurement,
        "processor": asdict(this_processor(check.device)),
        "small": check.small,
        "limit_seconds": seconds,
        "parts": {},
    }
    shares = sum(PARTS[name][0] for name in wanted)
    for name in wanted:
        share, find = PARTS[name]
        left = seconds - (time.monotonic() - started)
        part: dict[str, Any] = {"rows": []}
        content["parts"][name] = part
        begun = time.monotonic()
        try:
            for row in find(check, left * share / shares):
                part["rows"].append(row)
                _write(output, content)
        except Exception as error:  # the other parts can still be measured
            said = (str(error).strip().splitlines() or ["no message"])[0]
            part["left_out"] = f"{type(error).__name__}: {said:.200}"
        part["seconds"] = time.monotonic() - begun
        shares -= share
        _write(output, content)


def _write(output: Path, content: dict[str, Any]) -> None:
    with replace_when_complete(output) as partial:
        partial.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def report(content: dict[str, Any]) -> Grid:
    """What was found as one table."""
    processor = content.get("processor", {})
    device = processor.get("device", "unknown")
    name = processor.get("model") or processor.get("vendor") if device == "cpu" else device
    size = "small sizes" if content.get("small") else "paper size"
    grid = Grid(f"{name}, PyTorch {processor.get('torch', '?')}, {size}", ["", "value", "how known"])
    for part, found in content["parts"].items():
        for row in found["rows"]:
            for what, value, how in _told(part, row):
                grid.add(what, value, how)
        if "left_out" in found:
            grid.add(part, found["left_out"], "left out")
    return grid


def _told(part: str, row: Row) -> Iterator[tuple[str, Content, str]]:
    """Lines of the table for a row of a part."""
    if part == "equality":
        verdict = "equal" if row["equal"] else "NOT equal"
        form = f"{{:.1e}}, {verdict} within {row['tolerance']:g}"
        yield (
            "losses of ten updates, fp32: largest relative difference from the CPU",
            Cell(row["largest_relative_difference"], form),
            "measured",
        )
    elif part in ("training", "compile"):
        kind = f"training, {row['precision']}{', compiled' if row['compiled'] else ''}"
        yield (
            f"{kind}: updates",
            Cell(row["updates_per_second"], f"{{:,.2f}} per second, {row['captions_per_update']:.0f} captions each"),
            "measured",
        )
        top = row["peak_flop_per_second"]
        if top:
            yield (
                f"{kind}: share of the peak",
                Cell(row["share_of_peak"], f"{{:.1%}} of {top / 1e12:.0f} TFLOP/s"),
                "counted / measured / data sheet",
            )
        else:
            yield (
                f"{kind}: arithmetic",
                Cell(row["flop_per_second"] / 1e9, "{:,.1f} GFLOP/s; no peak is known for this device"),
                "counted / measured",
            )
        if row["memory_bytes"]:
            yield f"{kind}: memory", Cell(row["memory_bytes"] / 2**30, "{:.2f} GiB"), "measured"
        if row["compiled"]:
            yield f"{kind}: first update", Cell(row["first_update_seconds"], "{:.1f} s"), "measured"
    elif part == "decoding":
        yield (
            f"decoding, {row['search']}, {row['precision']}",
            Cell(row["captions_per_second"], "{:,.0f} captions per second"),
            "measured",
        )
    elif part == "loader":
        yield (
            f"loader alone, {row['workers']} processes",
            Cell(row["images_per_second"], "{:,.0f} images per second"),
            "measured",
        )
    elif "left_out" in row:
        yield f"Table 2 at mini size: {row['variant']}", row["left_out"], "left out"
    else:
        scores = ", ".join(f"{name} {value:.2f}" for name, value in row["scores"].items())
        extent = f"{row['updates']} of {row['of_updates']} updates in {row['seconds']:.0f} s"
        yield f"Table 2 at mini size: {row['variant']}", f"{scores} ({extent})", "measured"


if __name__ == "__main__":
    cli.run(main)
