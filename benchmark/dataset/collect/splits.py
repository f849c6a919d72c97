"""Split a data set so that nothing leaks: images that are linked, as copies of each other, share a split.

Invariants:
* a group of linked images goes into a split as a whole;
* the split of a group follows from its smallest image id and the seed alone, so neither the order of the images nor
  what is added beside a group moves it;
* sizes are approximate. Each group draws its split on its own; exact counts would need to move groups whenever others
  come or go. Of n single images, a split with the share p gets p * n, give or take about sqrt(p * n); a large group
  makes a larger difference.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from math import fsum

import numpy as np

from ...errors import InputError

#: Name of the split that takes what the others leave.
TRAIN = "train"


class Groups:
    """Groups of things that are linked, directly or through others, as links become known (a union-find structure).

    Attributes:
        labels: for each thing, the smallest one of its group.
    """

    def __init__(self, size: int) -> None:
        self.labels = np.arange(size)

    def join(self, pairs: np.ndarray) -> None:
        """Link the things of each pair; `pairs` has two columns."""
        while True:
            ends = self.labels[pairs]
            ends = ends[ends[:, 0] != ends[:, 1]]
            if not len(ends):
                return
            # Every label that meets a smaller one takes it over, until all things have the smallest of their group.
            np.minimum.at(self.labels, ends.max(axis=1), ends.min(axis=1))
            while not np.array_equal(smaller := self.labels[self.labels], self.labels):
                self.labels = smaller


def groups(size: int, pairs: Sequence[tuple[int, int]] | np.ndarray) -> np.ndarray:
    """Group things that are linked, directly or through others.

    Args:
        size: number of things.
        pairs: pairs of indices that are linked.

    Returns:
        For each thing, the smallest index of its group.
    """
    found = Groups(size)
    found.join(np.asarray(pairs, np.int64).reshape(-1, 2))
    return found.labels


def assign_splits(
    image_ids: Sequence[str], groups: Sequence[int] | np.ndarray, shares: Mapping[str, float], seed: str = ""
) -> list[str]:
    """Assign every image to a split, each group as a whole.

    A hash of the seed and the smallest id of the group, as a number from 0 to 1, is compared with the shares, in their
    order. So sizes are approximate: see above. What happens to groups as pictures are added later:

    * a group that no new picture joins stays where it is;
    * a group that a new picture joins stays, too, unless the id of the picture is smaller than all of its ids: then the
      new id decides;
    * if a new picture joins two groups, they become one, which goes where the group with the smaller id was. The other
      group moves if it was elsewhere; a model that was trained on it before must not be tested on it now.

    Args:
        image_ids: id of each image. Give dropped images, too: a group keeps its split if a copy takes the place of the
            image with its smallest id.
        groups: label of the group of each image.
        shares: part of the images that each split gets, such as {"val": 0.01, "test": 0.01}; "train" gets the rest.
        seed: another seed draws other splits.

    Returns:
        Name of the split of each image.

    Raises:
        InputError: if a share is negative, all of them exceed 1, or "train" is among them.
    """
    if TRAIN in shares:
        raise InputError(f"shares of the splits: got {TRAIN!r}, expected other splits only; it gets what they leave")
    if not all(share >= 0 for share in shares.values()) or not fsum(shares.values()) <= 1:
        given = ", ".join(f"{name}={share}" for name, share in shares.items())
        raise InputError(f"shares of the splits: got {given}, expected numbers from 0 that add up to at most 1")
    smallest: dict[int, str] = {}
    labels = np.asarray(groups, np.int64).tolist()
    for image_id, label in zip(image_ids, labels, strict=True):
        smallest[label] = min(image_id, smallest.get(label, image_id))
    drawn = {label: _draw(image_id, shares, seed) for label, image_id in smallest.items()}
    return [drawn[label] for label in labels]


def _draw(image_id: str, shares: Mapping[str, float], seed: str) -> str:
    """Name of the split that an id draws."""
    digest = sha256(f"{seed}\n{image_id}".encode()).digest()
    drawn = int.from_bytes(digest[:6], "big") / (1 << 48)
    names = list(shares)
    for i, name in enumerate(names):
        if drawn < fsum(shares[earlier] for earlier in names[: i + 1]):
            return name
    return TRAIN


def linked_splits(
    image_ids: Iterable[str], links: Iterable[tuple[str, str]], shares: Mapping[str, float], seed: str = ""
) -> dict[str, str]:
    """Assign every image to a split, with groups given as links between ids; see `assign_splits`.

    Args:
        image_ids: ids of the images that are wanted.
        links: pairs of ids that belong together. Images that are not wanted, such as dropped ones, may be among them:
            they link others, and their ids count.
        shares: part of the images that each split gets.
        seed: another seed draws other splits.

    Returns:
        Name of the split of each wanted image, in their order.

    Raises:
        InputError: if a share is negative, all of them exceed 1, or "train" is among them.
    """
    wanted, linked = list(image_ids), list(links)
    ids = list(dict.fromkeys([*wanted, *(image_id for pair in linked for image_id in pair)]))
    index = {image_id: i for i, image_id in enumerate(ids)}
    labels = groups(len(ids), [(index[one], index[other]) for one, other in linked])
    splits = assign_splits(ids, labels, shares, seed)
    return {image_id: splits[index[image_id]] for image_id in wanted}
