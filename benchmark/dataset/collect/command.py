"""The verbs `collect` and `explain` of `python -m benchmark.dataset`.

Invariant: nothing heavy is imported before a verb runs, since `--help` and scoring need none of it.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ... import cli
from ...errors import InputError

if TYPE_CHECKING:
    from .records import Listing, Reading
    from .state import Collection

#: Pictures that `--dry-run` reads.
DRY = 50


def collect_command(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write the data set to.")],
    pictures: Annotated[Path | None, typer.Option(help="Folder of pictures.")] = None,
    products: Annotated[
        Path | None,
        typer.Option(help="CSV, JSONL or Parquet: path, title, attributes, ...; or img2dataset's folder."),
    ] = None,
    annotations: Annotated[
        str | None, typer.Option(help="`FORM:FILE`: boxes and texts that exist already, in place of reading.")
    ] = None,
    rules: Annotated[str, typer.Option(help="Preset of rules: default, paper or released.")] = "default",
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="`NAME=VALUE`: change a rule, such as size=0.03; repeat it.")
    ] = None,
    shares: Annotated[
        list[str] | None,
        typer.Option("--split", help="`NAME=SHARE` of a split beside train. [default: val=0.1 and test=0.1]"),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="Reads the pictures: rapidocr, v4, faster-paddle or module:function.")
    ] = "rapidocr",
    second: Annotated[str, typer.Option(help="Reads them again; none: no second reading and no guard.")] = "v4",
    side: Annotated[int, typer.Option(help="Shorter side of stored pictures in pixels.", min=32, max=4096)] = 256,
    name: Annotated[str | None, typer.Option(help="Name of the data set. [default: that of the folder]")] = None,
    work: Annotated[
        Path | None, typer.Option(help="Working folder: readings, decisions. [default: the data set's, with .work]")
    ] = None,
    seed: Annotated[str, typer.Option(help="Another seed draws other splits.")] = "",
    jobs: Annotated[int | None, typer.Option(help="Processes. [default: one per core]", min=1)] = None,
    launcher: Annotated[str, typer.Option(help="Where to read: processes, or ray.")] = "processes",
    shard: Annotated[str | None, typer.Option(help="`K/N`: read one of N parts only, and write nothing else.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=f"Read {DRY} pictures; show reasons, time, disk, a contact sheet.")
    ] = False,
) -> None:
    r"""Make a data set from your own product pictures: read, select, clean, split, write.

    What was read is kept: another run with other rules reads nothing again.

    Examples::

        python -m benchmark.dataset collect --pictures pictures \
            --products products.csv -o data/mine
        python -m benchmark.dataset collect --pictures pictures -o data/mine \
            --dry-run
        python -m benchmark.dataset collect --products products.csv \
            -o data/mine --rules paper --set size=0.03 --split test=0.2
    """
    from ..schema import is_split_name
    from .reading import Share
    from .rules import PRESETS, parse, preset
    from .run import CollectRun, taken

    problems = []
    chosen = PRESETS["default"]
    try:
        chosen = preset(rules)
    except InputError as error:
        problems += [f"--rules: {problem}" for problem in error.problems]
    try:
        chosen = parse(changes or [], chosen)
    except InputError as error:
        problems += [f"--set: {problem}" for problem in error.problems]
    parts = {}
    for text in shares or ["val=0.1", "test=0.1"]:
        split, _, number = text.partition("=")
        try:
            parts[split] = float(number)
        except ValueError:
            problems.append(f"--split {text:.60}: expected NAME=SHARE, such as test=0.1")
        if not is_split_name(split):
            problems.append(f"--split {text:.60}: {split!r} cannot be the name of a split, expected letters and digits")
    if out.name in ("", ".."):
        out = out.resolve()
    if problem := taken(out):
        problems.append(problem)
    if problems:
        raise InputError(*problems)
    CollectRun(
        out=out,
        work=work or out.with_name(out.name + ".work"),
        pictures=pictures,
        table=products,
        annotations=annotations or "",
        rules=chosen,
        shares=parts,
        engine=engine,
        second="" if second == "none" else second,
        side=side,
        name=name or out.resolve().name,
        seed=seed,
        jobs=jobs or os.cpu_count() or 1,
        launcher=launcher,
        share=Share.parse(shard) if shard else None,
        at_most=DRY if dry_run else None,
    ).run()


def explain_command(
    work: Annotated[Path, typer.Argument(help="Working folder of a collection, such as data/mine.work.")],
    image: Annotated[str, typer.Argument(help="Id of an image.")],
    out: Annotated[
        Path, cli.to_file("explained.png", help="PNG file to write the picture with all its lines to.")
    ] = Path("explained.png"),
) -> None:
    """Show one picture of a collection: every line on it, and why it stayed or went.

    Example::

        python -m benchmark.dataset explain data/mine.work 0123 --out explained.png
    """
    from ...files import check_outputs, replace_when_complete
    from .account import drops_of
    from .explain import drawing, reason_of, table
    from .opening import open_seen
    from .state import CAPTIONS, read_collection, read_kept

    collection, kept, drops = read_collection(work), read_kept(work, image), drops_of(work, image)
    if kept is None:
        if not drops:
            raise InputError(f"no image {image!r:.80} in the collection; its ids stand in {work / CAPTIONS}")
        for drop in drops:
            cli.say(f"{image} was not read: {reason_of(drop)}")
        return
    check_outputs({"--out": out}, [kept.product.path])
    reading = _readings_again(work, collection, kept.product, kept.sha256)
    table(image, reading, kept.captions, drops).show(cli.stdout)
    if reading.problem:
        cli.say(f"the picture cannot be used: {reading.problem}")
        return
    drawn = drawing(open_seen(kept.product.path), reading, kept.captions)
    with replace_when_complete(out) as partial:
        drawn.save(partial, format="PNG")
    cli.say_written(out, f": green lines became captions of {kept.split}" if kept.captions else ": the picture went")


def _readings_again(work: Path, collection: "Collection", product: "Listing", sha256: str) -> "Reading":
    from .annotated import annotated
    from .engines import open_engine
    from .reading_files import load_readings
    from .records import Reading

    if collection.annotations:
        gone = Reading(sha256, 0, 0, problem="the file of annotations no longer has it")
        return annotated([product], collection.annotations)[0].get(product.image_id, gone)
    second = open_engine(collection.second) if collection.second else None
    gone = Reading(sha256, 0, 0, problem="its file cannot be read, or is another one than before")
    return load_readings(work, open_engine(collection.engine), second, {sha256}).get(sha256, gone)
