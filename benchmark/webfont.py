"""A web font with the Chinese characters that some pages show, for readers whose machine has none."""

from collections.abc import Iterable
from pathlib import Path

from pylopdf_fonts_zh_cn import sans_path

#: First code point of the font: CJK radicals, the first block that European fonts lack.
_FIRST_CHINESE = 0x2E80


def subset_font(characters: Iterable[str], path: Path) -> None:
    """Write a web font with glyphs for the Chinese characters among some; at least one must be Chinese."""
    from fontTools import subset

    options = subset.Options(flavor="woff", layout_features=[], hinting=False, desubroutinize=True)
    font = subset.load_font(str(sans_path()), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[code for code in map(ord, characters) if code >= _FIRST_CHINESE])
    subsetter.subset(font)
    subset.save_font(font, str(path), options)
