"""The guard at the end: is any caption still readable when its picture is masked?

Text that detection missed stays visible, and so does what a mask is too small for. So a sample of the pictures is
masked as models see them and read again, by another engine than the first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from ...errors import InputError
from ...rendering import mask_boxes
from .engines import Engine
from .normalise import normalise
from .opening import open_seen
from .records import Record
from .write import masks

#: Largest share of captions that may be readable.
MOST = 0.001


@dataclass(frozen=True)
class Guarded:
    """What the second look found.

    Attributes:
        images, captions: number of pictures looked at, and of their captions.
        readable: image id and caption for each caption that was read on its masked picture.
    """

    images: int
    captions: int
    readable: tuple[tuple[str, str], ...]

    @property
    def passed(self) -> bool:
        """Whether few enough captions are readable."""
        return len(self.readable) <= MOST * self.captions


def look_again(
    records: Sequence[Record],
    engine: Engine,
    deleted: str,
    *,
    images: int = 200,
    seed: str = "guard",
    on_pictures: Callable[[int], None] = lambda n: None,
) -> Guarded:
    """Read masked pictures again.

    Args:
        records: images with their captions.
        engine: the engine to read with; one that did not find the texts in the first place.
        deleted: characters that normalising has deleted from the captions; see `rules.Rules`.
        images: number of pictures to look at, drawn at random.
        seed: what the draw depends on.
        on_pictures: called with the number of pictures that were just read.

    Raises:
        InputError: if the engine cannot be used, or fails on every picture; a few are just not looked at.
    """
    drawn = Random(seed).sample(range(len(records)), min(images, len(records)))
    readable: list[tuple[str, str]] = []
    captions = failed = 0
    for i in sorted(drawn):
        record = records[i]
        width, height = record.reading.width, record.reading.height
        ratios = [(x1 / width, y1 / height, x2 / width, y2 / height) for x1, y1, x2, y2 in masks(record)]
        picture = mask_boxes(open_seen(record.product.path), ratios)
        try:
            found = [normalise(line.text, deleted) for line in engine.read(np.asarray(picture))]
        except InputError:
            raise  # the engine cannot be used at all
        except Exception:  # what engines raise for one picture may be anything; it was not looked at, then
            failed += 1
            continue
        readable += [(record.image_id, c.text) for c in record.captions if any(c.text in text for text in found)]
        captions += len(record.captions)
        on_pictures(1)
    if failed and failed == len(drawn):
        raise InputError(f"engine {engine.name} failed on all {failed:,} masked pictures, so nobody has looked at them")
    return Guarded(len(drawn) - failed, captions, tuple(readable))
