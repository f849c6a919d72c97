"""One run of `collect`: from the manifest to the data set, with its papers and the account of everything left out.

Invariant: readings and the account are kept in the working folder whatever happens; the data set appears at the end,
whole, and only if a second look finds no caption on masked pictures.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from ... import cli
from ...errors import InputError
from ...files import check_outputs, replace_when_complete
from ...version import __version__
from ..description import read_description
from ..schema import is_data_set_name
from .account import funnel, reasons
from .annotated import annotated
from .choose import Chosen, choose, choose_all
from .croissant import croissant
from .datasheet import Facts, datasheet
from .engines import open_engine
from .expressions import LABELS, read_expressions
from .first_look import show_first_look
from .funnel import funnel_picture
from .guard import MOST, look_again
from .language_model import check_model
from .manifest import read_manifest
from .pipeline import Collected, collect
from .reading import Share, Summary, read_all
from .reading_files import load_readings
from .reading_progress import ProgressReport
from .records import Drop, Listing, Reading
from .review.answers import digest_of, kept_answers
from .review.stage import told
from .rules import Rules, describe, signature, to_dict
from .splits import assign_splits
from .state import FILE, Collection, read_collection, write_state
from .write import write_data_set

#: Pictures that the guard reads again.
GUARDED = 200

#: Characters of a datasheet.
_MAX_DATASHEET = 1 << 20


@dataclass(frozen=True)
class CollectRun:
    """What a run is asked for.

    Attributes:
        out, work: folder of the data set, and the working folder.
        pictures, table: what the manifest is read from; see `manifest.read_manifest`.
        annotations: form and file of annotations that stand in for reading; empty: the pictures are read.
        rules: which captions and images to keep.
        shares: share of the images of each split but train.
        engine, second: names of the engines; `second` may be empty.
        side: length of the shorter side of stored pictures, in pixels.
        name: name of the data set.
        seed: another seed draws other splits.
        jobs: number of processes.
        launcher: one of `reading.LAUNCHERS`.
        share: part of the pictures to read, and nothing more; None: all, and everything.
        at_most: for a first look, how many pictures to read and show, without writing a data set; None: all.
    """

    out: Path
    work: Path
    pictures: Path | None
    table: Path | None
    annotations: str
    rules: Rules
    shares: Mapping[str, float]
    engine: str
    second: str
    side: int
    name: str
    seed: str
    jobs: int
    launcher: str
    share: Share | None = None
    at_most: int | None = None

    def asked(self) -> dict[str, Any]:
        """What decides about the result, as plain data; `again` makes a run of it.

        The data set is named as seen from the working folder, so that both may be moved together; what is read is named
        in full, so that it does not matter where the next command is run.
        """
        rules = to_dict(self.rules)
        kind, colon, place = self.rules.language_model.partition(":")
        rules |= {name: _in_full(rules[name]) for name in ("lexicon", "corpus")}
        rules["language_model"] = kind + colon + _in_full(place)
        form, colon, file = self.annotations.partition(":")
        return {
            "out": os.path.relpath(self.out, self.work),
            "pictures": None if self.pictures is None else _in_full(str(self.pictures)),
            "table": None if self.table is None else _in_full(str(self.table)),
            "annotations": form + colon + _in_full(file),
            **{name: getattr(self, name) for name in ("engine", "second", "side", "name", "seed")},
            "rules": rules,
            "shares": dict(self.shares),
        }

    @classmethod
    def again(cls, work: Path, *, jobs: int) -> "CollectRun":
        """The run that a working folder is of.

        Args:
            work: the working folder.
            jobs: number of processes.

        Raises:
            InputError: if there was none.
            DamagedError: if the file that tells is damaged.
        """
        collection = read_collection(work)
        asked = dict(collection.asked) | {
            "rules": collection.rules,
            "out": Path(os.path.normpath(work / collection.asked["out"])),
        }
        asked |= {name: None if asked[name] is None else Path(asked[name]) for name in ("pictures", "table")}
        return cls(work=work, jobs=jobs, launcher="processes", **asked)

    def run(self) -> None:
        """Run all stages, as far as is asked for.

        Raises:
            InputError: if there is no picture, none is left, masked pictures still show captions, or the data set would
                take the place of something else.
        """
        self._check()
        products, unusable = read_manifest(self.pictures, self.table)
        if not products:
            raise InputError(f"no picture among what was given; the reasons: {_commonest(unusable)}")
        total = len(products)
        if self.at_most is not None:
            products, unusable = products[:: -(-total // self.at_most)], []
        if self.share is not None:
            self._read(products, self.share)
            cli.say("read this part; run without --shard when all parts are read")
            return
        lost: list[Drop] = []
        readings: dict[str, Reading] | None = None
        if self.annotations:
            readings, lost = annotated(products, self.annotations)
            if self.at_most is not None:  # only these were asked about
                known = {product.image_id for product in products}
                lost = [drop for drop in lost if drop.image_id in known]
            products = [product for product in products if product.image_id in readings]
            if not products:
                raise InputError(
                    f"{self.annotations}: no picture of those given is annotated in it; the reasons: {_commonest(lost)}"
                )
            digests = {image_id: reading.sha256 for image_id, reading in readings.items()}
            summary = Summary(digests)
            chosen: Iterable[Chosen] = [choose(products, readings, 0.0, self.rules)]
        else:
            summary = self._read(products, Share())
            chosen = choose_all(products, summary, self.work, (self.engine, self.second), self.rules, self.jobs)
        found = collect(
            len(products),
            [*unusable, *lost],
            chosen,
            self.rules,
            self.shares,
            answers=kept_answers(self.work),
            seed=self.seed,
            on_stage=cli.note,
        )
        self.work.mkdir(parents=True, exist_ok=True)
        if self.at_most is None:
            with replace_when_complete(self.work / "funnel.png") as partial:
                funnel_picture(found.account.stages).save(partial, format="PNG")
        funnel(found.account.stages).show(cli.stdout)
        if not found.n_images:
            self._give_up(found, summary, products, total, readings)
        if self.at_most is None:
            self._finish(found, summary.digests, products)
        else:
            self._show(found, products, total, summary, readings)

    def _give_up(
        self,
        found: Collected,
        summary: Summary,
        products: list[Listing],
        total: int,
        readings: Mapping[str, Reading] | None,
    ) -> NoReturn:
        """Show why no image is left; what a working folder says of a data set that is there stays as it is."""
        if not (self.work / FILE).exists():
            self._keep(found, summary.digests, products)
        if self.at_most is None:
            reasons(found.account.stages).show(cli.stdout)
        else:
            self._show(found, products, total, summary, readings)
        commonest = [reason for stage in found.account.stages for reason in list(stage.images_by_reason)[:1]]
        raise InputError(f"no image is left of {len(products):,}; the commonest reasons: {', '.join(commonest)}")

    def _check(self) -> None:
        """Refuse, before anything is read, what could only fail or destroy something at the end.

        Raises:
            InputError: with everything that is wrong.
        """
        problems = [problem] if (problem := taken(self.out)) else []
        out, work = self.out.resolve(), self.work.resolve()
        if work.is_relative_to(out):
            problems.append(f"--work {self.work}: lies in --out, which is replaced as a whole; take another folder")
        if self.second and self.second == self.engine and not self.annotations:
            problems.append(
                f"--second {self.second}: is the first engine, too, so it would prove nothing; take another"
            )
        if self.second and self.annotations:  # it looks at masked pictures, at the end
            try:
                open_engine(self.second)
            except InputError as error:
                problems += [f"{problem}; or --second none" for problem in error.problems]
        if not is_data_set_name(self.name):
            problems.append(f"--name: got {self.name!r:.110}, expected at most 100 characters without / and \\")
        given = [self.pictures, self.table, Path(self.annotations.partition(":")[2]) if self.annotations else None]
        for check in (
            lambda: check_outputs({"--out": self.out, "--work": self.work}, given),
            lambda: assign_splits([], [], self.shares),
            lambda: read_expressions(self.rules.lexicon),
            lambda: None if self.share else check_model(self.rules),
        ):
            try:
                check()
            except InputError as error:
                problems += error.problems
        if problems:
            raise InputError(*problems)

    def _read(self, products: list[Listing], share: Share) -> Summary:
        with ProgressReport() as progress:
            return read_all(
                products,
                self.work,
                self.engine,
                second=self.second or None,
                jobs=self.jobs,
                share=share,
                launcher=self.launcher,
                on_progress=progress.update,
            )

    def _signature(self) -> dict[str, Any]:
        """Everything that decides what is in the data set, beside the pictures."""

        def keyed(name: str) -> str:
            return f"{name} {open_engine(name).key}" if name and not self.annotations else ""

        return {
            "version": __version__,
            "engine": keyed(self.engine),
            "second": keyed(self.second),
            "annotations": self.annotations.partition(":")[0],
            "described": describe(self.rules),
            "rules": signature(self.rules),
            "lexicon_sha256": read_expressions(self.rules.lexicon).sha256,
            "labels_sha256": read_expressions(LABELS).sha256,
            "splits": dict(self.shares),
            "seed": self.seed,
            "side": self.side,
            "review_sha256": digest_of(kept_answers(self.work)),
        }

    def _keep(self, found: Collected, digests: Mapping[str, str], products: list[Listing]) -> dict[str, Any]:
        """Write the account, and what `explain` and a review need; returns the signature that stands there."""
        signed = self._signature()
        found.account.write(self.work)
        write_state(self.work, Collection(self.asked(), signed), products, digests, found.read, found.splits)
        return signed

    def _finish(self, found: Collected, digests: Mapping[str, str], products: list[Listing]) -> None:
        signed = self._keep(found, digests, products)
        if found.reviewed is not None:
            cli.note(told(found.reviewed))
        guarded = self._guard(found)
        before = self._datasheet_before()
        cli.note(f"writing {found.n_images:,} pictures")
        write_data_set(
            self.out,
            found.splits,
            name=self.name,
            side=self.side,
            jobs=self.jobs,
            fill=self.rules.fill,
            signature=signed,
            extra=lambda folder: self._write_papers(folder, found, signed, guarded, before),
        )
        sizes = ", ".join(f"{name} {len(records):,}" for name, records in found.splits.items())
        cli.say(
            f"wrote {self.out}: {sizes}; the reasons stand in {self.work / 'decisions'}, and one picture's with "
            f"`python -m benchmark.dataset explain {self.work} ID`"
        )

    def _datasheet_before(self) -> str:
        """Keep the datasheet that is there, which somebody may have filled in; returns its text."""
        there = self.out / "DATASHEET.md"
        if not there.is_file():
            return ""
        kept = self.work / "DATASHEET.before.md"
        shutil.copyfile(there, kept)
        cli.note(f"answers to open questions of the datasheet are taken over; as it was, it is kept as {kept}")
        with kept.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MAX_DATASHEET)

    def _write_papers(
        self, folder: Path, found: Collected, signed: Mapping[str, Any], guarded: str, before: str
    ) -> None:
        """Write the papers that go with the data set into its folder."""
        reviewed = "" if found.reviewed is None else told(found.reviewed)
        facts = Facts(self.name, found.splits, found.account.stages, signed, guarded, reviewed, before)
        (folder / "DATASHEET.md").write_text(datasheet(facts), encoding="utf-8")
        licences = Counter(record.product.licence for records in found.splits.values() for record in records)
        content = croissant(
            folder,
            self.name,
            list(found.splits),
            description="Captions on product pictures with their boxes, collected by caponimage.",
            licences=licences,
            published=datetime.now(UTC).date().isoformat(),
        )
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (folder / "croissant.json").write_text(text + "\n", encoding="utf-8")

    def _guard(self, found: Collected) -> str:
        """Read masked pictures again; what was found, in words.

        Raises:
            InputError: if too many captions are readable on their masked pictures.
        """
        if not self.second:
            cli.note("warning: no second engine, so nobody has looked whether masked pictures still show captions")
            return "No second engine has looked whether masked pictures still show captions."
        records = [record for split in found.splits.values() for record in split]
        cli.note(f"reading {min(GUARDED, len(records)):,} masked pictures again")
        seen = look_again(records, open_engine(self.second), self.rules.deleted, images=GUARDED)
        readable = f"{len(seen.readable):,} of {seen.captions:,} captions"
        told = f"On {seen.images:,} masked pictures {self.second} still reads {readable}."
        if not seen.passed:
            examples = [f"{image_id}: {text!r}" for image_id, text in seen.readable[:10]]
            raise InputError(
                f"{told} At most {MOST:.1%} may be readable, so no data set was written; look at these with explain, "
                "and drop or mask them",
                *examples,
            )
        cli.note(told)
        return told

    def _show(
        self,
        found: Collected,
        products: list[Listing],
        total: int,
        summary: Summary,
        annotations: Mapping[str, Reading] | None,
    ) -> None:
        readings = annotations
        if readings is None:
            second = open_engine(self.second) if self.second else None
            wanted = set(summary.digests.values())
            readings = summary.by_image(load_readings(self.work, open_engine(self.engine), second, wanted))
        readers = 2 if self.second else 1
        show_first_look(
            found, products, readings, self.work, total=total, summary=summary, side=self.side, readers=readers
        )


def _commonest(drops: list[Drop]) -> str:
    """The commonest reasons with their numbers, in words."""
    return ", ".join(f"{reason} {n:,}" for reason, n in Counter(d.reason for d in drops).most_common(5)) or "none"


def _in_full(place: str) -> str:
    """A place in full; empty if it is."""
    return str(Path(place).resolve()) if place else ""


def taken(out: Path) -> str:
    """Why a data set cannot be written to a folder, in words; empty if it can.

    It can if there is nothing, an empty folder, or a data set that was collected.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return ""
    try:
        if out.is_dir() and "collected" in read_description(out):
            return ""
    except InputError:
        pass
    return f"{out} exists and is no data set that was collected, so it is not replaced; take another --out"
