"""`python -m benchmark.layout VERB`: baselines, converters, and PosterLayout's numbers, published and corrected."""

from pathlib import Path
from typing import Annotated

import typer

from .. import cli
from ..dataset import open_split
from ..errors import InputError
from ..files import check_outputs
from ..grid import SYNTHETIC_NOTE, Grid, number

app = cli.group()

Markdown = Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")]


@app.callback()
def main() -> None:
    """Layouts: predict where captions stand, and what they say there (docs/layout.md).

    Begin with `python -m benchmark.layout baselines`. Prediction files are scored, checked and compared by the verbs
    for captions: `python -m benchmark.score layouts.jsonl --track layout`.
    """


@app.command()
def baselines(
    data: cli.Data = None,
    split: cli.SplitName = "test",
    out: Annotated[Path, typer.Option(help="Folder to write the prediction files to.")] = Path("layouts"),
    saliency: cli.Saliency = None,
    canvases: cli.Canvases = None,
    markdown: Markdown = False,
) -> None:
    """Write prediction files of ceilings, floors and tricks that need no model, then score the files on both tracks.

    Examples::

        python -m benchmark.layout baselines --out layouts
        python -m benchmark.layout baselines --canvases mini
    """
    from ..dataset.mini import is_mini
    from . import JOINT, JOINT_METRICS
    from .evaluation import evaluate_layouts
    from .maps import Maps
    from .reading import read_layouts, write_layouts
    from .systems import LAWS, SYSTEMS

    train, evaluated = open_split(data, "train"), open_split(data, split)
    maps = Maps.chosen(evaluated, saliency, canvases)
    check_outputs({"--out": out / "references"}, [evaluated.directory])
    grids = [
        Grid(f"{evaluated.dataset}, {split}: {what} of systems without a model", ["system"])
        for what in ("captions of the track joint", "layouts")
    ]
    for name, predict in {**SYSTEMS, **(LAWS if is_mini(evaluated.dataset) else {})}.items():
        path = out / f"{name.replace(', ', '_').replace(' ', '_')}.{split}.jsonl"
        write_layouts(path, evaluated, predict(train, evaluated))
        evaluation = evaluate_layouts(evaluated, read_layouts(path, evaluated, JOINT), JOINT, maps)
        of_captions = {metric.name for metric in JOINT_METRICS}
        for grid, joint in zip(grids, (True, False), strict=True):
            values = {key: value for key, value in evaluation.scores.items() if (key in of_captions) == joint}
            grid.columns = ["system", *values]
            grid.add(name, *map(number, values.values()))
    if evaluation.missing:
        grids[-1].notes.append(f"not measured, for want of maps: {', '.join(evaluation.missing)}; see --help")
    if evaluated.synthetic:
        grids[-1].notes.append(SYNTHETIC_NOTE)
    _show(grids, markdown=markdown)
    cli.note(f"wrote prediction files to {out}, which serve both tracks")


@app.command()
def convert(
    layouts: Annotated[Path, typer.Argument(help="JSON file: COCO, or elements per image with cls and bbox.")],
    output: Annotated[Path, cli.to_file("layouts.jsonl", "-o", "--output", help="Prediction file to write.")],
    data: cli.Data = None,
    split: cli.SplitName = "test",
    classes: Annotated[
        str, typer.Option(help="Classes of the file that are texts, joined by commas. [default: all but 0]")
    ] = "",
    size: Annotated[
        str, typer.Option(help="Canvas of all boxes in pixels, such as 513x750. [default: that of each image]")
    ] = "",
) -> None:
    """Convert layouts of other programs, with boxes in pixels, into a prediction file.

    Examples::

        python -m benchmark.layout convert coco.json -o layouts.jsonl --classes 1
        python -m benchmark.layout convert posterlayout.json -o layouts.jsonl --classes 1 --size 513x750
    """
    from .convert import convert as converted
    from .reading import write_layouts

    opened = open_split(data, split)
    check_outputs({"--output": output}, [layouts, opened.directory])
    kinds = frozenset(filter(None, classes.split(",")))
    found = converted(layouts, opened, classes=kinds, size=_size(size) if size else None)
    write_layouts(output, opened, found)
    empty = int((found.counts == 0).sum())
    what = "boxes with captions" if found.captions is not None else "boxes"
    cli.say(f"wrote {output}: {len(found.boxes):,} {what} on {opened.n_images:,} images, {empty:,} of them without any")


@app.command()
def posterlayout(
    layouts: Annotated[
        Path, typer.Argument(help="JSON: image name -> {cls, bbox}; boxes are pixels of a canvas of 513 x 750.")
    ],
    canvases: Annotated[Path | None, typer.Option(help="Folder of the canvases, by image name.")] = None,
    saliency: Annotated[
        list[Path] | None, typer.Option(help="Folder of saliency maps; given twice, the larger value counts.")
    ] = None,
    markdown: Markdown = False,
) -> None:
    """Print PosterLayout's numbers of any layouts, as its code was published and corrected, side by side.

    Example: `python -m benchmark.layout posterlayout layouts.json --canvases image_canvas --saliency maps`
    """
    from .posterlayout import ON_PICTURES, scores
    from .posters import read_posters

    posters = read_posters(layouts, canvases, saliency or [])
    published, corrected = (scores(posters, as_published=which) for which in (True, False))
    grid = Grid(f"{len(posters):,} posters", ["metric", "as published", "corrected"])
    for name, value in published.items():
        grid.add(name, number(value, 6), number(corrected[name], 6))
    if ON_PICTURES[0] not in published:
        grid.notes.append(f"{', '.join(ON_PICTURES)} need --canvases and --saliency")
    _show([grid], markdown=markdown)


def _show(grids: list[Grid], *, markdown: bool) -> None:
    for grid in grids:
        if markdown:
            cli.document(f"{grid.markdown()}\n")
        else:
            grid.show(cli.stdout)


def _size(text: str) -> tuple[float, float]:
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isascii() and side.isdigit() and 0 < int(side) < 1 << 20 for side in sides):
        raise InputError(f"--size: got {text!r:.80}, expected width and height in pixels, such as 513x750")
    return float(sides[0]), float(sides[1])


if __name__ == "__main__":
    cli.run(app)
