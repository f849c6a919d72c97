"""From products and readings to the records of each split, stage after stage, with the account of all of them.

Invariants:
* everything after reading is a pure function of products, readings, rules, answers of reviewers and seed: equal ones
  give equal data sets, whatever the order in which images come;
* the account closes at every stage.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...errors import InputError
from .account import Account
from .choose import Chosen
from .clean import Cleaning, clean
from .manifest import STAGE as MANIFEST
from .records import Drop, Record
from .redundant import redundant_stage
from .review.answers import Answers
from .review.stage import STAGE as REVIEW
from .review.stage import Reviewed, review
from .rules import Rules
from .splits import linked_splits


@dataclass(frozen=True)
class Collected:
    """What the stages made of the pictures.

    Attributes:
        read: split -> its records, in the order of image ids, before any review.
        splits: the same as the data set has them, after the review if there was one.
        account: sums and drops of all stages.
        cleaning: what cleaning found, such as captions next to its threshold.
        reviewed: what reviewers have done; None if there are no answers.
    """

    read: Mapping[str, list[Record]]
    splits: Mapping[str, list[Record]]
    account: Account
    cleaning: Cleaning
    reviewed: Reviewed | None = None

    @property
    def n_images(self) -> int:
        """Number of images, over all splits."""
        return sum(map(len, self.splits.values()))


def collect(
    n_products: int,
    unusable: Sequence[Drop],
    chosen: Iterable[Chosen],
    rules: Rules,
    shares: Mapping[str, float],
    *,
    answers: Sequence[Answers] = (),
    seed: str = "",
    on_stage: Callable[[str], None] = lambda name: None,
) -> Collected:
    """Run all stages after reading.

    Args:
        n_products: number of images in the manifest that were read.
        unusable: what the manifest dropped.
        chosen: what the rules for single images have left of them, in parts.
        rules: which captions and images to keep.
        shares: share of the images of each split but train.
        answers: those of reviewers.
        seed: another seed draws other splits.
        on_stage: called with the name of each stage as it begins.

    Raises:
        InputError: if reviewers have left no image, or a language model or lexicon cannot be used.
    """
    account = Account()
    account.begin(MANIFEST, n_products + len(unusable), n_products, 0, unusable)
    on_stage("select")
    selected: list[Record] = []
    for part in chosen:
        selected += part.records
        account.include(part.account)

    on_stage("redundant")
    same = None if rules.near_duplicates < 0 else rules.near_duplicates
    # What looks alike shares a split under all rules, also those that drop nothing for it.
    unique, drops, links = redundant_stage(
        selected, rules.redundancy or None, rules.redundancy_rounding, same=same, alike=max(8, same or 0)
    )
    account.add("redundant", selected, unique, drops)

    on_stage("clean")
    cleaning = clean(unique, rules, groups=_group_names(links))
    account.add("clean", unique, cleaning.records, cleaning.drops)
    on_stage("split")
    where = linked_splits([record.image_id for record in cleaning.records], links, shares, seed)
    splits: dict[str, list[Record]] = {"train": [], **{name: [] for name in shares}}
    for record in sorted(cleaning.records, key=lambda record: record.image_id):
        splits[where[record.image_id]].append(record)
    read = {name: found for name, found in splits.items() if found}
    if not answers:
        return Collected(read, read, account, cleaning)

    on_stage("review")
    reviewed = review(read, answers, rules)
    if not any(reviewed.splits.values()):
        raise InputError("reviewers have left no image; look at the answers in the working folder's review/")
    before, after = (
        [record for records in all_of.values() for record in records] for all_of in (read, reviewed.splits)
    )
    account.add(REVIEW, before, after, reviewed.drops)
    return Collected(read, {name: left for name, left in reviewed.splits.items() if left}, account, cleaning, reviewed)


def _group_names(links: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The name of each linked image's group; the first of a link is the smallest id of its group."""
    return {image_id: pair[0] for pair in links for image_id in pair}
