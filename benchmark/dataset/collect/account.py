"""The account of a collection: what each stage was given, what it passed on, and where the rest went and why.

`decisions/<stage>.parquet` has one row for each picture or line that a stage dropped, `account.json` the sums.

Invariants, checked when the account is written and when it is read:
* a stage is given what the stage before passed on;
* at each stage, pictures in = pictures out + pictures dropped, and lines in = lines out + lines dropped one by one +
  lines that went with their picture.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...errors import DamagedError, InputError
from ...files import replace_when_complete
from ...grid import Cell, Content, Grid, count
from .records import WHOLE, Drop, Record

SCHEMA = pa.schema(
    [
        ("stage", pa.string()),
        ("image_id", pa.string()),
        ("line", pa.int32()),
        ("text", pa.string()),
        ("reason", pa.string()),
        ("number", pa.float64()),
        ("threshold", pa.float64()),
    ]
)
_SUMS = ("images_in", "images_out", "lines_in", "lines_out", "lines_dropped")
_COUNTS = ("images_by_reason", "lines_by_reason")
FILE, FORMAT = "account.json", "caponimage-account/1"
_MAX_ACCOUNT = 1 << 24  # bytes


@dataclass(frozen=True)
class Stage:
    """The sums of one stage; lines are texts that may become captions.

    Attributes:
        name: name of the stage.
        images_in, images_out: pictures given and passed on.
        lines_in, lines_out: lines given and passed on.
        lines_dropped: lines dropped one by one; the others that are missing went with their picture.
        images_by_reason, lines_by_reason: number of drops for each reason.
    """

    name: str
    images_in: int
    images_out: int
    lines_in: int
    lines_out: int
    lines_dropped: int
    images_by_reason: dict[str, int]
    lines_by_reason: dict[str, int]

    @property
    def with_their_image(self) -> int:
        """Number of lines that went because their picture did."""
        return self.lines_in - self.lines_out - self.lines_dropped

    def __add__(self, other: "Stage") -> "Stage":
        """The sums of both, of the same stage with other pictures."""
        sums = [getattr(self, name) + getattr(other, name) for name in _SUMS]
        counts = [_by_count(Counter(getattr(self, name)) + Counter(getattr(other, name))) for name in _COUNTS]
        return Stage(self.name, *sums, *counts)

    def problems(self) -> list[str]:
        """Every sum that does not close, in words."""
        found = []
        dropped = sum(self.images_by_reason.values())
        if self.images_in != self.images_out + dropped:
            found.append(f"{self.name}: {self.images_in} pictures in, {self.images_out} out, {dropped} dropped")
        if self.lines_dropped != sum(self.lines_by_reason.values()):
            found.append(f"{self.name}: {self.lines_dropped} lines dropped, {self.lines_by_reason} by reason")
        if self.with_their_image < 0 or (self.with_their_image and not dropped):
            found.append(
                f"{self.name}: {self.lines_in} lines in, {self.lines_out} out, {self.lines_dropped} dropped, and "
                f"{dropped} pictures whose lines went with them"
            )
        return found


class Account:
    """The stages of a collection in order, with every drop; drops are kept as tables, since there may be millions."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self._drops: dict[str, list[pa.Table]] = {}

    def begin(self, name: str, images_in: int, images_out: int, lines: int, drops: Iterable[Drop]) -> None:
        """Add a stage in which lines come into being, so that as many go in as come out.

        Args:
            name: name of the stage; its drops bear it.
            images_in: number of pictures that it was given.
            images_out: number of pictures that it passed on.
            lines: number of lines that it passed on.
            drops: the pictures that it left out.

        Raises:
            ValueError: if the sums do not close.
        """
        self._add(name, (images_in, lines), (images_out, lines), list(drops))

    def add(self, name: str, before: Sequence[Record], after: Sequence[Record], drops: Iterable[Drop]) -> None:
        """Add a stage.

        Args:
            name: name of the stage; its drops bear it.
            before: the records that it was given, with the lines that may become captions.
            after: the records that it passed on.
            drops: everything that it left out.

        Raises:
            ValueError: if the sums do not close, or a picture or line that is missing has no reason or several.
        """
        drops = list(drops)
        self._add(name, _sums(before), _sums(after), drops)
        kept = {record.image_id for record in after}
        whole = Counter(drop.image_id for drop in drops if drop.line == WHOLE)
        expected = Counter(record.image_id for record in before if record.image_id not in kept)
        if whole != expected:
            wrong = sorted((whole - expected) + (expected - whole))[:3]
            raise ValueError(f"{name}: pictures without exactly one reason: {', '.join(wrong)}")

    def include(self, other: "Account") -> None:
        """Add what the same stages have done with other pictures."""
        stages = {stage.name: stage for stage in self.stages}
        for stage in other.stages:
            stages[stage.name] = stages[stage.name] + stage if stage.name in stages else stage
            self._drops.setdefault(stage.name, []).extend(other._drops[stage.name])
        self.stages = list(stages.values())

    def _add(self, name: str, given: tuple[int, int], passed: tuple[int, int], drops: list[Drop]) -> None:
        images = Counter(drop.reason for drop in drops if drop.line == WHOLE)
        lines = Counter(drop.reason for drop in drops if drop.line != WHOLE)
        stage = Stage(
            name, given[0], passed[0], given[1], passed[1], lines.total(), _by_count(images), _by_count(lines)
        )
        if problems := stage.problems() + [f"{name}: a drop of {d.stage}" for d in drops if d.stage != name][:1]:
            raise ValueError("; ".join(problems))
        self.stages.append(stage)
        columns = {column: [getattr(drop, column) for drop in drops] for column in SCHEMA.names}
        self._drops[name] = [pa.table(columns, schema=SCHEMA)]

    def write(self, folder: Path) -> None:
        """Write `decisions/`, sorted by image and line, and, last, `account.json`."""
        decisions = folder / "decisions"
        decisions.mkdir(parents=True, exist_ok=True)
        for stage in self.stages:
            table = pa.concat_tables(self._drops[stage.name])
            table = table.sort_by([("image_id", "ascending"), ("line", "ascending")])
            with replace_when_complete(decisions / f"{stage.name}.parquet") as partial:
                pq.write_table(table, partial, compression="zstd")
        names = {stage.name for stage in self.stages}
        for path in decisions.glob("*.parquet"):
            if path.stem not in names:  # of a run with other stages, whose drops did not happen in this one
                path.unlink()
        content = {"format": FORMAT, "stages": [asdict(stage) for stage in self.stages]}
        with replace_when_complete(folder / FILE) as partial:
            partial.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _sums(records: Sequence[Record]) -> tuple[int, int]:
    return len(records), sum(len(record.captions) for record in records)


