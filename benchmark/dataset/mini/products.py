"""Products of CapOnImage-Mini: what is sold, what its picture shows, and what shops write about it.

What is told is told in degrees. A colour lies between two names, a scene has three cues that may disagree, a pattern
may be faint; titles leave things out and shops fill them with words that say nothing. What a shop's style is, its
words in the title and the look of its texts tell, each with some error.

Invariant: whatever is drawn here depends on `Random` alone; `law` knows all probabilities and takes them from here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from .draws import T, between, choose, pick
from .kinds import POINTS
from .lexicon import STYLES, Category, Domain, Fact, common, domains, grammar

#: Probabilities that a title or the attributes hold something.
TOLD = {
    "brand": 0.94,
    "category": 0.92,
    "material": 0.9,
    "first point": 0.94,
    "middle point": 0.94,
    "last point": 0.94,
    "audience": 0.85,
    "service": 0.8,
}
#: Probability that a cue of the style is the shop's own; otherwise it is one of the others'.
STYLE_CUE = {"title": 0.75, "ornament": 0.75, "plate": 0.6}
TITLE_STYLE_WORDS = 2
#: Probability that a cue of the scene is of the scene itself; otherwise it is one of the others'.
SCENE_CUE = 0.86
#: Standard deviation, on the ring of colours, of the name around the colour.
COLOUR_SPREAD = 0.28
#: How much more probable the name of a pattern gets with its strength: at strength 0.3 and at 1.
PATTERN_NAMED = (0.7, 0.98)
SHAPE_SLOPE = 4.0
#: Length of every title in characters, to which shops fill them up, and what fills the rest.
TITLE_LENGTH, FILL = 14, "新"
POINTS_NAME, SERVICE_NAME = "卖点", "支持"
OTHER = "其他"  # what the attributes say where the shop has left a property out
#: Attributes that say nothing about any caption: name -> values.
IRRELEVANT = {
    "季节": ("四季", "春夏", "秋冬"),
    "规格": ("单件", "组合", "套装"),
    "包装": ("盒装", "袋装", "简装"),
    "货源": ("现货", "预售", "定制"),
}
IRRELEVANT_SHARE = 0.04
#: What pictures show, in the order of the facts in `copy/common.toml`; the drawing code has these names, too.
RING = ("red", "brown", "orange", "yellow", "green", "blue", "purple", "grey", "white", "pink")
PATTERNS = ("plain", "stripes", "dots", "checks", "two_tone", "gradient")
SHAPES = ("slim", "wide", "small", "large")
SCENES = ("kitchen", "seaside", "forest", "snow", "night", "garden", "bedroom", "study")


@dataclass(frozen=True)
class Product:
    """A product, its picture's looks, and its shop.

    Attributes:
        domain, category: what is sold.
        facts: what captions can say, by kind; of the kinds that the picture shows, the name that the shop chose.
        style: the shop's style, a place in `STYLES`.
        colour: on the ring of colours, in [0, 10).
        pattern, strength: the drawn pattern, and how clearly it shows, in [0.3, 1).
        stretch, scale: proportions in [-1, 1) and size in [0, 1).
        cues: the scenes that surface, backdrop and props are taken from.
        light: in [0, 1); tells nothing.
        ornament, plate: looks of the frame and of the texts, by which the style is told.
        title, attributes: what the shop writes.
        told: which of brand, category, material, points and audience title and attributes hold.
        title_styles: the style that each of the title's style words belongs to.
    """

    domain: Domain
    category: Category
    facts: dict[str, Fact]
    style: int
    colour: float
    pattern: str
    strength: float
    stretch: float
    scale: float
    cues: tuple[str, str, str]
    light: float
    ornament: int
    plate: int
    title: str
    attributes: str
    told: frozenset[str]
    title_styles: tuple[int, ...]

    @property
    def noun(self) -> str:
        """The usual noun of the category."""
        return self.category.headline.words[0]


def colour_names(colour: float) -> list[float]:
    """Probabilities of the colours' names for a colour on the ring; shape (10,)."""
    n = len(RING)
    distances = [min(abs(colour - i), n - abs(colour - i)) for i in range(n)]
    return _shares([math.exp(-((d / COLOUR_SPREAD) ** 2) / 2) for d in distances])


def pattern_names(pattern: str, strength: float) -> list[float]:
    """Probabilities of the patterns' names; a faint pattern may be called plain; shape (6,)."""
    low, high = PATTERN_NAMED
    named = low + (high - low) * (strength - 0.3) / 0.7
    if pattern == "plain":
        return [float(name == "plain") for name in PATTERNS]
    return [named if name == pattern else 1 - named if name == "plain" else 0.0 for name in PATTERNS]


def shape_names(stretch: float, scale: float) -> list[float]:
    """Probabilities of slim, wide, small and large; shape (4,)."""
    size = 2 * scale - 1
    return _shares([math.exp(SHAPE_SLOPE * value) for value in (-stretch, stretch, -size, size)])


