"""Characters that cannot be seen: which ones these are, how they are named, and a text without them.

They come with text that is copied from web pages. Each one is a token for every metric, so a caption that looks right
may count as wrong, and a copied caption may count as another one.

Invariants:
* white space is not among them, since scoring drops it anyway, nor are control characters, which every reader refuses;
* the list is fixed here, not taken from the Unicode table of Python, so that every version gives the same answer.
"""

import re
import unicodedata

#: What Unicode calls ignorable when it is displayed (Default_Ignorable_Code_Point), with what is blank beside it.
_INVISIBLE = re.compile(
    "["
    "\u00ad\u034f\u061c"  # soft hyphen, grapheme joiner, Arabic letter mark
    "\u115f\u1160\u3164\uffa0"  # Hangul fillers
    "\u17b4\u17b5\u180b-\u180f"  # Khmer inherent vowels; Mongolian selectors and separators
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"  # zero width, direction, joiners, invisible operators
    "\u2800"  # braille pattern without a dot
    "\ufe00-\ufe0f\U000e0000-\U000e0fff"  # variation selectors and tags
    "\ufff0-\ufffb"  # reserved, and the marks of interlinear annotation
    "\U00013430-\U0001343f\U00016fe4\U0001bca0-\U0001bca3"  # hieroglyph joiners, Khitan filler, shorthand
    "\U0001d159\U0001d173-\U0001d17a"  # null notehead, musical beams and phrases
    "]"
)


def visible(text: str) -> str:
    """The text without its invisible characters."""
    return _INVISIBLE.sub("", text)


def invisible_characters(text: str) -> list[str]:
    """The invisible characters of a text, in its order, repeats included."""
    return _INVISIBLE.findall(text)


def named(character: str) -> str:
    """Code point and name of a character, such as `U+200B ZERO WIDTH SPACE`; the code point alone if it has no name."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()
