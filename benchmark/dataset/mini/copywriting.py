"""Phrases of CapOnImage-Mini: hand-written e-commerce language, read from `copy/*.toml`.

There is one file per domain (ten domains of five categories), and `copy/common.toml` for what any picture can show.

Every phrase is written in three forms, `short` (2-3 characters), `middle` (4-5) and `long` (6-10); the aspect ratio of
a box decides which one it gets. All text is invented: no real brand, no discount, no digits, no Latin.

Invariant (held by `tests/dataset/test_copywriting.py`): a text belongs to one phrase in one form only, so a caption
identifies its phrase, and two boxes of an image have equal captions only if they share a phrase.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FORMS = ("short", "middle", "long")
FORM_LENGTHS = {"short": (2, 3), "middle": (4, 5), "long": (6, 10)}

COPY = Path(__file__).parent / "copy"


@dataclass(frozen=True)
class Phrase:
    """A phrase in three lengths."""

    key: str  # its identifier: the word in the attributes (保湿), or what the picture shows ("red")
    short: str
    middle: str
    long: str

    def form(self, name: str) -> str:
        """Text of the phrase in one of `FORMS`."""
        return str(getattr(self, name))


@dataclass(frozen=True)
class Category:
    """A product category."""

    name: str  # the noun in the title, 2-4 characters: 面霜
    silhouette: str  # how it is drawn, a name of `drawing.SILHOUETTES`
    headline: Phrase  # depends on the category alone
    selling_points: tuple[Phrase, ...]  # its own, then its domain's


@dataclass(frozen=True)
class Domain:
    """A family of categories which share brands, materials and most selling points."""

    name: str
    brands: tuple[str, ...]  # invented, 2-3 characters
    brand_tail: Phrase  # what follows the brand in a brand caption; `short` is empty (the brand alone)
    title_words: tuple[str, ...]  # words that fill titles and say nothing about any caption
    material_key: str  # 材质, 成分, ...: the property's name in the attributes
    materials: tuple[Phrase, ...]
    promises: tuple[Phrase, Phrase]  # the bottom row: centre, right
    categories: tuple[Category, ...]


@dataclass(frozen=True)
class Visible:
    """Phrases for the properties that only the picture shows."""

    colours: tuple[Phrase, ...]
    patterns: tuple[Phrase, ...]
    shapes: tuple[Phrase, ...]
    scenes: tuple[Phrase, ...]


def _phrase(entry: dict[str, str]) -> Phrase:
    return Phrase(entry.get("key", ""), entry.get("short", ""), entry["middle"], entry["long"])


def _phrases(entries: list[dict[str, str]]) -> tuple[Phrase, ...]:
    return tuple(_phrase(entry) for entry in entries)


def _domain(path: Path) -> Domain:
    toml: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    centre, right = _phrases(toml["promise"])
    shared = _phrases(toml["selling_point"])
    return Domain(
        name=toml["name"],
        brands=tuple(toml["brands"]),
        brand_tail=_phrase(toml["brand_tail"]),
        title_words=tuple(toml["title_words"]),
        material_key=toml["material_key"],
        materials=_phrases(toml["material"]),
        promises=(centre, right),
        categories=tuple(
            Category(
                name=category["name"],
                silhouette=category["silhouette"],
                headline=_phrase(category["headline"]),
                selling_points=_phrases(category["selling_point"]) + shared,
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
    """Phrases for the properties that only the picture shows; their keys are the names in `drawing`."""
    toml = tomllib.loads((COPY / "common.toml").read_text(encoding="utf-8"))
    return Visible(*(_phrases(toml[name]) for name in ("colour", "pattern", "shape", "scene")))


def all_phrases() -> Iterator[tuple[str, Phrase]]:
    """Every phrase once, with the domain or category it belongs to; without brand captions (brand and tail)."""
    for kind, phrases in vars(visible()).items():
        yield from ((f"common {kind}", phrase) for phrase in phrases)
    for domain in domains():
        seen: dict[Phrase, str] = {}
        for phrase in (*domain.materials, *domain.promises):
            seen.setdefault(phrase, domain.name)
        for category in domain.categories:
            for phrase in (category.headline, *category.selling_points):
                seen.setdefault(phrase, f"{domain.name} {category.name}")
        yield from ((where, phrase) for phrase, where in seen.items())
