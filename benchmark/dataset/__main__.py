"""`python -m benchmark.dataset VERB`: build, collect, import, export, describe, show and fingerprint data sets.

Each verb is a small function on `app` that imports what it needs itself, so that `--help` stays fast.
"""

import re
from pathlib import Path
from typing import Annotated

import typer

from .. import cli
from ..cli import stdout
from ..errors import InputError
from ..files import check_outputs, is_stream, replace_when_complete
from .collect.command import collect_command, explain_command
from .collect.review_command import app as review

app = cli.group()


@app.callback()
def main() -> None:
    """Build, collect, import, export, describe, show and fingerprint data sets."""


_DataArgument = Annotated[str | None, typer.Argument(help=cli.DATA_HELP)]


@app.command("build")
def build_command(
    out: Annotated[Path, typer.Option(help="Folder to write the data set to.")],
    images: Annotated[
        list[str] | None,
        typer.Option(help="`SPLIT=N`: images of a split; repeat it per split. [default: sizes of mini]"),
    ] = None,
    annotations_only: Annotated[
        bool, typer.Option("--annotations-only", help="Draw no pictures; scoring needs none.")
    ] = False,
) -> None:
    r"""Build CapOnImage-Mini, the SYNTHETIC data set, in a folder and size of your choice.

    In its default size it is built on the first use of `--data mini`, in the cache folder.

    Examples::

        python -m benchmark.dataset build --out data/mini
        python -m benchmark.dataset build --out data/large \
            --images test=20000 --annotations-only
    """
    from .mini import SIZES
    from .mini.build import build, is_built

    sizes = {}
    problems = []
    for entry in images or [f"{split}={n}" for split, n in SIZES.items()]:
        split, _, number = entry.partition("=")
        if split not in SIZES or not re.fullmatch(r"[1-9]\d{0,6}", number):
            problems.append(f"--images {entry}: expected train=N, val=N or test=N, such as test=20000")
        elif split in sizes:
            problems.append(f"--images {entry}: split {split!r} is named twice")
        else:
            sizes[split] = int(number)
    if out.exists() and not (out.is_dir() and is_built(out)):
        problems.append(f"{out} exists and holds something else than mini, so it is not replaced; take another --out")
    if problems:
        raise InputError(*problems)
    build(out, sizes, annotations_only=annotations_only)
    cli.say(f"wrote {out}")


@app.command("describe")
def describe_command(
    data: _DataArgument = None,
    images: Annotated[
        int, typer.Option(help="Test images of mini for which the best predictions are worked out.", min=1)
    ] = 40,
) -> None:
    """Print statistics of a data set beside the paper's; for mini also the best scores reachable without each input.

    Examples::

        python -m benchmark.dataset describe mini
        python -m benchmark.dataset describe mini --images 1000
        python -m benchmark.dataset describe data/caponimage2m
    """
    from . import open_dataset
    from .describe import roles_table, statistics_table, yardsticks_table

    splits = open_dataset(data)
    statistics_table(splits).show(stdout)
    for table in (roles_table(splits), yardsticks_table(splits, images)):
        if table:
            table.show(stdout)


@app.command("show")
def show_command(
    data: _DataArgument = None,
    split: Annotated[str, typer.Option(help="Split of the data set: train, val or test.")] = "test",
    image: Annotated[str | None, typer.Option(help="Id of the image. [default: first image of the split]")] = None,
    out: Annotated[
        Path,
        cli.to_file("shown.png", help="PNG file to write; - is stdout."),
    ] = Path("shown.png"),
    predictions: Annotated[
        Path | None, typer.Option(help="Prediction file whose captions are shown beside the references.")
    ] = None,
) -> None:
    """Draw an image with its boxes, their captions and, for mini, the role of each box.

    Examples::

        python -m benchmark.dataset show mini --split val --image val-000012
        python -m benchmark.dataset show mini --predictions preds.jsonl --out x.png
    """
    from ..predictions import read_predictions
    from . import open_split
    from .show import show

    opened = open_split(data, split)
    check_outputs({"--out": out}, [opened.directory, predictions])
    captions = read_predictions(predictions, opened) if predictions else None
    shown = show(opened, image or opened.image_ids[0], captions)
    with replace_when_complete(out) as partial:
        shown.save(partial, "PNG")
    cli.say_written(out)


