"""From products and readings to the records of each split, stage after stage, with the account of all of them.

Invariants:
* everything after reading is a pure function of products, readings, rules and seed: equal ones give equal data sets;
* the account closes at every stage.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...errors import InputError
from .account import Account
from .clean import Cleaning, clean
from .expressions import LABELS, read_expressions
from .geometry import in_order, pieces
from .manifest import STAGE as MANIFEST
from .normalise import normalise
from .records import WHOLE, Drop, Listing, Reading, Record
from .redundant import redundant_stage
from .rules import Rules
from .select import PICTURE_PROBLEM, select
from .splits import linked_splits

READ = "read"


@dataclass(frozen=True)
class Collected:
    """What the stages made of the pictures.

    Attributes:
        splits: split -> its records, in the order of image ids.
        account: sums and drops of all stages.
        cleaning: what cleaning found, such as captions next to its threshold.
    """

    splits: Mapping[str, list[Record]]
    account: Account
    cleaning: Cleaning

    @property
    def n_images(self) -> int:
        """Number of images, over all splits."""
        return sum(map(len, self.splits.values()))


def records_of(
    products: Sequence[Listing],
    readings: Mapping[str, Reading],
    margin: float,
    rules: Rules,
) -> tuple[list[Record], list[Drop]]:
    """The images with everything that was read on them as candidates, and those whose pictures cannot be used.

    Args:
        products: the manifest.
        readings: what was read, by image id.
        margin: that of the engine that read; see `engines.Engine`.
        rules: their `deleted` decides how texts are normalised.
    """
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


def collect(
    products: Sequence[Listing],
    unusable: Sequence[Drop],
    readings: Mapping[str, Reading],
    margin: float,
    rules: Rules,
    shares: Mapping[str, float],
    *,
    seed: str = "",
    on_stage: Callable[[str], None] = lambda name: None,
) -> Collected:
    """Run all stages after reading.

    Args:
        products: the manifest.
        unusable: what the manifest dropped.
        readings: what was read, by image id.
        margin: that of the engine that read.
        rules: which captions and images to keep.
        shares: share of the images of each split but train.
        seed: another seed draws other splits.
        on_stage: called with the name of each stage as it begins.

    Raises:
        InputError: if no image is left, or a language model or lexicon cannot be used.
    """
    account = Account()
    account.begin(MANIFEST, len(products) + len(unusable), [Record(p, _NOTHING) for p in products], unusable)
    on_stage(READ)
    records, drops = records_of(products, readings, margin, rules)
    account.begin(READ, len(products), records, drops)

    on_stage("select")
    lexicon, labels = read_expressions(rules.lexicon), read_expressions(LABELS)
    selected, drops = [], []
    for record in records:
        left, gone = select(record, rules, lexicon, labels)
        drops += gone
        if left is not None:
            selected.append(left)
    account.add("select", records, selected, drops)

    on_stage("redundant")
    links: list[tuple[str, str]] = []
    unique = selected
    if rules.redundancy or rules.near_duplicates >= 0:
        same = None if rules.near_duplicates < 0 else rules.near_duplicates
        unique, drops, links = redundant_stage(
            selected,
            rules.redundancy or None,
            rules.redundancy_rounding,
            same=same,
            alike=None if same is None else max(8, same),
        )
        account.add("redundant", selected, unique, drops)

    on_stage("clean")
    cleaning = clean(unique, rules, groups=_group_names(links))
    account.add("clean", unique, cleaning.records, cleaning.drops)
    if not cleaning.records:
        commonest = ", ".join(reason for stage in account.stages for reason in list(stage.images_by_reason)[:1])
        raise InputError(f"no image is left of {len(products)}; the commonest reasons: {commonest}")

    on_stage("split")
    where = linked_splits([record.image_id for record in cleaning.records], links, shares, seed)
    splits: dict[str, list[Record]] = {"train": [], **{name: [] for name in shares}}
    for record in sorted(cleaning.records, key=lambda record: record.image_id):
        splits[where[record.image_id]].append(record)
    return Collected({name: found for name, found in splits.items() if found}, account, cleaning)


_NOTHING = Reading("", 0, 0)


def _group_names(links: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The name of each linked image's group; the first of a link is the smallest id of its group."""
    return {image_id: pair[0] for pair in links for image_id in pair}
