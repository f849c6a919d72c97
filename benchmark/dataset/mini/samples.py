"""Sample the images of CapOnImage-Mini: a product, a layout, and a caption for each box, by the law that `law` knows.

Some captions of the train split have recognition errors, such as OCR makes; val and test are clean.

Invariants: the same split, index and sizes give the same image on every machine; captions of one image do not repeat;
no two images share 70 % of the captions of the one that has fewer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, count
from random import Random

from ..schema import AnnotationRow
from .draws import choose
from .kinds import KINDS, assign
from .layouts import Layout, sample_layout
from .products import Product, sample_product
from .wording import write

SEED = "caponimage-mini-2"
#: Share of the train captions that have a recognition error.
MISREAD = 0.04
#: Share of the texts of an image that take the form which the others take, too, as far as it fits: parallel captions.
PARALLEL = 0.85
MAX_SHARED = 0.7  # paper, appendix: images whose captions overlap more are dropped

_PAIRS = (
    "大太人入日曰未末土士己已干千天夫木本力刀王玉白自目臼口囗间问贝见活话清请情晴体休净挣轻经软敕滑猾洁沽"
    "亮高护沪水永温湿衣农肤胀触角透诱气乞不木好奸香查色包暖暧新斩光先美羊生主全仝心必"
)
#: Characters that text recognition confuses with each other.
LOOKALIKES = {a: b for x, y in zip(_PAIRS[::2], _PAIRS[1::2], strict=True) for a, b in ((x, y), (y, x))}


@dataclass(frozen=True)
class Sample:
    """One image: what its picture shows, and its captions before (`drawn`) and after (`captions`) recognition."""

    image_id: str
    product: Product
    layout: Layout
    kinds: tuple[str, ...]
    drawn: tuple[str, ...]
    captions: tuple[str, ...]

    @property
    def row(self) -> AnnotationRow:
        """The annotation row of the image."""
        boxes = [list(place.box) for place in self.layout.places]
        return {
            "image_id": self.image_id,
            "width": self.layout.size[0],
            "height": self.layout.size[1],
            "title": self.product.title,
            "attributes": self.product.attributes,
            "category": self.product.category.name,
            "boxes": boxes,
            "captions": list(self.captions),
            "masked_boxes": sorted(boxes + [list(box) for box in self.layout.decoys], key=lambda b: (b[1], b[0])),
            "roles": list(self.kinds),
        }


def captions(random: Random, product: Product, layout: Layout) -> tuple[list[str], list[str]]:
    """Draw what each box says, and its captions."""
    kinds = assign(random, layout)
    written = []
    usual = random.random(), random.random()
    for kind, place in zip(kinds, layout.places, strict=True):
        which, form = random.random(), random.random()
        if random.random() < PARALLEL:
            which, form = usual
        written.append(write(product.facts[kind], product.noun, product.style, layout.room(place), which, form))
    return kinds, written


def drawn_again(sample: Sample, seed: int) -> list[str]:
    """Draw other captions for the same product and layout from the same law; no two of them are equal."""
    random = Random(f"{sample.image_id}/again/{seed}")
    while True:
        _, written = captions(random, sample.product, sample.layout)
        if len(set(written)) == len(written):
            return written


def _misread(random: Random, caption: str) -> str:
    """The caption with one character taken for a similar one, or with its last one lost."""
    places = [i for i, character in enumerate(caption) if character in LOOKALIKES]
    if places:
        i = choose(random, places)
        return caption[:i] + LOOKALIKES[caption[i]] + caption[i + 1 :]
    return caption[:-1] if len(caption) > 2 else caption


def samples(sizes: dict[str, int]) -> Iterator[tuple[str, Sample]]:
    """Sample the images of every split; yields the split's name and the image, in the order of `sizes`.

    Args:
        sizes: split -> number of images. A split's images depend on the splits before it, whose captions they may not
            repeat: list test and val first.
    """
    seen: dict[frozenset[str], list[frozenset[str]]] = {}  # two captions -> the captions of each image with both
    for split, n_images in sizes.items():
        for i in range(n_images):
            for attempt in count():
                random = Random(f"{SEED}/{split}/{i}/{attempt}")
                layout = sample_layout(random)
                if not 2 <= len(layout.places) < len(KINDS):
                    continue
                product = sample_product(random)
                kinds, drawn = captions(random, product, layout)
                told = frozenset(drawn)
                if len(told) == len(drawn) and not _repeats(told, seen):
                    break
            for pair in combinations(told, 2):
                seen.setdefault(frozenset(pair), []).append(told)
            read = drawn
            if split == "train":
                read = [_misread(random, c) if random.random() < MISREAD else c for c in drawn]
            yield split, Sample(f"{split}-{i:06d}", product, layout, tuple(kinds), tuple(drawn), tuple(read))


def _repeats(told: frozenset[str], seen: dict[frozenset[str], list[frozenset[str]]]) -> bool:
    """Whether an earlier image shares too many captions; any such image shares at least two."""
    return any(
        len(told & other) >= MAX_SHARED * min(len(told), len(other))
        for pair in combinations(told, 2)
        for other in seen.get(frozenset(pair), ())
    )
