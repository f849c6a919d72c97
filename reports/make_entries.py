"""`python -m reports.make_entries`: make leaderboard entries from the stored results of Table 2's trained rows.

Rows that share a run share an entry, which holds all stored seeds. Entries are made and checked by the same functions
as anybody's (`benchmark.submit`), and made again when more seeds are stored. Entries of others are never changed.
"""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.dataset.schema import EVALUATED_SPLITS
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.files import put_folder, temporary_place
from benchmark.leaderboard.check import Checker
from benchmark.leaderboard.entries import entry_name
from benchmark.leaderboard.metadata import Metadata, read_metadata
from benchmark.leaderboard.new_entry import fill_entry
from benchmark.scoring.evaluation import evaluate
from benchmark.shell import quoted
from reference_model.registry import PROFILES
from reports.experiments import TABLE2, TableRow
from reports.runs.stored import RESULTS, Run, check_data, find_runs

AUTHORS = "The CapOnImage benchmark authors"
_PAPER = "https://aclanthology.org/2022.emnlp-main.226"
#: Data of the small backbone's initial weights (docs/reproduce.md): not the train split, so they count as external.
_BACKBONE_DATA = "4,000 other pictures of the data set's generator, for the backbone"
#: Evaluations on test per system: every trial run scores test at its end, though settings were chosen on val
#: (docs/reproduce.md). Up to seven trials of one system are known, and some were not kept, so this is rounded up.
_ATTEMPTS = 10


def main(
    date: Annotated[
        str, typer.Option(help="Date of new entries, YYYY-MM-DD; existing ones keep theirs. [default: today]")
    ] = "",
    contact: Annotated[str, typer.Option(help="E-mail or web address of the authors.")] = "authors@example.org",
    profile: Annotated[str, typer.Option(help=f"Model sizes of the runs: {', '.join(PROFILES)}.")] = "mini",
    data: cli.Data = None,
    results: Annotated[
        Path, typer.Option(help="Folder of stored results. [default: reports/results]", show_default=False)
    ] = RESULTS,
    submissions: Annotated[Path, typer.Option(help="Folder of all leaderboard entries.")] = Path("submissions"),
) -> None:
    """Make, or make again, a leaderboard entry for each trained row of Table 2 that has stored results.

    Examples::

        python -m reports.make_entries --date 2026-11-25
    """
    splits = open_dataset(data)
    found = list(_rows(profile, results))
    if not found:
        raise InputError(
            f"{results / profile} holds no results of Table 2; store some: python -m reports.store_results RUNS "
            f"--profile {profile} --results {quoted(results)}"
        )
    try:
        day = datetime.date.fromisoformat(date) if date else datetime.date.today()
    except ValueError:
        raise InputError(f"--date: got {date!r:.40}, expected YYYY-MM-DD") from None
    days = {about.name: about.date for about in _own_entries(submissions)}
    checker = Checker(splits)
    for label, row, runs in found:
        name = f"{label} (scaled down)" if profile != "paper" else label
        about = _metadata(name, row, profile, runs, splits["train"], days.get(name, day), contact)
        made = _make(about, runs, splits, submissions, checker, again=name in days)
        cli.say(f"{made}: {len(runs)} seeds")


def _rows(profile: str, results: Path) -> Iterator[tuple[str, TableRow, list[Run]]]:
    """Label, a row, and stored runs by seed, of each distinct configuration of Table 2."""
    by_hash: dict[str, list[TableRow]] = {}
    for row in TABLE2:
        if row.variant:
            by_hash.setdefault(row.config(profile).hash, []).append(row)
    for rows in by_hash.values():
        config = rows[0].config(profile)
        runs = [run for run in find_runs([results / profile], config) if run.complete]
        if runs:
            yield " = ".join(row.label for row in rows), rows[0], sorted(runs, key=lambda run: run.content["seed"])


def _metadata(
    name: str, row: TableRow, profile: str, runs: list[Run], train: Split, day: datetime.date, contact: str
) -> Metadata:
    from reference_model.measure import count_parameters
    from reference_model.training.vocabulary import Vocabulary

    config = row.config(profile)
    parameters, _ = count_parameters(config, len(Vocabulary.of_split(train, config.inputs.vocabulary)))
    own_backbone = config.inputs.image and config.model.backbone_weights == "mini"
    machines = sorted({str(run.made_by.get("machine", "unknown machine")) for run in runs})
    return Metadata(
        name=name,
        authors=[AUTHORS],
        contact=contact,
        organisation=AUTHORS,
        paper_url=_PAPER,
        training_command="\n".join(_command(row, profile, run) for run in runs),
        license="Apache-2.0",
        date=day,
        uses_external_data=own_backbone,
        external_data=_BACKBONE_DATA if own_backbone else None,
        pretrained_from=["backbone weights of python -m reference_model.pretrain_backbone"] if own_backbone else [],
        trained_on_val_or_test=False,
        n_params=parameters,
        hardware=f"CPU, {', '.join(machines)}",
        gpu_hours=0.0,
        seeds=[run.content["seed"] for run in runs],
        decoding="greedy",
        attempts=_ATTEMPTS,
        open_weights=False,
    )


def _command(row: TableRow, profile: str, run: Run) -> str:
    """The command of a run; one that was not started by `reports.reproduce` has not noted it."""
    settings = row.settings(profile)
    made = ["python -m reference_model.train", row.variant, *settings, "--profile", profile]
    return str(run.made_by.get("command", " ".join([*made, "--seed", str(run.content["seed"])])))


def _make(
    about: Metadata, runs: list[Run], splits: dict[str, Split], submissions: Path, checker: Checker, *, again: bool
) -> Path:
    """Build an entry in a temporary folder, check it, and move it into `submissions`; `again` replaces an older one."""
    for run in runs:
        check_data(run, splits["train"])
    target = submissions / entry_name(about)
    if target.exists() and not again:
        raise InputError(f"{target} is an entry of others, which is never replaced; choose another --date")
    captions = [{split: run.captions(splits[split]) for split in EVALUATED_SPLITS} for run in runs]
    evaluations = [{split: evaluate(splits[split], one[split]) for split in EVALUATED_SPLITS} for one in captions]
    with temporary_place(submissions) as place:
        built = place / target.name
        fill_entry(built, about, captions, evaluations, splits)
        report = checker.check(built, beside=submissions, without=["receipts"])
        if report.failures:
            raise InputError(*(problem for _, problem in report.failures))
        put_folder(built, target)
    return target


def _own_entries(submissions: Path) -> Iterator[Metadata]:
    for path in sorted(submissions.glob("*/metadata.yaml")):
        try:
            about = read_metadata(path, maintainer=True)
        except InputError:
            continue  # not ours: ours are well-formed
        if about.authors == [AUTHORS]:
            yield about


if __name__ == "__main__":
    cli.run(main)
