"""`python -m benchmark.leaderboard`: check entries; print the schema of their metadata.

Exit codes: 0 all entries pass, 1 an entry fails, 2 bad usage.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.errors import InputError
from benchmark.leaderboard import require_extra

app = cli.group()


@app.callback()
def main() -> None:
    """Entries of the leaderboard. Example: `python -m benchmark.leaderboard check submissions/20270131_my-system`."""


@app.command()
def check(
    entries: Annotated[list[Path] | None, typer.Argument(help="Folders of entries. [default: all of them]")] = None,
    data: Annotated[
        str | None, typer.Option(help="Data set folder, or mini. [default: $CAPONIMAGE_DATA, else mini]")
    ] = None,
    submissions: Annotated[Path, typer.Option(help="Where all entries are.")] = Path("submissions"),
    maintainer: Annotated[bool, typer.Option(help="Let entries say `checked` and `reproduced`.")] = False,
) -> None:
    """Run every check on entries, list all failures, and exit with 1 if there is one.

    Examples::

        python -m benchmark.leaderboard check                                    # all of submissions/
        python -m benchmark.leaderboard check submissions/20270131_my-system --data DIR
    """
    require_extra()
    from benchmark.leaderboard.check import Checker

    if not entries:
        if not submissions.is_dir():
            raise InputError(f"{submissions}: no such folder; name one with --submissions, or entries to check")
        entries = sorted(path for path in submissions.iterdir() if not path.name.startswith(".") and path.is_dir())
    checker = Checker(open_dataset(data), maintainer=maintainer)
    failing = failures = 0
    for path in entries:
        # Entries in another folder are compared with those of their own folder.
        report = checker.check(path)
        failing += bool(report.failures)
        failures += len(report.failures)
        print(f"{'FAIL' if report.failures else 'ok  '} {_printable(path.absolute().name)[:100]}")
        for name, problem in report.failures:
            print(f"     {name}: {_printable(problem)}")
        for note in report.notes:
            print(f"     note: {note}")
    print(f"{len(entries)} entries: {len(entries) - failing} pass, {failing} fail, {failures} failures")
    if failing:
        raise typer.Exit(1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of metadata.yaml.

    Example::

        python -m benchmark.leaderboard schema > metadata.schema.json
    """
    require_extra()
    from benchmark.leaderboard.metadata import json_schema

    print(json.dumps(json_schema(), indent=1, ensure_ascii=False))


def _printable(text: str) -> str:
    """Text of strangers for a terminal: what cannot be printed is shown as its code."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


if __name__ == "__main__":
    cli.run(app)