@app.command("import-released")
def import_released_command(
    annotations: Annotated[Path, typer.Option(help="`ref_captions.json` of the authors.")],
    names: Annotated[list[str], typer.Option(help="`SPLIT=LIST.npy`: image ids of a split; repeat it per split.")],
    out: Annotated[Path, typer.Option(help="Folder to write the data set to.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of the pictures, `<id>.png`; without it, only annotations are imported.")
    ] = None,
    copy_images: Annotated[
        bool,
        typer.Option(
            "--copy-images/--link-images",
            help="Hard-link or copy every picture, or make one symbolic link to their folder.",
        ),
    ] = False,
    size: Annotated[
        str, typer.Option(help="`WIDTHxHEIGHT` in pixels, assumed for images without a picture.")
    ] = "256x256",
    info_separator: Annotated[
        str | None, typer.Option(help="Text between title and attributes in `info`. [default: `info` is all title]")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the data set, shown in tables.")] = "caponimage2m",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing data set in OUT.")] = False,
    public: Annotated[
        bool,
        typer.Option("--public", help="Mark it as public: the leaderboard may show its references and pictures."),
    ] = False,
) -> None:
    r"""Make a data set from the files that the paper's authors hand out.

    Records and boxes that cannot be used unchanged are counted, and listed in `OUT/import_report.jsonl`.

    Examples::

        python -m benchmark.dataset import-released \
            --annotations ref_captions.json --names test=tst_names.npy \
            --images images --out data/caponimage2m

        # all splits, title and attributes apart
        python -m benchmark.dataset import-released \
            --annotations ref_captions.json --names train=trn_names.npy \
            --names val=val_names.npy --names test=tst_names.npy \
            --images images --info-separator '|' --out data/caponimage2m
    """
    from .released.annotations import Options, import_released

    problems = []
    lists: dict[str, Path] = {}
    for entry in names:
        split, _, path = entry.partition("=")
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", split) or not path:
            problems.append(f"--names {entry}: expected SPLIT=LIST.npy, such as test=tst_names.npy")
        elif split in lists:
            problems.append(f"--names {entry}: split {split!r} is named twice")
        lists[split] = Path(path)
    width_height = re.fullmatch(r"([1-9]\d{0,4})[xX]([1-9]\d{0,4})", size)
    if not width_height:
        problems.append(f"--size {size}: expected WIDTHxHEIGHT in pixels, such as 256x256")
    if info_separator == "":
        problems.append("--info-separator is empty; leave it out if `info` is all title")
    if problems or not width_height:
        raise InputError(*problems)
    options = Options(images, copy_images, (int(width_height[1]), int(width_height[2])), info_separator, public)
    imported = import_released(annotations, lists, out, options, name=name, overwrite=overwrite)
    if imported.report.counts:
        imported.report.table().show(stdout)
    for warning in imported.warnings:
        cli.note(f"warning: {warning}")
    cli.say(f"boxes in {annotations} are {imported.box_form}")
    for split, summary in imported.splits.items():
        references = "with captions" if summary["references"] else "captions hidden"
        cli.say(
            f"{split}: {summary['images']:,} images, {summary['boxes']:,} boxes, {references}, "
            f"fingerprint {summary['fingerprint']}"
        )
    cli.say(f"wrote {out}")


@app.command("import-predictions")
def import_predictions_command(
    predictions: Annotated[
        Path, typer.Argument(help="JSON file of the released code (also .gz or .zst); - reads stdin.")
    ],
    output: Annotated[
        Path,
        cli.to_file("preds.jsonl", "-o", "--output", help="Prediction file to write, such as preds.jsonl."),
    ],
    data: cli.Data = None,
    split: cli.SplitName = "test",
) -> None:
    """Make a prediction file from the JSON that the authors' released code writes, on one GPU or several.

    Captions that cannot be used unchanged are counted, and listed in `OUTPUT.import_report.jsonl`.

    Example::

        python -m benchmark.dataset import-predictions preds.json -o preds.jsonl
    """
    from ..predictions.released import import_predictions
    from . import open_split

    opened = open_split(data, split)
    check_outputs({"--output": output}, [predictions, opened.directory])
    report = import_predictions(predictions, opened, output)
    if report.counts:
        report.table().show(cli.stderr if is_stream(output) else stdout)
    cli.say_written(output, f": {opened.n_boxes:,} captions of {opened.dataset}/{split}")


app.command("collect")(collect_command)
app.command("explain")(explain_command)
app.add_typer(review, name="review")


@app.command("export")
def export_command(
    out: Annotated[Path, typer.Option(help="Folder to write to, which does not exist yet, or is empty.")],
    form: Annotated[str, typer.Option("--format", help="`hf` (Parquet with pictures), `coco` or `csv`.")],
    data: _DataArgument = None,
    without_captions: Annotated[
        list[str] | None,
        typer.Option(
            help="Split whose captions are left out, and blacked out in its pictures; repeat it for several splits."
        ),
    ] = None,
    without_pictures: Annotated[bool, typer.Option("--without-pictures", help="Write no pictures.")] = False,
) -> None:
    r"""Write a data set in a form that other tools open: Hugging Face's `datasets`, COCO's JSON, or CSV.

    Examples::

        python -m benchmark.dataset export data/mine --format hf --out exported
        python -m benchmark.dataset export data/mine --format coco --out exported \
            --without-captions test
    """
    from . import open_dataset
    from .export import export

    splits = open_dataset(data)
    export(splits, out, form, without_captions=without_captions or (), pictures=not without_pictures)
    first = next(iter(splits.values()))
    if not (first.public or first.synthetic):
        cli.note(f"warning: {first.dataset} is not marked as public; ask those who made it before you pass it on")
    cli.say(f"wrote {out}")


@app.command("fingerprint")
def fingerprint_command(data: _DataArgument = None) -> None:
    """Print the fingerprint of every split, recomputed from its rows, and the public split it belongs to.

    The exit code is 2 if a split differs from its entry in `dataset.json` (a file was changed or replaced), or has rows
    that cannot be used.

    Example: `python -m benchmark.dataset fingerprint data/caponimage2m`
    """
    from ..grid import Grid, count
    from . import open_dataset
    from .store import known_split

    grid = Grid("", ["split", "images", "boxes", "fingerprint", "known as"])
    problems: list[str] = []
    for name, split in open_dataset(data).items():
        try:
            found = split.fingerprint.hexdigest()
        except InputError as error:
            problems += error.problems
            continue
        grid.add(name, count(split.n_images), count(split.n_boxes), found, known_split(found) or "unpinned")
    grid.show(stdout)
    if problems:
        raise InputError(*problems)


if __name__ == "__main__":
    cli.run(app)
