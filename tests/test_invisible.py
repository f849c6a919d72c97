"""Characters that cannot be seen: all of them, and nothing that can be seen."""

import sys
import unicodedata

import pytest

from benchmark.invisible import invisible_characters, named, visible

#: Format characters that are drawn, around or in front of digits (Prepended_Concatenation_Mark).
DRAWN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}


def test_every_format_character_is_invisible() -> None:
    """A character of direction or of zero width that the list forgets would tell a copy from its original."""
    category = {point: unicodedata.category(chr(point)) for point in range(sys.maxunicode + 1)}
    forgotten = [hex(p) for p, kind in category.items() if kind == "Cf" and p not in DRAWN and visible(chr(p))]
    assert forgotten == []


def test_nothing_else_is() -> None:
    """White space, Chinese, emoji, accents and marks that are drawn stay."""
    text = "温和 不刺激\u3000\t100%！é e\u0301 ☕ \u0600 \ue000"
    assert visible(text) == text
    white = [chr(point) for point in range(sys.maxunicode + 1) if chr(point).isspace()]
    assert visible("".join(white)) == "".join(white)


@pytest.mark.parametrize(
    "character",
    ["\u200b", "\u200d", "\ufeff", "\u00ad", "\u2060", "\u202e", "\u2066", "\ufe0f", "\U000e0041", "\u3164", "\u034f"],
)
def test_visible(character: str) -> None:
    assert visible(f"{character}好{character}用") == "好用"
    assert invisible_characters(f"{character}好{character}用") == [character] * 2


def test_named() -> None:
    assert named("\u200b") == "U+200B ZERO WIDTH SPACE"
    assert named("\u2065") == "U+2065"
