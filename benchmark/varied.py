"""A made-up data set whose captions hardly repeat: for measuring speed, without pictures or meaning.

Captions of mini come from templates, so 96,000 of them have 1,300 different texts, and work that is done once per
distinct text or pair costs less than on real data. Here a caption is a row of different words with frequencies like
those of language (Zipf's law): 96,000 captions have 52,000 different texts, and with predictions that are a third right
(`scoring.blind.perturbed`) 78,000 different pairs. One caption in ten has a character twice.

Invariant: the same sizes give the same rows, and so the same fingerprints, on every machine.
"""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from random import Random

from .dataset.description import write_description
from .dataset.schema import AnnotationRow
from .dataset.store import SplitWriter
from .files import folder_when_complete

#: Words have two characters; the one of rank r is drawn with a weight of 1 / r ** 1.3.
_WORDS, _EXPONENT = 5000, 1.3
#: Characters that words are made of, from U+4E00 on, shuffled; that of rank r has a weight of 1 / (r + 2.7).
_CHARACTERS, _SHIFT = 4000, 2.7

#: Boxes of an image, and characters of a caption: value -> weight. About the shares in mini.
_BOXES = {2: 4, 3: 16, 4: 21, 5: 29, 6: 20, 7: 8, 8: 2}
_LENGTHS = {2: 17, 3: 11, 4: 28, 5: 13, 6: 1, 7: 11, 8: 16, 9: 2, 10: 1}

_CATEGORIES, _SIDE = 50, 800


def build_varied(directory: Path, sizes: Mapping[str, int]) -> None:
    """Write the data set to a folder, which appears complete or not at all.

    Args:
        directory: folder of the data set.
        sizes: split -> number of images; each has 4.8 boxes on average.
    """
    with folder_when_complete(directory) as folder:
        summaries = {}
        for split, images in sizes.items():
            with SplitWriter(folder, split) as writer:
                for row in _rows(split, images):
                    writer.append(row)
            summaries[split] = {**writer.summary(), "pictures": False}
        write_description(folder, name="varied", synthetic=True, splits=summaries)


def _rows(split: str, images: int) -> Iterator[AnnotationRow]:
    random = Random("words")  # all splits have the same words
    characters = [chr(0x4E00 + i) for i in range(_CHARACTERS)]
    random.shuffle(characters)
    weights = list(accumulate(1 / (rank + _SHIFT) for rank in range(1, _CHARACTERS + 1)))
    words = ["".join(random.choices(characters, cum_weights=weights, k=2)) for _ in range(_WORDS)]
    categories = random.sample(words, _CATEGORIES)
    weights = list(accumulate(1 / rank**_EXPONENT for rank in range(1, _WORDS + 1)))
    random = Random(f"{split} {images}")

    def text(length: int) -> str:
        return "".join(dict.fromkeys(random.choices(words, cum_weights=weights, k=length)))[:length]

    def drawn(table: Mapping[int, int]) -> int:
        return random.choices(list(table), list(table.values()))[0]

    for number in range(images):
        captions = [text(drawn(_LENGTHS)) for _ in range(drawn(_BOXES))]
        boxes = [_box(random, len(caption)) for caption in captions]
        yield AnnotationRow(
            image_id=f"{split}-{number:06d}",
            width=_SIDE,
            height=_SIDE,
            title=text(12),
            attributes=text(23),
            category=random.choice(categories),
            boxes=boxes,
            captions=captions,
            masked_boxes=[*boxes, _box(random, 5)],
        )


def _box(random: Random, length: int) -> list[float]:
    """A box as high as a character and about as long as a caption, somewhere on the image."""
    height = 0.03 + 0.06 * random.random()
    width = min(0.95, height * length * (0.8 + 0.6 * random.random()))
    x, y = random.random() * (1 - width), random.random() * (1 - height)
    return [x, y, x + width, y + height]
