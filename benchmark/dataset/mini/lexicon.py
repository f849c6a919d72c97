"""Words of CapOnImage-Mini: what shops say about their products, read from `copy/*.toml`.

`common.toml` holds what any picture can show and any shop can promise, `grammar.toml` the templates that put words
into captions, and there is one file for each of ten domains of five categories. All text is invented or everyday
language: no real brand, no discount, no digits, no Latin letters.

Invariants (held by `tests/dataset/test_lexicon.py`): a fact's key is unique within its domain, and a caption
written by hand belongs to one fact only.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

COPY = Path(__file__).parent / "copy"
#: How shops speak; the order of all weights by style.
STYLES = ("plain", "poetic", "lively", "expert")
SHOWN = ("colour", "pattern", "shape", "scene")  # what only the picture tells


@dataclass(frozen=True, eq=False)
class Fact:
    """Something that a caption can say about a product; read once, so a fact is equal to itself only.

    Attributes:
        key: its identifier: the word in title or attributes (保湿), or what the picture shows ("red").
        kind: its word class, which decides the templates that fit.
        words: its names, the most usual one first.
        stock: complete captions written by hand, 2 to 10 characters each.
    """

    key: str
    kind: str
    words: tuple[str, ...]
    stock: tuple[str, ...]


@dataclass(frozen=True)
class Category:
    """A kind of product.

    Attributes:
        name: the noun in titles, 2 to 4 characters.
        silhouette: how it is drawn, a name of `drawing.SILHOUETTES`.
        headline: what a headline says about it; depends on nothing else.
        points: its selling points, its own first, then its domain's.
    """

    name: str
    silhouette: str
    headline: Fact
    points: tuple[Fact, ...]


@dataclass(frozen=True)
class Domain:
    """Five categories which share brands, materials and most selling points.

    Attributes:
        name: for readers of the file.
        brands: facts whose only word is the invented brand's name.
        title_words: words that fill titles and say nothing about any caption.
        material_key: the name of the material's property in the attributes, such as 成分.
        materials: what the products are made of, where they come from, or whom they suit.
        categories: its five kinds of product.
    """

    name: str
    brands: tuple[Fact, ...]
    title_words: tuple[str, ...]
    material_key: str
    materials: tuple[Fact, ...]
    categories: tuple[Category, ...]


@dataclass(frozen=True)
class Common:
    """Facts and words that all domains share; facts that a picture shows have the keys of the drawing code."""

    colour: tuple[Fact, ...]
    pattern: tuple[Fact, ...]
    shape: tuple[Fact, ...]
    scene: tuple[Fact, ...]
    service: tuple[Fact, ...]
    audience: tuple[Fact, ...]


@dataclass(frozen=True)
class Template:
    """A pattern of captions.

    Attributes:
        kind: word class of the facts that it fits.
        text: the caption with `{k}` for the fact's word and the names of slots in braces.
        weights: how often each style uses it, in the order of `STYLES`.
    """

    kind: str
    text: str
    weights: tuple[int, ...]


@dataclass(frozen=True)
class Grammar:
    """Templates, and what may fill their slots.

    Attributes:
        templates: all templates.
        fillers: slot -> its texts, each with weights by style.
        style_words: style -> words that shops of this style like to put into titles.
    """

    templates: tuple[Template, ...]
    fillers: dict[str, tuple[tuple[str, tuple[int, ...]], ...]]
    style_words: dict[str, tuple[str, ...]]


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _facts(entries: list[dict[str, Any]]) -> tuple[Fact, ...]:
    return tuple(Fact(e["key"], e["class"], tuple(e["words"]), tuple(e["stock"])) for e in entries)


def _domain(path: Path) -> Domain:
    toml = _read(path)
    shared = _facts(toml["selling_point"])
    return Domain(
        name=toml["name"],
        brands=tuple(Fact(name, "brand", (name,), ()) for name in toml["brands"]),
        title_words=tuple(toml["title_words"]),
        material_key=toml["material_key"],
        materials=_facts(toml["material"]),
        categories=tuple(
            Category(
                name=category["name"],
                silhouette=category["silhouette"],
                headline=Fact(
                    category["name"], "headline", tuple(category["words"]), tuple(category["headline_stock"])
                ),
                points=_facts(category["selling_point"]) + shared,
            )
            for category in toml["category"]
        ),
    )


@cache
def domains() -> tuple[Domain, ...]:
    """All domains, in the order of their file names."""
    return tuple(_domain(path) for path in sorted(COPY.glob("domain_*.toml")))


@cache
def common() -> Common:
    """What all domains share."""
    toml = _read(COPY / "common.toml")
    return Common(*(_facts(toml[name]) for name in ("colour", "pattern", "shape", "scene", "service", "audience")))


@cache
def grammar() -> Grammar:
    """The templates of all word classes."""
    toml = _read(COPY / "grammar.toml")
    fillers: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
    for entry in toml["filler"]:
        fillers.setdefault(entry["slot"], []).append((entry["text"], tuple(entry["w"])))
    return Grammar(
        templates=tuple(Template(e["class"], e["text"], tuple(e["w"])) for e in toml["template"]),
        fillers={slot: tuple(texts) for slot, texts in fillers.items()},
        style_words={style: tuple(toml["style_words"][style]) for style in STYLES},
    )
