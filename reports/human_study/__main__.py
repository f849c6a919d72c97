"""`python -m reports.human_study make|collect|simulate`: run a blind human comparison of two systems (Table 4)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmark import cli
from benchmark.dataset import open_split
from benchmark.errors import InputError
from benchmark.files import check_outputs, replace_when_complete
from benchmark.grid import Grid
from benchmark.predictions import read_predictions
from benchmark.preferences.votes import write_votes
from benchmark.shell import quoted
from reports.human_study.answers import read_answers, simulate, votes_of
from reports.human_study.results import tables
from reports.human_study.study import Key, make

app = cli.group()


@app.callback()
def main() -> None:
    """Let people compare two systems blindly: make the pages, collect the answers, or simulate raters for a trial."""


@app.command("make")
def make_command(
    a: Annotated[str, typer.Option("--a", help="Predictions of system A, the base: FILE or NAME=FILE.")],
    b: Annotated[str, typer.Option("--b", help="Predictions of system B: FILE or NAME=FILE.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write the study to; must not exist yet.")],
    data: cli.Data = None,
    split: cli.SplitName = "test",
    images: Annotated[int, typer.Option(help="Number of images to sample.", min=1)] = 400,
    raters: Annotated[int, typer.Option(help="Number of raters; each sees every image.", min=1, max=1000)] = 5,
    seed: Annotated[int, typer.Option(help="Random seed of the image sample, the sides and the orders.")] = 1,
) -> None:
    r"""Make a blind study of two systems: one page per rater, and a key that stays with you.

    Give the folder `pages` to all raters, and to each the name of their page; they send back a JSON file.

    Examples::

        python -m reports.human_study make --a base.jsonl --b full.jsonl -o study
        python -m reports.human_study make --a base=a.jsonl --b full=b.jsonl \
            --data DIR --images 100 --raters 3 -o study
    """
    systems = [_name_and_file(option) for option in (a, b)]
    problems = []
    if systems[0][0] == systems[1][0]:
        problems.append(f"--a, --b: both systems are named {systems[0][0]!r}; name them: --a NAME=FILE")
    if output.exists():
        problems.append(
            f"-o {output}: exists already; a new study in it would make its answers useless; try another folder"
        )
    opened = open_split(data, split)
    if images > opened.n_images:
        problems.append(f"--images: got {images}, expected at most {opened.n_images}, the size of split {split!r}")
    if problems:
        raise InputError(*problems)
    captions = [read_predictions(path, opened) for _, path in systems]
    make(opened, captions, [name for name, _ in systems], output, images=images, raters=raters, seed=seed)
    cli.say(f"{output}/pages: give this folder to the raters; rater-N.html is the page of rater N, 1 to {raters}")
    cli.say(
        f"{output}/key.json: keep this file; next: python -m reports.human_study collect {quoted(output)} ANSWERS ..."
    )


@app.command("collect")
def collect_command(
    study: Annotated[Path, typer.Argument(help="Folder of the study, as written by make.")],
    answers: Annotated[list[Path], typer.Argument(help="Answer files that the raters sent back.")],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print the tables as LaTeX.")] = False,
    output: Annotated[
        Path | None,
        cli.to_file(
            "table4.md",
            "-o",
            "--output",
            help="File to write the tables to: LaTeX if it ends in .tex, else Markdown (- is stdout).",
        ),
    ] = None,
    votes: Annotated[
        Path | None,
        cli.to_file("votes.jsonl", "--votes", help="Also write the votes in the form that a model's votes have."),
    ] = None,
    citation: cli.Citation = False,
) -> None:
    """Compute Table 4 from the raters' answers: majority votes, win rates, strengths, agreement.

    Examples::

        python -m reports.human_study collect study answers/*.json
        python -m reports.human_study collect study answers/*.json -o table4.tex
        python -m reports.human_study collect study answers/*.json --votes human.jsonl
    """
    check_outputs({"--output": output, "--votes": votes}, [study / "key.json", study / "pages", *answers])
    key = Key.read(study)
    ratings = read_answers(key, answers)
    grids = tables(key, ratings)
    if votes:
        write_votes(votes, votes_of(key, ratings))
    if str(output) == "-":
        markdown = not latex
    elif output:
        with replace_when_complete(output) as partial:
            partial.write_text(_text(grids, output.suffix == ".tex") + "\n", encoding="utf-8")
    if markdown or latex:
        cli.document(_text(grids, latex))
        return
    for grid in grids:
        grid.show(cli.stdout)


@app.command("simulate")
def simulate_command(
    study: Annotated[Path, typer.Argument(help="Folder of the study, as written by make.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the answer files.")],
    agree: Annotated[float, typer.Option(help="Probability that a rater gives the true answer.", min=0, max=1)] = 0.8,
    win: Annotated[float, typer.Option(help="Share of images on which B is truly better.", min=0, max=1)] = 0.6,
    same: Annotated[float, typer.Option(help="Share of images on which neither is better.", min=0, max=1)] = 0.1,
    seed: Annotated[int, typer.Option(help="Random seed of the true answers and of the raters.")] = 1,
) -> None:
    """Write answers of ARTIFICIAL raters, to try a study before people spend time on it.

    Examples::

        python -m reports.human_study simulate study -o answers --win 0.6
    """
    if win + same > 1:
        raise InputError(f"--win and --same: got {win} + {same}, expected a sum of at most 1")
    paths = simulate(Key.read(study), output, agree=agree, win=win, same=same, seed=seed)
    cli.say(f"wrote {len(paths)} answer files of artificial raters to {output}")


def _text(grids: Sequence[Grid], latex: bool) -> str:
    return "\n\n".join(grid.latex() if latex else grid.markdown() for grid in grids)


def _name_and_file(option: str) -> tuple[str, Path]:
    name, files = cli.name_and_files(option)
    if len(files) > 1:
        raise InputError(f"got {len(files)} files in {option!r}, expected one: --a NAME=FILE")
    return name or files[0].name.split(".")[0], files[0]


if __name__ == "__main__":
    cli.run(app)
