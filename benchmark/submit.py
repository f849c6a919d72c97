"""`python -m benchmark.submit`: check and score prediction files, and write a leaderboard entry.

Invariants:
* an entry is written only if everything about it is fine; all problems are reported at once;
* it is built in a folder beside its final one and then renamed, and never replaces another entry.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from . import cli
from .dataset import open_dataset
from .dataset.schema import EVALUATED_SPLITS
from .dataset.store import Split
from .errors import InputError
from .files import put_folder, replace_when_complete, temporary_place
from .predictions import read_predictions
from .scoring.evaluation import Evaluation, evaluate
from .scoring.tables import seeds_table
from .shell import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from .leaderboard.metadata import Metadata
    from .leaderboard.new_entry import Captions

_T = TypeVar("_T")


def main(
    predictions: Annotated[
        list[Path], typer.Argument(help="Prediction files for test (also .gz, .zst), one per seed.")
    ],
    val: Annotated[
        list[Path], typer.Option(help="Prediction file for val; repeat it for each seed, in the same order.")
    ],
    metadata: Annotated[Path, typer.Option(help="Metadata of the system; `init` writes a template.")] = Path(
        "metadata.yaml"
    ),
    data: cli.Data = None,
    submissions: Annotated[Path, typer.Option(help="Folder of all leaderboard entries.")] = Path("submissions"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and score, but write nothing.")] = False,
) -> None:
    r"""Check predictions and metadata, score them, and write an entry of the leaderboard.

    Examples::

        # write metadata.yaml, to be filled in
        python -m benchmark.submit init
        python -m benchmark.submit preds.test.jsonl --val preds.val.jsonl
        # two seeds of one system
        python -m benchmark.submit seed1.test.jsonl seed2.test.jsonl \
            --val seed1.val.jsonl --val seed2.val.jsonl --metadata metadata.yaml
    """
    from .leaderboard.check import Checker
    from .leaderboard.entries import all_entries, entry_name
    from .leaderboard.new_entry import fill_entry

    splits = open_dataset(data)
    there = all_entries(submissions) if submissions.exists() else []
    checker = Checker(splits, merged=frozenset(path.name for path in there))
    about, seeds = _read_all(metadata, {"val": val, "test": predictions}, splits, submissions)
    name = entry_name(about)
    evaluations = [{split: evaluate(splits[split], captions[split]) for split in captions} for captions in seeds]
    for split in EVALUATED_SPLITS:
        seeds_table(splits[split], [one[split] for one in evaluations]).show(cli.stdout)

    target = submissions / name
    with temporary_place(Path(tempfile.gettempdir()) if dry_run else submissions) as place:
        fill_entry(place / name, about, seeds, evaluations, splits)
        # The receipts were just made from these captions, so the check that recomputes them is left out.
        report = checker.check(place / name, beside=submissions, without=["receipts"])
        if report.failures:
            raise InputError(*(problem.replace(f"{place.absolute()}/", "") for _, problem in report.failures))
        for warning in report.warnings:
            cli.say(f"a reviewer will look at this: {warning}")
        for note in report.notes:
            cli.say(note)
        _show_rank(name, about, evaluations, splits, submissions)
        if dry_run:
            cli.say(f"all checks passed; without --dry-run, {target} would be written")
            return
        _refuse_existing(target)
        put_folder(place / name, target, replace=False)
    cli.say(f"wrote {target}; to hand it in:\n\n{_git_commands(target)}")


def init(
    out: Annotated[
        Path, typer.Argument(parser=cli.file_named("metadata.yaml"), metavar="FILE", help="Metadata file to write.")
    ] = Path("metadata.yaml"),
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Ask for every field in the terminal.")
    ] = False,
) -> None:
    """Write a template of metadata.yaml in which every field is explained, or filled in by questions.

    Examples::

        python -m benchmark.submit init metadata.yaml
        # ask for every field; Ctrl-C stops and writes the answers so far
        python -m benchmark.submit init --interactive
    """
    from .leaderboard.interview import Interview
    from .leaderboard.metadata import template

    if out.exists() or out.is_symlink():
        raise InputError(f"{out} exists and is not overwritten; name another file")
    interview, complete = Interview(input, cli.say), not interactive
    if interactive:
        try:
            interview.run()
            complete = True
        except (EOFError, KeyboardInterrupt):
            cli.say("\nstopped")
    with replace_when_complete(out) as partial:
        partial.write_text(template(interview.answers), encoding="utf-8", newline="\n")
    if not complete:
        cli.say(f"wrote {out} with the answers so far; fill in the rest")
        raise typer.Exit(130)
    then = f"python -m benchmark.submit preds.test.jsonl --val preds.val.jsonl --metadata {quoted(out)}"
    cli.say(f"wrote {out}; {'then' if interactive else 'fill it in, then'}: {then}")


def _read_all(
    metadata: Path, files: dict[str, list[Path]], splits: dict[str, Split], submissions: Path
) -> "tuple[Metadata, list[Captions]]":
    """Read the metadata and the captions of each seed; raises all problems of all files in one error."""
    from .leaderboard.entries import entry_name
    from .leaderboard.metadata import read_metadata

    problems: list[str] = []

    def attempt(read: "Callable[[], _T]") -> _T | None:
        try:
            return read()
        except InputError as error:
            problems.extend(error.problems)
            return None

    about = attempt(lambda: read_metadata(metadata))
    if about is not None:
        attempt(lambda: _refuse_existing(submissions / entry_name(about)))
    expected = len(about.seeds) if about else len(files["test"])
    for split, paths in files.items():
        if len(paths) != expected:
            problems.append(f"got {len(paths)} prediction files for {split}, expected {expected}, one per seed")
    read: dict[str, list[list[str]]] = {split: [] for split in files}
    for split, paths in files.items():
        for path in paths:
            captions = attempt(lambda path=path, split=split: read_predictions(path, splits[split]))  # type: ignore[misc]
            read[split].append(captions or [])
    if problems or about is None:
        raise InputError(*problems)
    return about, [{"val": val, "test": test} for val, test in zip(read["val"], read["test"], strict=True)]


def _refuse_existing(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise InputError(f"{target} exists and is not overwritten; change name or date in the metadata")


def _show_rank(
    name: str,
    about: "Metadata",
    evaluations: list[dict[str, Evaluation]],
    splits: dict[str, Split],
    submissions: Path,
) -> None:
    """Print the ranks on val and test that the board would show, with the nearest entries and the differences."""
    from .leaderboard.board import Listed
    from .leaderboard.gather import gather
    from .leaderboard.statistics_cache import Statistics
    from .leaderboard.tables import neighbours_grid

    if about.trained_on_val_or_test:
        cli.say("trained on val or test: the entry will be listed, not ranked")
        return
    statistics = {split: [Statistics.of(splits[split], one[split]) for one in evaluations] for split in evaluations[0]}
    candidate = Listed(name, about.name, statistics, about, "self-scored")
    jobs = os.cpu_count() or 1
    board = gather(submissions, splits, candidate=candidate, jobs=jobs, log=cli.note)
    for split in statistics:
        neighbours_grid(board, split, name).show(cli.stdout)


def _git_commands(target: Path) -> str:
    return "\n".join(
        [
            f"  git switch -c submit/{target.name}",
            f"  git add {quoted(target)}",
            f"  git commit -m 'Submit {target.name}'",
            f"  git push -u origin submit/{target.name}",
            "\nthen open a pull request from that branch",
        ]
    )


if __name__ == "__main__":
    # A first argument `init` is the subcommand; a prediction file of that name is given as ./init.
    if sys.argv[1:2] == ["init"]:
        sys.argv[:2] = [f"{sys.argv[0].removesuffix('.py')} init"]  # the name of the command in the usage line
        cli.run(init)
    else:
        cli.run(main)
