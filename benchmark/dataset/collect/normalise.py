"""One form for every text that is read on pictures, and the contact details that such texts may give away.

Invariants:
* normalising twice gives what normalising once gives;
* a normalised text holds no white space, no invisible character and none of the characters to delete.
"""

import re
import unicodedata
from functools import lru_cache

from ...invisible import visible
from .records import Listing
from .rules import PRESETS

#: Longest text that is looked at for contact details; engines read no longer lines.
MAX_TEXT = 1000

#: Contact details by their kind, in texts after NFKC and without white space.
_CONTACTS = {
    "phone number": re.compile(r"(?<!\d)(?:\+?86-?)?1[3-9]\d-?\d{4}-?\d{4}(?!\d)"),
    "WeChat": re.compile(r"微信|wechat|weixin", re.IGNORECASE),
    "QQ": re.compile(r"(?<![a-z])QQ(?![a-z])", re.IGNORECASE),
    "web address": re.compile(r"https?|www\.", re.IGNORECASE),
}

#: The first bracketed part of a title, and what else the released scripts take out of a product's texts.
_BRACKETED = re.compile(r"[【\[(][^】\])]*[】\])]")
_NOT_IN_INFO = re.compile(r"[0-9A-Za-z+{/!:\-]")


def compatible(text: str) -> str:
    """A text after NFKC, without white space and invisible characters."""
    text = "".join(visible(unicodedata.normalize("NFKC", text)).split())
    # Where a character between them went, two that were apart may now belong together.
    return unicodedata.normalize("NFKC", text)


def normalise(text: str, deleted: str = PRESETS["default"].deleted) -> str:
    """The form of a text in which it is compared and becomes a caption.

    Args:
        text: what was read.
        deleted: characters to delete, before and after NFKC, which makes letters of signs such as ™.
    """
    table = _deleting(deleted)
    while (done := compatible(compatible(text.translate(table)).translate(table))) != text:
        text = done
    return text


@lru_cache(maxsize=8)
def _deleting(characters: str) -> dict[int, None]:
    """The table for `str.translate` that deletes some characters."""
    return dict.fromkeys(map(ord, characters))


def product_info(product: Listing) -> str:
    """The texts of the shop as the released scripts prepare them, to look for captions in.

    Without white space, the first bracketed part, digits, Latin letters and `+ { / ! : -`; the title first, then,
    after a blank, the attributes.
    """
    texts = [_BRACKETED.sub("", compatible(text), count=1) for text in (product.title, product.attributes)]
    return " ".join(filter(None, (_NOT_IN_INFO.sub("", text) for text in texts)))


def contact_details(text: str) -> list[str]:
    """The kinds of contact details in a text that was read: phone number, WeChat, QQ, web address; empty if none."""
    text = compatible(text[:MAX_TEXT])
    return [kind for kind, pattern in _CONTACTS.items() if pattern.search(text)]