def _by_count(counter: "Counter[str]") -> dict[str, int]:
    return dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))


def read_account(folder: Path) -> list[Stage]:
    """The sums of a collection, from its working folder.

    Raises:
        InputError: if there is none.
        DamagedError: if it is none of ours, or its sums do not close.
    """
    path = folder / FILE
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_MAX_ACCOUNT))
        if content["format"] != FORMAT:
            raise ValueError(f"format is {content['format']!r:.60}")
        stages = [Stage(**entry) for entry in content["stages"]]
        problems = [problem for stage in stages for problem in stage.problems()]
    except OSError as error:
        raise InputError(f"no account of a collection at {path} ({error.strerror}); run collect first") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedError(f"{path}: not the account of a collection ({error!s:.160}); run collect again") from None
    for before, after in pairwise(stages):
        if before.images_out != after.images_in:
            problems.append(
                f"{after.name}: {after.images_in} pictures in, but {before.name} passed {before.images_out}"
            )
    if problems:
        raise DamagedError(*(f"{path}: {problem}; run collect again" for problem in problems))
    return stages


def drops_of(folder: Path, image_id: str) -> list[Drop]:
    """Every drop of one image, in the order of the stages.

    Raises:
        InputError: if the folder has no account.
        DamagedError: if a file of decisions is damaged.
    """
    found = []
    for stage in read_account(folder):
        path = folder / "decisions" / f"{stage.name}.parquet"
        try:
            table = pq.read_table(path, schema=SCHEMA)
        except (OSError, pa.ArrowException) as error:
            raise DamagedError(f"{path}: {str(error).splitlines()[0]:.160}; run collect again") from None
        rows: list[dict[str, Any]] = table.filter(pc.equal(table["image_id"], image_id)).to_pylist()
        found += [Drop(**row) for row in rows]
    return found


def funnel(stages: Sequence[Stage]) -> Grid:
    """Table of what each stage passed on, with its commonest reasons."""
    grid = Grid("what each stage passed on", ["stage", "pictures", "dropped", "lines", "dropped", "commonest reasons"])
    for stage in stages:
        reasons = {**stage.lines_by_reason}
        for reason, n in stage.images_by_reason.items():
            reasons[f"picture: {reason}"] = n
        commonest = ", ".join(f"{reason} {n:,}" for reason, n in list(_by_count(Counter(reasons)).items())[:4])
        cells: list[Content] = [
            count(stage.images_out),
            count(stage.images_in - stage.images_out),
            count(stage.lines_out),
            count(stage.lines_in - stage.lines_out),
        ]
        grid.add(stage.name, *cells, Cell(commonest))
    return grid


def reasons(stages: Sequence[Stage]) -> Grid:
    """Table of every reason with its number of cases."""
    grid = Grid("why", ["stage", "what", "reason", "cases"])
    for stage in stages:
        for what, counts in (("picture", stage.images_by_reason), ("line", stage.lines_by_reason)):
            for reason, n in counts.items():
                grid.add(stage.name, what, reason, count(n))
        if stage.with_their_image:
            grid.add(stage.name, "line", "went with its picture", count(stage.with_their_image))
    return grid
