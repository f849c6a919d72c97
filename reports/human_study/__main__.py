"""`python -m reports.human_study make|collect|simulate`: which of two systems people prefer (section 5.6, Table 4)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmark import cli
from benchmark.dataset import open_split
from benchmark.errors import InputError
from benchmark.files import replace_when_complete
from benchmark.grid import Grid
from benchmark.predictions import read_predictions
from reports.human_study.answers import read_answers, simulate
from reports.human_study.results import tables
from reports.human_study.study import Key, make

app = cli.group()


@app.callback()
def main() -> None:
    """Blind comparison of two systems by people: make the pages, collect the answers, try it with artificial raters."""


@app.command("make")
def make_command(
    a: Annotated[str, typer.Option("--a", help="FILE or NAME=FILE: predictions of the first system (the base).")],
    b: Annotated[str, typer.Option("--b", help="The same of the second.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the study; must not exist.")],
    data: cli.Data = None,
    split: cli.SplitName = "test",
    images: Annotated[int, typer.Option(help="Images to sample.", min=1)] = 400,
    raters: Annotated[int, typer.Option(help="Raters, each of whom sees every image.", min=1, max=1000)] = 5,
    seed: Annotated[int, typer.Option(help="Of the sample, the sides and the orders.")] = 1,
) -> None:
    """Make a blind study of two systems: one page per rater, and the key, which stays with you.

    Hand out the folder `pages`, and to each rater the name of their page; they send back a JSON file.

    Examples::

        python -m reports.human_study make --a base=base.jsonl --b full=full.jsonl -o study
        python -m reports.human_study make --a base.jsonl --b full.jsonl --data DIR --images 100 --raters 3 -o study
    """
    systems = [_name_and_file(option) for option in (a, b)]
    problems = []
    if systems[0][0] == systems[1][0]:
        problems.append(f"--a, --b: both systems are named {systems[0][0]!r}; name them: --a NAME=FILE")
    if output.exists():
        problems.append(
            f"-o {output}: exists already, and its answers could no longer be collected; try another folder"
        )
    opened = open_split(data, split)
    if images > opened.n_images:
        problems.append(f"--images: got {images}, expected at most {opened.n_images}, all of split {split!r}")
    if problems:
        raise InputError(*problems)
    captions = [read_predictions(path, opened) for _, path in systems]
    make(opened, captions, [name for name, _ in systems], output, images=images, raters=raters, seed=seed)
    cli.stdout.print(
        f"{output}/pages: for the raters; rater-N.html is the page of rater N, 1 to {raters}",
        markup=False,
        soft_wrap=True,
    )
    cli.stdout.print(
        f"{output}/key.json: stays with you; then: collect {output} ANSWERS.json ...", markup=False, soft_wrap=True
    )


@app.command("collect")
def collect_command(
    study: Annotated[Path, typer.Argument(help="Folder of the study.")],
    answers: Annotated[list[Path], typer.Argument(help="Files of the raters.")],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX tables.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write tables here: LaTeX in a .tex file, else Markdown.")
    ] = None,
    citation: cli.Citation = False,
) -> None:
    """Majority votes, win rates, agreement: Table 4 from the answers of the raters.

    Examples::

        python -m reports.human_study collect study answers/*.json
        python -m reports.human_study collect study answers/*.json --markdown -o table4.tex
    """
    key = Key.read(study)
    grids = tables(key, read_answers(key, answers))
    if output:
        with replace_when_complete(output) as partial:
            partial.write_text(_text(grids, output.suffix == ".tex") + "\n", encoding="utf-8")
    if markdown or latex:
        print(_text(grids, latex))
        return
    for grid in grids:
        grid.show(cli.stdout)


@app.command("simulate")
def simulate_command(
    study: Annotated[Path, typer.Argument(help="Folder of the study.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the answers.")],
    agree: Annotated[float, typer.Option(help="Probability of answering the truth.", min=0, max=1)] = 0.8,
    win: Annotated[float, typer.Option(help="Share of images on which B is truly better.", min=0, max=1)] = 0.6,
    same: Annotated[float, typer.Option(help="Share on which neither is.", min=0, max=1)] = 0.1,
    seed: Annotated[int, typer.Option(help="Of truth and answers.")] = 1,
) -> None:
    """Answers of ARTIFICIAL raters, to try a study before people spend time on it.

    Examples::

        python -m reports.human_study simulate study -o answers --agree 0.8 --win 0.6
    """
    if win + same > 1:
        raise InputError(f"--win and --same: got {win} + {same}, expected 1 at most together")
    paths = simulate(Key.read(study), output, agree=agree, win=win, same=same, seed=seed)
    cli.stdout.print(f"{len(paths)} files of artificial raters in {output}", markup=False, soft_wrap=True)


def _text(grids: Sequence[Grid], latex: bool) -> str:
    return "\n\n".join(grid.latex() if latex else grid.markdown() for grid in grids)


def _name_and_file(option: str) -> tuple[str, Path]:
    name, _, file = option.rpartition("=")
    return name or Path(file).name.split(".")[0], Path(file)


if __name__ == "__main__":
    cli.run(app)
