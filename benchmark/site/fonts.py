"""A Chinese font for readers who have none: of the glyphs that a site shows, and loaded only where they are missing.

Invariant: the fonts of the reader come first (`--sans` in style.css); a browser fetches this one when a character is in
none of them.
"""

from collections.abc import Iterable
from pathlib import Path

from pylopdf_fonts_zh_cn import sans_path

#: Place in a site; style.css names it.
FONT = "static/chinese.woff"
#: Radicals, the first block that European fonts lack.
_FIRST = 0x2E80


def write_font(folder: Path) -> Path:
    """Write the font for all pages and data of a finished site.

    Args:
        folder: of the site.

    Returns:
        The font's path; it exists even if no page has a Chinese character.
    """
    used: set[str] = {"中"}
    for path in folder.rglob("*"):
        if path.suffix in (".html", ".js") and path.parent != folder / "static":
            used.update(path.read_text(encoding="utf-8"))
    target = folder / FONT
    target.parent.mkdir(parents=True, exist_ok=True)
    subset_font(used, target)
    return target


def subset_font(characters: Iterable[str], path: Path) -> None:
    """Write a web font with the Chinese ones of some characters, one at least."""
    from fontTools import subset

    options = subset.Options(flavor="woff", layout_features=[], hinting=False, desubroutinize=True)
    font = subset.load_font(str(sans_path()), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[code for code in map(ord, characters) if code >= _FIRST])
    subsetter.subset(font)
    subset.save_font(font, str(path), options)
