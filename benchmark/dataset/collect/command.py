"""The verbs `collect` and `explain` of `python -m benchmark.dataset`.

Invariant: nothing heavy is imported before a verb runs, since `--help` and scoring need none of it.
"""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ... import cli
from ...errors import InputError

if TYPE_CHECKING:
    from .pipeline import Collected
    from .records import Listing, Reading
    from .rules import Rules

#: Pictures that `--dry-run` reads, and those that the guard reads again.
DRY, GUARDED = 50, 200


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
    from .rules import PRESETS, parse, preset

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
    if out.exists() and not _is_collected(out):
        problems.append(
            f"{out} exists and is no data set that was collected, so it is not replaced; take another --out"
        )
    if problems:
        raise InputError(*problems)
    _Run(
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
        shard=shard,
        dry=dry_run,
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
    from .explain import drawing, table
    from .opening import open_seen
    from .state import read_collection, read_kept

    collection, kept = read_collection(work), read_kept(work, image)
    check_outputs({"--out": out}, [kept.product.path])
    reading = _readings_again(work, collection, kept.product, kept.sha256)
    table(image, reading, kept.captions, drops_of(work, image)).show(cli.stdout)
    if reading.problem:
        cli.say(f"the picture cannot be used: {reading.problem}")
        return
    drawn = drawing(open_seen(kept.product.path), reading, kept.captions)
    with replace_when_complete(out) as partial:
        drawn.save(partial, format="PNG")
    cli.say_written(out, f": green lines became captions of {kept.split}" if kept.split else ": the picture went")


def _readings_again(work: Path, collection: Any, product: "Listing", sha256: str) -> "Reading":
    from .annotated import annotated
    from .engines import open_engine
    from .reading import load_readings
    from .records import Reading

    if collection.annotations:
        return annotated([product], collection.annotations)[0][product.image_id]
    second = open_engine(collection.second) if collection.second else None
    gone = Reading(sha256, 0, 0, problem="its file cannot be read, or is another one than before")
    return load_readings(work, open_engine(collection.engine), second).get(sha256, gone)


def _is_collected(folder: Path) -> bool:
    """Whether a folder is empty, or holds a data set that was collected."""
    from ..description import read_description

    if not folder.is_dir():
        return False
    if not any(folder.iterdir()):
        return True
    try:
        return "collected" in read_description(folder)
    except InputError:
        return False


class _Run:
    """One run of `collect`, from the manifest to the data set."""

    def __init__(self, **options: Any) -> None:
        self.out: Path = options["out"]
        self.work: Path = options["work"]
        self.rules: Rules = options["rules"]
        self.options = options

    def run(self) -> None:
        """Run all stages, as far as the options say."""
        from .manifest import read_manifest
        from .pipeline import collect
        from .reading import Share

        began, chosen = time.monotonic(), self.options
        products, unusable = read_manifest(chosen["pictures"], chosen["table"])
        if not products:
            raise InputError("no picture among what was given; the reasons: " + _reasons(unusable))
        total = len(products)
        if chosen["dry"]:
            products, unusable = products[:: -(-total // DRY)], []
        if chosen["shard"]:
            self._read(products, Share.parse(chosen["shard"]))
            cli.say(f"read part {chosen['shard']}; run without --shard when all parts are read")
            return
        readings, margin, lost = self._readings(products)
        if lost:
            gone = {drop.image_id for drop in lost}
            products = [product for product in products if product.image_id not in gone]
            unusable = [*unusable, *lost]
        found = collect(
            products, unusable, readings, margin, self.rules, chosen["shares"], seed=chosen["seed"], on_stage=cli.note
        )
        if chosen["dry"]:
            self._show_dry(found, readings, products, total, time.monotonic() - began)
        else:
            self._finish(found, readings, products)

    def _read(self, products: "list[Listing]", share: Any) -> Any:
        from .reading import ProgressReport, read_all

        with ProgressReport() as progress:
            return read_all(
                products,
                self.work,
                self.options["engine"],
                second=self.options["second"] or None,
                jobs=self.options["jobs"],
                share=share,
                launcher=self.options["launcher"],
                on_progress=progress.update,
            )

    def _readings(self, products: "list[Listing]") -> tuple[dict[str, "Reading"], float, list[Any]]:
        """Readings by image id, the margin of their boxes, and drops of products without any."""
        from .annotated import annotated
        from .engines import open_engine
        from .reading import Share, load_readings

        if self.options["annotations"]:
            readings, lost = annotated(products, self.options["annotations"])
            return readings, 0.0, lost
        summary = self._read(products, Share())
        engine = open_engine(self.options["engine"])
        second = open_engine(self.options["second"]) if self.options["second"] else None
        return summary.by_image(load_readings(self.work, engine, second)), engine.margin, []

    def _signature(self) -> dict[str, Any]:
        from ...version import __version__
        from .engines import open_engine
        from .expressions import LABELS, read_expressions
        from .rules import describe, signature

        chosen = self.options
        engines = {
            what: f"{chosen[what]} {open_engine(chosen[what]).key}"
            if chosen[what] and not chosen["annotations"]
            else ""
            for what in ("engine", "second")
        }
        return {
            "version": __version__,
            **engines,
            "annotations": chosen["annotations"].partition(":")[0],
            "described": describe(self.rules),
            "rules": signature(self.rules),
            "lexicon_sha256": read_expressions(self.rules.lexicon).sha256,
            "labels_sha256": read_expressions(LABELS).sha256,
            "splits": chosen["shares"],
            "seed": chosen["seed"],
            "side": chosen["side"],
        }

    def _finish(self, found: "Collected", readings: dict[str, "Reading"], products: "list[Listing]") -> None:
        from .account import funnel
        from .state import Collection, write_state
        from .write import write_data_set

        chosen, signature = self.options, self._signature()
        found.account.write(self.work)
        self._draw_funnel(found)
        digests = {image_id: reading.sha256 for image_id, reading in readings.items()}
        collection = Collection(chosen["engine"], chosen["second"], chosen["annotations"], signature)
        write_state(self.work, collection, products, digests, found.splits)
        funnel(found.account.stages).show(cli.stdout)
        guarded = self._guard(found)
        cli.note(f"writing {found.n_images:,} pictures")
        write_data_set(
            self.out,
            found.splits,
            name=chosen["name"],
            side=chosen["side"],
            jobs=chosen["jobs"],
            fill=self.rules.fill,
            signature=signature,
            extra=lambda folder: self._papers(folder, found, signature, guarded),
        )
        sizes = ", ".join(f"{name} {len(records):,}" for name, records in found.splits.items())
        cli.say(
            f"wrote {self.out}: {sizes}; the reasons stand in {self.work / 'decisions'}, and one picture's with "
            f"`python -m benchmark.dataset explain {self.work} ID`"
        )

    def _draw_funnel(self, found: "Collected") -> None:
        from ...files import replace_when_complete
        from .funnel import funnel_picture

        self.work.mkdir(parents=True, exist_ok=True)
        with replace_when_complete(self.work / "funnel.png") as partial:
            funnel_picture(found.account.stages).save(partial, format="PNG")

    def _papers(self, folder: Path, found: "Collected", signature: dict[str, Any], guarded: str) -> None:
        """Write the papers that go with the data set into its folder."""
        import json
        from collections import Counter
        from datetime import UTC, datetime

        from .croissant import croissant
        from .datasheet import Facts, datasheet

        facts = Facts(self.options["name"], found.splits, found.account.stages, signature, guarded)
        (folder / "DATASHEET.md").write_text(datasheet(facts), encoding="utf-8")
        licences = Counter(record.product.licence for records in found.splits.values() for record in records)
        content = croissant(
            folder,
            self.options["name"],
            list(found.splits),
            description="Captions on product pictures with their boxes, collected by caponimage.",
            licences=licences,
            published=datetime.now(UTC).date().isoformat(),
        )
        (folder / "croissant.json").write_text(
            json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )

    def _guard(self, found: "Collected") -> str:
        """Read masked pictures again; what was found, in words.

        Raises:
            InputError: if too many captions are readable on their masked pictures.
        """
        from .engines import open_engine
        from .guard import MOST, look_again

        second = self.options["second"]
        if not second:
            cli.note("warning: no second engine, so nobody has looked whether masked pictures still show captions")
            return "No second engine has looked whether masked pictures still show captions."
        records = [record for split in found.splits.values() for record in split]
        cli.note(f"reading {min(GUARDED, len(records)):,} masked pictures again")
        seen = look_again(records, open_engine(second), images=GUARDED)
        readable = f"{len(seen.readable):,} of {seen.captions:,} captions"
        told = f"On {seen.images:,} masked pictures {second} still reads {readable}."
        if not seen.passed:
            examples = [f"{image_id}: {text!r}" for image_id, text in seen.readable[:10]]
            raise InputError(
                f"{told} At most {MOST:.1%} may be readable, so nothing was written; look at these with explain, and "
                f"drop or mask them",
                *examples,
            )
        cli.note(told)
        return told

    def _show_dry(
        self,
        found: "Collected",
        readings: dict[str, "Reading"],
        products: "list[Listing]",
        total: int,
        seconds: float,
    ) -> None:
        from ...files import replace_when_complete
        from .account import funnel, reasons
        from .explain import contact_sheet, drawing
        from .opening import open_seen

        self._draw_funnel(found)
        funnel(found.account.stages).show(cli.stdout)
        reasons(found.account.stages).show(cli.stdout)
        captions = {r.image_id: r.captions for records in found.splits.values() for r in records}
        drawn = [
            (
                p.image_id,
                drawing(open_seen(p.path), readings[p.image_id], captions.get(p.image_id, ())),
            )
            for p in products
            if not readings[p.image_id].problem
        ]
        sheet = self.work / "contact_sheet.png"
        with replace_when_complete(sheet) as partial:
            contact_sheet(drawn).save(partial, format="PNG")
        share = found.n_images / len(products)
        each = 140_000 * (self.options["side"] / 256) ** 2  # bytes of a PNG, measured on real posters
        cli.say(
            f"{len(products):,} of {total:,} pictures read in {seconds:.0f} s; all would take about "
            f"{seconds / len(products) * total / 3600:.1f} h here, and about {share * total * each / 1e9:.2f} GB for "
            f"{share * total:,.0f} images; look at {sheet}"
        )


def _reasons(drops: Any) -> str:
    from collections import Counter

    return ", ".join(f"{reason} {n:,}" for reason, n in Counter(drop.reason for drop in drops).most_common(5)) or "none"
