"""From readings to the images and captions that the rules for single images keep, one batch after the other.

Invariants:
* what becomes of an image depends on its product, its reading and the rules alone, so batches may be worked on by any
  process, in any order;
* of a reading, only what later stages need is passed on: memory grows with the images that stay, not with everything
  that was read on all of them.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import InputError
from ...processes import Workers
from .account import Account
from .engines import open_engine
from .expressions import LABELS, read_expressions
from .geometry import hull, in_order, pieces
from .normalise import contact_details, normalise
from .reading import Summary
from .reading_files import ReadingBatch, load_batch, reading_batches
from .records import WHOLE, Drop, Listing, Reading, Record
from .rules import Rules
from .select import PICTURE_PROBLEM, select

READ = "read"

#: From so many pictures on, several processes are worth their start.
MANY = 20_000

_CHUNK = 8  # batches that a process is given at once


@dataclass(frozen=True)
class Chosen:
    """What is left of some images.

    Attributes:
        records: the images that stay, with their captions.
        account: what the stages "read" and "select" were given and passed on.
    """

    records: list[Record]
    account: Account


def choose(products: Sequence[Listing], readings: Mapping[str, Reading], margin: float, rules: Rules) -> Chosen:
    """Choose the captions of some images by the rules that look at one image alone.

    Args:
        products: the images.
        readings: what was read on each, by image id.
        margin: margin of the engine that read; see `engines.Engine`.
        rules: which captions and images to keep.

    Raises:
        InputError: if the lexicon cannot be used.
    """
    account = Account()
    records, drops = _read(products, readings, margin, rules)
    account.begin(READ, len(products), len(records), sum(len(record.captions) for record in records), drops)
    lexicon, labels = read_expressions(rules.lexicon), read_expressions(LABELS)
    selected, drops = [], []
    for record in records:
        left, gone = select(record, rules, lexicon, labels)
        drops += gone
        if left is not None:
            selected.append(left)
    account.add("select", records, selected, drops)
    return Chosen([_without_lines(record) for record in selected], account)


def _read(
    products: Sequence[Listing], readings: Mapping[str, Reading], margin: float, rules: Rules
) -> tuple[list[Record], list[Drop]]:
    """The images with everything that was read on them as candidates, and those whose pictures cannot be used."""
    records, drops = [], []
    for product in products:
        reading = readings[product.image_id]
        if reading.problem:
            drops.append(Drop(READ, product.image_id, WHOLE, reading.problem, PICTURE_PROBLEM))
            continue
        candidates = [
            replace(
                piece,
                text=normalise(piece.text, rules.deleted),
                second=None if piece.second is None else normalise(piece.second, rules.deleted),
            )
            for number, line in enumerate(reading.lines)
            for piece in pieces(line, number, margin)
        ]
        records.append(Record(product, reading, tuple(in_order(candidates, rules.order))))
    return records, drops


def _without_lines(record: Record) -> Record:
    """The record with what later stages need of its lines, in place of the lines themselves."""
    reading = record.reading
    corners = (*(line.corners for line in reading.lines), *reading.others)
    boxes = (hull(each, reading.width, reading.height) for each in corners)
    masks = array("i", [place for x1, y1, x2, y2 in boxes if x1 < x2 and y1 < y2 for place in (x1, y1, x2, y2)])
    contacts = tuple(kind for line in reading.lines for kind in contact_details(line.text))
    return replace(record, reading=replace(reading, lines=(), others=()), masks=masks, contacts=contacts)


@dataclass(frozen=True)
class _Work:
    """A batch of readings, its products with the SHA-256 of their pictures, and what decides about them."""

    batch: ReadingBatch
    products: tuple[tuple[Listing, str], ...]
    margin: float
    rules: Rules


def choose_all(
    products: Sequence[Listing], summary: Summary, work: Path, names: tuple[str, str], rules: Rules, jobs: int
) -> Iterator[Chosen]:
    """Choose the captions of everything that was read.

    Args:
        products: the manifest.
        summary: what the run that has read its pictures tells.
        work: the working folder, with the readings.
        names: names of the engines that read first and second; the second may be empty.
        rules: which captions and images to keep.
        jobs: number of processes, which are used for many pictures only.

    Raises:
        InputError: if an engine or the lexicon cannot be used, or a process was killed.
        DamagedError: if a file of readings is not what was once written.
    """
    engine, second = open_engine(names[0]), open_engine(names[1]) if names[1] else None
    of_digest: dict[str, list[Listing]] = defaultdict(list)
    for product in products:
        of_digest[summary.digests.get(product.image_id, "")].append(product)
    work_list = []
    for batch in reading_batches(work, engine, second):
        named = [(product, digest) for digest in batch.digests for product in of_digest.pop(digest, ())]
        if named:
            work_list.append(_Work(batch, tuple(named), engine.margin, rules))
    left = [product for those in of_digest.values() for product in those]
    yield choose(left, {each.image_id: summary.reading_of(each.image_id, {}) for each in left}, engine.margin, rules)
    if len(products) < MANY or jobs == 1:
        yield from map(_choose_batch, work_list)
        return
    try:
        with Workers(jobs) as pool:
            yield from pool.map(_choose_batch, work_list, chunksize=_CHUNK)
    except BrokenProcessPool:
        raise InputError(
            "a process that chose captions has ended, as it does when memory is short; run again with fewer --jobs"
        ) from None


def _choose_batch(one: _Work) -> Chosen:
    readings = load_batch(one.batch)
    of_image = {product.image_id: readings[digest] for product, digest in one.products}
    return choose([product for product, _ in one.products], of_image, one.margin, one.rules)
