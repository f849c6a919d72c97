"""Choose among the lines of a picture those that can be captions (paper, appendix A.6, and rules of our own).

Invariants:
* each candidate either stays or has exactly one `Drop`, and so has each image: the sums close for both;
* a candidate that breaks several rules goes for the first one, discounts first, then texts, then places;
* the result depends on the record and the rules alone.
"""

import math
import re
from collections import Counter
from dataclasses import replace
from functools import lru_cache

from .expressions import Expressions
from .normalise import compatible, normalise
from .records import WHOLE, Candidate, Drop, Record
from .rules import Rules

STAGE = "select"

#: Reasons for images, and the one of a caption whose image goes though it could have stayed itself.
PICTURE_PROBLEM = "picture cannot be used"
TOO_MANY_DISCOUNTS = "too many discounts among its lines"
TOO_FEW_CAPTIONS = "too few captions"
A_LABEL = "a label or tag"
IMAGE_DROPPED = "its image was dropped"

#: Number of texts of a label from which a picture may be one.
FEWEST_OF_A_LABEL = 3

#: Beyond this slant, in degrees, width and height of a box tell nothing about a line's height any more.
_MAX_SLANT = 30.0

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_DIGIT = re.compile(r"\d")

#: What a rule says of a line: its reason, what was measured, and what that was compared with.
Problem = tuple[str, float | None, float | None]


def select(
    record: Record, rules: Rules, lexicon: Expressions, labels: Expressions | None = None
) -> tuple[Record | None, list[Drop]]:
    """Choose the captions of an image.

    Args:
        record: the image with all its candidates, whose texts are normalised.
        rules: which to keep.
        lexicon: how to tell discounts.
        labels: how to tell what stands on labels; None: not at all.

    Returns:
        The record with the captions that are left, or None if the image goes; and a `Drop` for each candidate that is
        not left, and one for the image if it goes.
    """
    if record.reading.problem or min(record.reading.width, record.reading.height) < 1:
        return drop_image(STAGE, record, (PICTURE_PROBLEM, None, None))  # `reading.problem` says which
    discounts = _found(record, lexicon) if rules.discounts != "off" else [False] * len(record.captions)
    counts = Counter(candidate.text for candidate in record.captions)
    kept, drops = [], []
    for candidate, discount in zip(record.captions, discounts, strict=True):
        problem: Problem | None = ("discount", None, None) if discount else None
        problem = problem or text_problem(candidate.text, rules, counts[candidate.text])
        problem = problem or _place_problem(candidate, record.reading.width, record.reading.height, rules)
        if problem:
            drops.append(Drop(STAGE, record.image_id, candidate.line, candidate.text, *problem))
        else:
            kept.append(candidate)
    left = replace(record, captions=tuple(kept))
    if labels is not None and rules.label_share:
        of_labels = _found(record, labels)
        share = sum(of_labels) / max(len(of_labels), 1)
        if sum(of_labels) >= FEWEST_OF_A_LABEL and share >= rules.label_share:
            return drop_image(STAGE, left, (A_LABEL, share, rules.label_share), drops)
    share = sum(discounts) / max(len(discounts), 1)
    if rules.discounts == "images" and any(discounts) and share >= rules.discount_share:
        return drop_image(STAGE, left, (TOO_MANY_DISCOUNTS, share, rules.discount_share), drops)
    if len(kept) < rules.min_captions:
        return drop_image(STAGE, left, (TOO_FEW_CAPTIONS, len(kept), rules.min_captions), drops)
    return left, drops


def drop_image(
    stage: str, record: Record, problem: Problem, drops: list[Drop] | None = None
) -> tuple[None, list[Drop]]:
    """Drop an image, and with it the captions that it has left.

    Args:
        stage: name of the stage.
        record: the image with the captions that it has left.
        problem: reason, number and threshold.
        drops: what was dropped of it before in this stage.

    Returns:
        None, and all drops: those before, one for each caption left, one for the image.
    """
    captions = [Drop(stage, record.image_id, c.line, c.text, IMAGE_DROPPED) for c in record.captions]
    return None, [*(drops or []), *captions, Drop(stage, record.image_id, WHOLE, "", *problem)]


def text_height(candidate: Candidate) -> float:
    """Height of a candidate's letters in pixels: of its box, less what a slight slant adds to that.

    A line of width w and height h that leans by a has a box of w cos a + h sin a by w sin a + h cos a. For a vertical
    or steep line it is the shorter side of the box.
    """
    x1, y1, x2, y2 = candidate.box
    width, height, slant = x2 - x1, y2 - y1, abs(candidate.angle)
    if candidate.vertical or slant > _MAX_SLANT:
        return min(width, height)
    sine, cosine = math.sin(math.radians(slant)), math.cos(math.radians(slant))
    level = (height * cosine - width * sine) / (cosine**2 - sine**2)
    return level if level > 0 else height  # a box that is not the hull of a line with that slant


def _found(record: Record, lexicon: Expressions) -> list[bool]:
    """Whether the expressions find something in each candidate.

    Normalising has deleted signs such as ¥, so of a line that was not split the text as read is looked at, too.
    """
    parts = Counter(candidate.line for candidate in record.captions)
    found = []
    for candidate in record.captions:
        whole = parts[candidate.line] == 1 and 0 <= candidate.line < len(record.reading.lines)
        texts = [candidate.text, record.reading.lines[candidate.line].text] if whole else [candidate.text]
        found.append(any(lexicon.find(text) is not None for text in texts))
    return found


def text_problem(text: str, rules: Rules, count: int = 1) -> Problem | None:
    """Why a text can be no caption, whatever its place; None if it can.

    Args:
        text: the text, normalised.
        rules: which texts to keep.
        count: how often it stands in its picture.
    """
    refused, watermarks = _excluded(rules)
    if rules.require_chinese and not _CHINESE.search(text):
        return "no Chinese character", None, None
    if not rules.allow_latin and _LATIN.search(text):
        return "Latin letter", None, None
    if not rules.allow_digits and _DIGIT.search(text):
        return "digit", None, None
    if refused.intersection(text):
        return "refused character", None, None
    if text in watermarks:
        return "watermark", None, None
    if not rules.allow_repeats and count > 1:
        return "repeated in the picture", count, 1
    if len(text) < rules.min_length:
        return "too short", len(text), rules.min_length
    if len(text) > rules.max_length:
        return "too long", len(text), rules.max_length
    return None


@lru_cache(maxsize=4)
def _excluded(rules: Rules) -> tuple[frozenset[str], frozenset[str]]:
    """Characters that no caption may hold, and whole texts that are none, normalised."""
    return frozenset(compatible(rules.refused)), frozenset(normalise(text, rules.deleted) for text in rules.watermarks)


def _place_problem(candidate: Candidate, width: int, height: int, rules: Rules) -> Problem | None:
    """Why a text in that place can be no caption; None if it can."""
    x1, y1, x2, y2 = candidate.box
    if not (x1 < x2 and y1 < y2):  # also true for coordinates that are no numbers
        return "box without area", None, None
    if not (max(x1, 0) < min(x2, width) and max(y1, 0) < min(y2, height)):
        return "outside the picture", None, None
    if candidate.vertical and not rules.allow_vertical:
        return "vertical", None, None
    if not candidate.vertical and not abs(candidate.angle) <= rules.slant:
        return "slanted", abs(candidate.angle), rules.slant
    share = text_height(candidate) / min(width, height)
    if share < rules.size:
        return "too small", share, rules.size
    return None