def scene_names(cues: tuple[str, ...]) -> list[float]:
    """Probabilities of the scenes given the cues of a picture; all scenes are equally frequent; shape (8,)."""
    other = (1 - SCENE_CUE) / (len(SCENES) - 1)
    return _shares([math.prod(SCENE_CUE if cue == scene else other for cue in cues) for scene in SCENES])


def _shares(weights: list[float]) -> list[float]:
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def _noisy(random: Random, value: int, n: int, right: float) -> int:
    """The value with probability `right`, else another one of the n."""
    if random.random() < right:
        return value
    return (value + 1 + int(random.random() * (n - 1))) % n


def _named(random: Random, facts: tuple[Fact, ...], shares: list[float]) -> Fact:
    return pick(random, facts, shares)


def distinct(random: Random, items: Sequence[T], n: int) -> list[T]:
    """Draw n different items."""
    left = list(items)
    return [left.pop(int(random.random() * len(left))) for _ in range(n)]


def sample_product(random: Random) -> Product:
    """Draw a product."""
    domain = choose(random, domains())
    category = choose(random, domain.categories)
    shared = common()
    style = int(random.random() * len(STYLES))
    points = distinct(random, category.points, 3)
    colour = random.random() * len(RING)
    pattern, strength = choose(random, PATTERNS), between(random, 0.3, 1.0)
    stretch, scale = between(random, -1, 1), random.random()
    scene = int(random.random() * len(SCENES))
    first, second, third = (SCENES[_noisy(random, scene, len(SCENES), SCENE_CUE)] for _ in range(3))
    cues = (first, second, third)
    facts = {
        "brand": choose(random, domain.brands),
        "headline": category.headline,
        "material": choose(random, domain.materials),
        **dict(zip(POINTS, points, strict=True)),
        "audience": choose(random, shared.audience),
        "service": choose(random, shared.service),
        "colour": _named(random, shared.colour, colour_names(colour)),
        "pattern": _named(random, shared.pattern, pattern_names(pattern, strength)),
        "shape": _named(random, shared.shape, shape_names(stretch, scale)),
        "scene": shared.scene[scene],
    }
    told = frozenset(name for name, share in TOLD.items() if random.random() < share)
    title_styles = tuple(_noisy(random, style, len(STYLES), STYLE_CUE["title"]) for _ in range(TITLE_STYLE_WORDS))
    return Product(
        domain=domain,
        category=category,
        facts=facts,
        style=style,
        colour=colour,
        pattern=pattern,
        strength=strength,
        stretch=stretch,
        scale=scale,
        cues=cues,
        light=random.random(),
        ornament=_noisy(random, style, len(STYLES), STYLE_CUE["ornament"]),
        plate=_noisy(random, style, len(STYLES), STYLE_CUE["plate"]),
        title=_title(random, domain, category, facts, told, title_styles),
        attributes=_attributes(random, domain, facts, told),
        told=told,
        title_styles=title_styles,
    )


def _title(
    random: Random,
    domain: Domain,
    category: Category,
    facts: dict[str, Fact],
    told: frozenset[str],
    title_styles: tuple[int, ...],
) -> str:
    """What shops write, up to the limit: brand mostly first, noun mostly last, search words between in any order."""
    by_style = grammar().style_words
    words = [choose(random, by_style[STYLES[style]]) for style in title_styles]
    if "audience" in told:
        words.append(facts["audience"].key)
    noun = ""
    if "category" in told:
        noun = category.headline.words[0] if random.random() < 0.8 else choose(random, category.headline.words)
    brand = facts["brand"].key if "brand" in told else ""
    left = TITLE_LENGTH - len(brand) - len(noun) - sum(map(len, words))
    for word in distinct(random, domain.title_words, len(domain.title_words)):
        if len(word) <= left:
            words.append(word)
            left -= len(word)
    words = distinct(random, words, len(words))
    if noun:
        words.insert(len(words) if random.random() < 0.6 else int(random.random() * (len(words) + 1)), noun)
    if brand:
        words.insert(0 if random.random() < 0.85 else int(random.random() * (len(words) + 1)), brand)
    return "".join(words) + FILL * left


def _attributes(random: Random, domain: Domain, facts: dict[str, Fact], told: frozenset[str]) -> str:
    """Properties in the order of the shop's form, `OTHER` where left out: 成分芦荟，卖点保湿、其他、控油，支持退换."""
    values = {role: facts[role].key if role in told else OTHER for role in (*POINTS, "material", "service")}
    named = [
        domain.material_key + values["material"],
        POINTS_NAME + "、".join(values[role] for role in POINTS),
        SERVICE_NAME + values["service"],
    ]
    named += [
        f"{name}{choose(random, values)}" for name, values in IRRELEVANT.items() if random.random() < IRRELEVANT_SHARE
    ]
    return "，".join(named)
