"""The words of CapOnImage-Mini: hand-written e-commerce language, read from `copy/*.toml`.

One file per domain (ten domains of five categories) and `copy/common.toml` for what any picture can show.

Every phrase is written in three forms, `short` (2-3 characters), `middle` (4-5) and `long` (6-10); which one stands
in a box is decided by the box's aspect ratio. All text is invented: no real brand, no discount, no digits, no Latin.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FORMS = ("short", "middle", "long")
FORM_LENGTHS = {"short": (2, 3), "middle": (4, 5), "long": (6, 10)}

COPY = Path(__file__).parent / "copy"


@dataclass(frozen=True)
class Phrase:
    """One thing to say, in three lengths."""

    key: str  # the word for it in the product's title or attributes, or the visible value ("红色")
    short: str
    middle: str
    long: str

    def form(self, name: str) -> str:
        """The text of one of `FORMS`."""
        return str(getattr(self, name))


@dataclass(frozen=True)
class Category:
    """A product category."""

    name: str  # the noun in the title, 2-4 characters: 面霜
    silhouette: str  # how it is drawn, a name of `drawing.SILHOUETTES`
    headline: Phrase  # depends on the category alone
    selling_points: tuple[Phrase, ...]  # its own, beside its domain's


@dataclass(frozen=True)
class Domain:
    """A family of categories which share brands, materials and most selling points."""

    name: str
    brands: tuple[str, ...]  # invented, 2-3 characters
    brand_tails: Phrase  # what follows the brand in a brand caption; `short` is empty (the brand alone)
    title_words: tuple[str, ...]  # words that fill titles and say nothing about any caption
    material_key: str  # "材质", "成分", ...: the property name in the attributes
    materials: tuple[Phrase, ...]
    promises: tuple[Phrase, Phrase, Phrase]  # the bottom row: left, centre, right
    selling_points: tuple[Phrase, ...]
    categories: tuple[Category, ...]


@dataclass(frozen=True)
class Visible:
    """What only the picture shows."""

    colours: tuple[Phrase, ...]
    shapes: tuple[Phrase, ...]
    scenes: tuple[Phrase, ...]


def _phrase(entry: dict[str, str]) -> Phrase:
    return Phrase(entry.get("key", ""), entry["short"], entry["middle"], entry["long"])


def _phrases(entries: list[dict[str, str]]) -> tuple[Phrase, ...]:
    return tuple(_phrase(entry) for entry in entries)


def _domain(path: Path) -> Domain:
    toml = tomllib.loads(path.read_text(encoding="utf-8"))
    left, centre, right = _phrases(toml["promise"])
    return Domain(
        name=toml["name"],
        brands=tuple(toml["brands"]),
        brand_tails=_phrase(toml["brand_tails"]),
        title_words=tuple(toml["title_words"]),
        material_key=toml["material_key"],
        materials=_phrases(toml["material"]),
        promises=(left, centre, right),
        selling_points=_phrases(toml["selling_point"]),
        categories=tuple(
            Category(
                name=category["name"],
                silhouette=category["silhouette"],
                headline=_phrase(category["headline"]),
                selling_points=_phrases(category["selling_point"]),
            )
            for category in toml["category"]
        ),
    )


@cache
def domains() -> tuple[Domain, ...]:
    """All domains, in the order of their file names."""
    return tuple(_domain(path) for path in sorted(COPY.glob("domain_*.toml")))


@cache
def visible() -> Visible:
    """The phrases for colours, shapes and scenes."""
    toml = tomllib.loads((COPY / "common.toml").read_text(encoding="utf-8"))
    return Visible(_phrases(toml["colour"]), _phrases(toml["shape"]), _phrases(toml["scene"]))
