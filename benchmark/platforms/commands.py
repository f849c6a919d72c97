"""The verbs `export` and `simulate` of `python -m benchmark.leaderboard`."""

import sys
import tempfile
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .. import cli
from ..dataset import open_dataset
from ..dataset.schema import EVALUATED_SPLITS
from ..errors import InputError
from ..files import replace_when_complete

#: Bytes beyond which a zip archive has another form (zip64), which platforms need not read.
MAX_BUNDLE = 4_000_000_000


class Platform(StrEnum):
    """Where the benchmark can be hosted."""

    codabench = "codabench"
    evalai = "evalai"


def export(
    platform: Annotated[Platform, typer.Argument(help="codabench or evalai.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The bundle to write, such as bundle.zip.")],
    data: cli.Data = None,
    title: Annotated[str, typer.Option(help="Of the challenge.")] = "CapOnImage",
    start: Annotated[str | None, typer.Option(help="First day of val, YYYY-MM-DD. [default: today]")] = None,
    test_start: Annotated[str | None, typer.Option(help="First day of test. [default: 90 days later]")] = None,
    end: Annotated[str | None, typer.Option(help="Day of the end. [default: 180 days later]")] = None,
    time_limit: Annotated[int, typer.Option(min=1, help="Seconds for scoring one submission.")] = 1800,
    packages: Annotated[
        str | None,
        typer.Option(
            help="numpy etc.: installed (those from here), none (the worker has them), or a folder of wheels. "
            "[default: installed for codabench; none for evalai, which installs requirements.txt]"
        ),
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="Docker image of Codabench's worker. [default: python:<this version>-slim]")
    ] = None,
    pictures: Annotated[bool, typer.Option(help="Give participants the pictures, text blacked out.")] = True,
) -> None:
    """Write all that Codabench or EvalAI needs to host the benchmark with hidden references.

    Participants' data, captions removed, are in the bundle of Codabench, and for EvalAI in `BUNDLE.public.zip`.

    Examples::

        python -m benchmark.leaderboard export codabench --data DIR -o bundle.zip
        python -m benchmark.leaderboard export evalai --data DIR -o challenge.zip --packages wheels/
    """
    cli.require_board_extra()
    from . import codabench, evalai
    from .bundle import folder_members, write_zip
    from .public import write_public
    from .texts import Challenge

    if output.is_dir():
        raise InputError(f"{output} is a folder, expected a file to write; try -o {output / 'bundle.zip'}")
    splits = open_dataset(data)
    if missing := [name for name in EVALUATED_SPLITS if name not in splits]:
        raise InputError(f"the data set has no split {' and no '.join(missing)}, expected val and test")
    scored = {name: splits[name] for name in EVALUATED_SPLITS}
    first = _day("--start", start, date.today())
    second = _day("--test-start", test_start, first + timedelta(90))
    last = _day("--end", end, second + timedelta(90))
    if not first < second < last:
        raise InputError(f"got {first}, {second} and {last}, expected start, start of test and end in this order")
    if not 0 < len(title) <= 64:
        raise InputError(f"--title: got {len(title)} characters, expected 1 to 64")
    plan = Challenge(title, first, second, last, time_limit, any(split.synthetic for split in scored.values()))
    public = output.with_suffix(".public.zip")
    to_codabench = platform is Platform.codabench
    packages = packages or ("installed" if to_codabench else "none")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if to_codabench:
            codabench.fill(folder, scored, plan, packages=packages, image=image, pictures=pictures)
        else:
            evalai.fill(folder, scored, plan, packages=packages)
            with replace_when_complete(public) as partial:
                write_public(scored, partial, pictures=pictures)
        size = sum(path.stat().st_size for _, path in folder_members(folder))
        if size > MAX_BUNDLE:
            raise InputError(f"the bundle has {size:,} bytes, expected at most {MAX_BUNDLE:,}; try --no-pictures")
        with replace_when_complete(output) as partial:
            write_zip(partial, folder_members(folder))
    print(f"wrote {output} ({output.stat().st_size / 1e6:,.1f} MB): secret, it holds the references")
    if not to_codabench:
        print(f"wrote {public} ({public.stat().st_size / 1e6:,.1f} MB): for participants")
        if packages == "none":
            print("its workers install requirements.txt; where they have no network, give --packages WHEELS")
    print(f"try it: python -m benchmark.leaderboard simulate {platform} {output} preds.zip")


def _day(option: str, text: str | None, default: date) -> date:
    try:
        return date.fromisoformat(text) if text else default
    except ValueError:
        raise InputError(f"{option}: got {text!r:.40}, expected a day as YYYY-MM-DD") from None


def simulate(
    platform: Annotated[Platform, typer.Argument(help="codabench or evalai.")],
    bundle: Annotated[Path, typer.Argument(help="What export wrote.")],
    predictions: Annotated[Path, typer.Argument(help="What a participant uploads: a zip with preds.jsonl.")],
    phase: Annotated[str, typer.Option(help="val or test.")] = "test",
    time_limit: Annotated[int | None, typer.Option(min=1, help="Seconds. [default: the bundle's]")] = None,
    memory: Annotated[int, typer.Option(min=256, help="Memory of the worker, MiB.")] = 4096,
    python: Annotated[str | None, typer.Option(help="Interpreter of the worker. [default: this one]")] = None,
) -> None:
    """Score a submission offline the way the platform's worker does, and check its contract.

    Exit codes: 0 scored, 1 the submission is refused (as the worker would refuse it), 2 the bundle breaks the contract.

    Example::

        python -m benchmark.leaderboard simulate codabench bundle.zip preds.zip --phase val
    """
    cli.require_board_extra()
    from ..grid import Cell, Grid, number
    from .simulate import Worker
    from .simulate import simulate as run

    if not predictions.is_file():
        raise InputError(f"cannot read {predictions}: no such file; expected a submission, such as preds.zip")
    worker = Worker(python or sys.executable, time_limit, memory << 20)
    outcome = run(platform, bundle, predictions, phase=phase, worker=worker)
    if outcome.run:
        print(
            f"{platform}, phase {phase}: exit {outcome.run.code} after {outcome.run.seconds:.1f} of "
            f"{outcome.time_limit} seconds; {memory:,} MiB, no network, no other programs"
        )
    if outcome.scores:
        grid = Grid("scores", ["column", "shown", "exactly"])
        for name, value in outcome.scores.items():
            grid.add(name, number(value), Cell(value, repr(value)))
        grid.show(cli.stdout)
    if outcome.refused:
        print(f"refused; the participant reads:\n{outcome.refused}")
    if outcome.breaches:
        raise InputError(*(f"contract of {platform}: {breach}" for breach in outcome.breaches))
    print("the bundle keeps the contract")
    if outcome.refused:
        raise typer.Exit(1)
