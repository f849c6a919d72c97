"""Sample the images of CapOnImage-Mini: a product, a layout, and the caption of each box.

Each input carries this information and no other (`docs/data.md`):

* the picture: colour, pattern, shape and scene;
* title and attributes: brand, material and the three selling points, as first (主打), middle (兼顾) and last (还能);
* both: the category, on which headline and promises depend;
* the place of the box: the role of its caption and, through its aspect ratio, the form;
* the places of its neighbours: which selling point of a stack it is (see `layouts`).

One caption in twenty is replaced by a selling point that the product does not list: no input explains it, so no model
scores 100. Some captions of the train split have recognition errors, such as OCR makes; val and test are clean.

Invariants: the same split, index and seed give the same image on every machine; captions of one image do not repeat; no
two images share 70 % of the captions of the one that has fewer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, count
from random import Random

from ..schema import AnnotationRow
from . import UNEXPLAINED
from .copywriting import Category, Domain, Phrase, domains, visible
from .layouts import Layout, Slot, T, choose, sample_layout

SEED = "caponimage-mini-1"

#: Share of the train captions that have a recognition error.
MISREAD = 0.04
#: Length of every title in characters: sellers fill it up to the limit.
TITLE_LENGTH = 12
MAX_SHARED = 0.7  # paper, appendix: images whose captions overlap more are dropped

POINT_NAMES = ("主打", "兼顾", "还能")

_PAIRS = (
    "大太人入日曰未末土士己已干千天夫木本力刀王玉白自目臼口囗间问贝见活话清请情晴体休净挣轻经软敕滑猾洁沽"
    "亮高护沪水永温湿衣农肤胀触角透诱气乞不木好奸香查色包暖暧新斩光先美羊生主全仝心必"
)
#: Characters that text recognition confuses with each other.
LOOKALIKES = {a: b for x, y in zip(_PAIRS[::2], _PAIRS[1::2], strict=True) for a, b in ((x, y), (y, x))}


@dataclass(frozen=True)
class Product:
    """A product: what is sold, and what its picture shows."""

    domain: Domain
    category: Category
    brand: str
    material: Phrase
    points: tuple[Phrase, Phrase, Phrase]  # first, middle, last
    colour: Phrase
    pattern: Phrase
    shape: Phrase
    scene: Phrase
    title: str

    @property
    def attributes(self) -> str:
        """Attributes text of the product: material and selling points by their keys."""
        named = [(self.domain.material_key, self.material), *zip(POINT_NAMES, self.points, strict=True)]
        return "；".join(f"{name}：{phrase.key}" for name, phrase in named)

    def caption(self, slot: Slot) -> str:
        """The caption that belongs into a slot."""
        if slot.role == "brand":
            return self.brand + self.domain.brand_tail.form(slot.form)
        phrase = {
            "headline": self.category.headline,
            "scene": self.scene,
            "material": self.material,
            "pattern": self.pattern,
            "colour": self.colour,
            "shape": self.shape,
            "promise centre": self.domain.promises[0],
            "promise right": self.domain.promises[1],
            "first point": self.points[0],
            "middle point": self.points[1],
            "last point": self.points[2],
        }[slot.role]
        return phrase.form(slot.form)


@dataclass(frozen=True)
class Sample:
    """One image: what its picture shows, and its captions before (`drawn`) and after (`captions`) recognition."""

    image_id: str
    product: Product
    layout: Layout
    drawn: tuple[str, ...]
    captions: tuple[str, ...]

    @property
    def row(self) -> AnnotationRow:
        """The annotation row of the image."""
        boxes = [list(slot.box) for slot in self.layout.slots]
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
            "roles": [slot.role for slot in self.layout.slots],
        }


def _sample_product(random: Random) -> Product:
    domain = choose(random, domains())
    category = choose(random, domain.categories)
    shown = visible()
    brand = choose(random, domain.brands)
    points = _distinct(random, category.selling_points, 3)
    return Product(
        domain=domain,
        category=category,
        brand=brand,
        material=choose(random, domain.materials),
        points=(points[0], points[1], points[2]),
        colour=choose(random, shown.colours),
        pattern=choose(random, shown.patterns),
        shape=choose(random, shown.shapes),
        scene=choose(random, shown.scenes),
        title=brand + _filler(random, domain, TITLE_LENGTH - len(brand) - len(category.name)) + category.name,
    )


def _filler(random: Random, domain: Domain, length: int) -> str:
    """Title words of exactly `length` characters in all, padded with 新 (new)."""
    words: list[str] = []
    for word in _distinct(random, domain.title_words, len(domain.title_words)):
        if len(word) <= length:
            words.append(word)
            length -= len(word)
    return "".join(words) + "新" * length


def _distinct(random: Random, items: Sequence[T], n: int) -> list[T]:
    left = list(items)
    return [left.pop(int(random.random() * len(left))) for _ in range(n)]


def _captions(random: Random, product: Product, layout: Layout) -> tuple[str, ...]:
    unlisted = [point for point in product.category.selling_points if point not in product.points]
    captions = []
    for slot in layout.slots:
        if random.random() < UNEXPLAINED:
            captions.append(unlisted.pop(int(random.random() * len(unlisted))).form(slot.form))
        else:
            captions.append(product.caption(slot))
    return tuple(captions)


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
                product, layout = _sample_product(random), sample_layout(random)
                drawn = _captions(random, product, layout)
                captions = frozenset(drawn)
                if len(drawn) >= 2 and len(captions) == len(drawn) and not _repeats(captions, seen):
                    break
            for pair in combinations(captions, 2):
                seen.setdefault(frozenset(pair), []).append(captions)
            read = drawn
            if split == "train":
                read = tuple(_misread(random, c) if random.random() < MISREAD else c for c in drawn)
            yield split, Sample(f"{split}-{i:06d}", product, layout, drawn, read)


def _repeats(captions: frozenset[str], seen: dict[frozenset[str], list[frozenset[str]]]) -> bool:
    """Whether an earlier image shares too many captions; any such image shares at least two."""
    return any(
        len(captions & other) >= MAX_SHARED * min(len(captions), len(other))
        for pair in combinations(captions, 2)
        for other in seen.get(frozenset(pair), ())
    )
