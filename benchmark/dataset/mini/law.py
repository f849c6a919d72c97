"""The law of mini's captions: how probable every caption of a box is, given all inputs or without some of them.

What a box says is decided in three steps, and the law is their mixture:

1. the kind of fact (brand, colour, a selling point, ...), by the place of the box, by its place in its group, which its
   neighbours tell, and by what other boxes of the image have said already (`kinds`);
2. the fact of this kind, which title and attributes or the picture tell, with some error;
3. its words, by the shop's style and the room in the box (`wording`).

A predictor without an input knows less in one of these steps; what it can still know is worked out by Bayes' rule from
the probabilities by which products are drawn. Without the location it knows which places the image has, but not which
one is the box's.

What is exact and what is estimated: without neighbours the first step is known from the boxes of other layouts that
stand at about the same place, which is an estimate (`kinds.kinds_alone`); all else is exact for captions as they are
drawn. Images are drawn again where two captions are equal or too many are another image's (about one in a hundred),
and 4 % of the train captions are misread; both are left out of the law.

Invariants: probabilities add up to 1; nothing here reads the captions of an image.
"""

import math
from collections.abc import Iterable
from functools import cache, lru_cache

import numpy as np

from .kinds import KINDS, POINTS, kinds, kinds_alone
from .layouts import Layout
from .lexicon import SHOWN, STYLES, Category, Domain, Fact, common, domains
from .products import (
    PATTERNS,
    RING,
    SCENES,
    SHAPES,
    STYLE_CUE,
    Product,
    colour_names,
    pattern_names,
    scene_names,
    shape_names,
)
from .wording import NUMBERING, rounded, wordings

INPUTS = ("image", "info", "location", "neighbours")
Removed = frozenset[str]


class Law:
    """Probabilities of the captions of a box, the most probable one first."""

    def __init__(self, numbers: np.ndarray, probabilities: np.ndarray) -> None:
        """Add up the probabilities of equal captions, which are numbered by `wording.NUMBERING`; both shape (n,)."""
        totals = np.bincount(numbers, probabilities)
        listed = np.flatnonzero(totals)
        order = listed[np.argsort(-totals[listed], kind="stable")]
        self._totals, self._order = totals, order

    def __len__(self) -> int:
        """Number of captions that are possible."""
        return len(self._order)

    def probability(self, text: str) -> float:
        """Probability of a caption; 0 if it is impossible."""
        number = NUMBERING.known(text)
        return float(self._totals[number]) if number is not None and number < len(self._totals) else 0.0

    def most_probable(self, n: int | None = None) -> dict[str, float]:
        """The n most probable captions, or all, with their probabilities, from the most probable one on.

        Probabilities that agree in nine digits are equal; then the order is that of the texts.
        """
        order = self._order
        if n is not None and n < len(order):
            order = order[: np.searchsorted(-self._totals[order], -self._totals[order[n - 1]] * (1 - 2e-8), "right")]
        found = [(NUMBERING.texts[i], float(self._totals[i])) for i in order.tolist()]
        return dict(sorted(found, key=lambda each: (-float(f"{each[1]:.9g}"), each[0]))[:n])


def styles(product: Product, removed: Removed) -> list[float]:
    """Probability of each style of the shop given what tells it, (4,)."""
    found = []
    for style in range(len(STYLES)):
        cues: list[tuple[str, int]] = []
        if "info" not in removed:
            cues += [("title", told) for told in product.title_styles]
        if "image" not in removed:
            cues += [("ornament", product.ornament), ("plate", product.plate)]
        found.append(
            math.prod(STYLE_CUE[c] if told == style else (1 - STYLE_CUE[c]) / (len(STYLES) - 1) for c, told in cues)
        )
    return [p / sum(found) for p in found]


def categories(product: Product, removed: Removed) -> list[Category]:
    """Categories that a product may have, all equally probable: one, some of its domain, or all of all domains."""
    if "image" not in removed or ("info" not in removed and "category" in product.told):
        return [product.category]
    if "info" not in removed:  # a domain's categories have equally many points, some of which are theirs alone
        told = _told_points(product)
        return [category for category in product.domain.categories if all(point in category.points for point in told)]
    return [category for domain in domains() for category in domain.categories]


def _told_points(product: Product) -> list[Fact]:
    return [product.facts[kind] for kind in POINTS if kind in product.told]


def facts(product: Product, category: Category, kind: str, removed: Removed) -> dict[Fact, float]:
    """Probability of each fact of a kind, given the category and what is not removed."""
    shared = common()
    if kind in SHOWN:
        return {f: p for f, p in zip(getattr(shared, kind), _shown(product, kind, removed), strict=True) if p}
    if kind == "headline":
        return {category.headline: 1.0}
    if "info" not in removed and kind in product.told:
        return {product.facts[kind]: 1.0}
    if kind in ("audience", "service"):
        return _even(getattr(shared, kind))
    if kind in POINTS:
        known = [] if "info" in removed else _told_points(product)
        return _even([fact for fact in category.points if fact not in known])
    domain = _domains()[category.name]
    return _even(domain.brands if kind == "brand" else domain.materials)


def _even(facts: Iterable[Fact]) -> dict[Fact, float]:
    found = list(facts)
    return dict.fromkeys(found, 1 / len(found))


def _shown(product: Product, kind: str, removed: Removed) -> list[float]:
    """Probabilities of the names of a kind that only the picture shows."""
    if "image" in removed:
        return list(_unseen(kind))
    if kind == "colour":
        return colour_names(product.colour)
    if kind == "pattern":
        return pattern_names(product.pattern, product.strength)
    if kind == "shape":
        return shape_names(product.stretch, product.scale)
    return scene_names(product.cues)


@cache
def _unseen(kind: str) -> tuple[float, ...]:
    """Probability of each name that a picture shows for one who does not see it."""
    if kind == "pattern":
        named = float(np.mean([pattern_names("dots", 0.3 + 0.7 * (i + 0.5) / 100)[2] for i in range(100)]))
        n = len(PATTERNS)
        return tuple((1 + (n - 1) * (1 - named)) / n if name == "plain" else named / n for name in PATTERNS)
    n = {"colour": len(RING), "shape": len(SHAPES), "scene": len(SCENES)}[kind]
    return (1 / n,) * n


@cache
def _domains() -> dict[str, Domain]:
    """Category -> its domain."""
    return {category.name: domain for domain in domains() for category in domain.categories}


def box_law(product: Product, layout: Layout, i: int, removed: Removed) -> Law:
    """Probability of every caption of a box, given what is not removed.

    Args:
        product: what is sold.
        layout: the places of the image.
        i: number of the box.
        removed: inputs that are not known, of `INPUTS`; without the location the neighbours are not known either, and
            all boxes of the image have the same law.
    """
    n = len(layout.places)
    if "location" in removed:
        mixture = [(place, by_kind / n) for place, by_kind in zip(layout.places, kinds(layout), strict=True)]
    else:
        place = layout.places[i]
        mixture = [(place, kinds_alone(layout, place) if "neighbours" in removed else kinds(layout)[i])]
    shop = np.array(styles(product, removed))
    numbers, probabilities = [], []
    possible = categories(product, removed)
    for category in possible:
        told = [facts(product, category, kind, removed) for kind in KINDS]
        for place, by_kind in mixture:
            room = rounded(layout.room(place))
            for found, p_kind in zip(told, (by_kind / len(possible)).tolist(), strict=True):
                for fact, p_fact in found.items():
                    texts, by_style = _wordings(fact, category.headline.words[0], room)
                    numbers.append(texts)
                    probabilities.append(p_kind * p_fact * (shop @ by_style))
    return Law(np.concatenate(numbers), np.concatenate(probabilities))


_wordings = lru_cache(maxsize=20_000)(wordings)
