"""The settings that decide which lines become captions and which images stay, and three presets of them.

Invariants:
* `Rules` never changes, is checked when it is made, and is plain data in JSON, since all of it is part of a data set's
  signature;
* every rule can be switched off, by the value that its comment names;
* an image is dropped or kept by these settings and its reading alone: no setting makes a picture be read again.
"""

import dataclasses
import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePath
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from ...errors import InputError

#: What the released scripts delete from a text (white space besides), in the forms that NFKC leaves and in the others.
RELEASED_PUNCTUATION = (
    "()（）[]［］{}｛｝【】〔〕〖〗《》〈〉「」『』\"'“”‘’`´＂＇,，.。．…+＋<＜^~～@＠#＃￥¥%％&＆*＊:：?？!！"
)

#: What is decoration besides: dashes, bullets, arrows and marks, as engines read them.
DECORATION = "-‐‑‒–—―−_=|·・•»«;；★☆●○■□◆◇▶►▷▲△▼▽√✓✔→←↑↓™®©"

#: Where the model of the authors is expected: a folder beside the working folder with the name of the model.
AUTHORS_MODEL = "hf:gpt2-chinese-cluecorpussmall"

#: Longest text that a setting may have.
MAX_SETTING = 1000


@dataclass(frozen=True)
class Range:
    """The numbers that a setting may have, from `least` to `most`."""

    least: float
    most: float

    def __str__(self) -> str:
        return f"a number from {self.least:g} to {self.most:g}"


Share = Annotated[float, Range(0, 1)]


def _problem(name: str, hint: Any, value: Any) -> str:
    """What is wrong with the value of a setting; empty if nothing is."""
    kind, bounds = get_args(hint) if get_origin(hint) is Annotated else (hint, None)
    if get_origin(kind) is Literal:
        fine, expected = value in get_args(kind), " or ".join(get_args(kind))
    elif get_origin(kind) is tuple:
        fine = isinstance(value, tuple) and all(isinstance(v, str) and 0 < len(v) <= MAX_SETTING for v in value)
        expected = "texts with commas between them"
    elif kind is str:
        fine = isinstance(value, str) and len(value) <= MAX_SETTING and value.isprintable()
        expected = f"at most {MAX_SETTING} printable characters"
    elif kind is bool:
        fine, expected = isinstance(value, bool), "true or false"
    else:
        fine = type(value) is int or (kind is float and type(value) is float and math.isfinite(value))
        fine = fine and bounds.least <= value <= bounds.most
        expected = str(bounds).replace("a number", "a whole number") if kind is int else str(bounds)
    return "" if fine else f"{name}: got {value!r:.60}, expected {expected}"


@dataclass(frozen=True)
class Rules:
    """Which lines become captions and which images stay.

    The values given here are the preset `default`, which follows what was measured on real product pictures.
    """

    # Texts.
    min_length: Annotated[int, Range(1, 1000)] = 2  # characters; 1: off
    max_length: Annotated[int, Range(1, 1000)] = 10  # characters; 1000: off
    min_captions: Annotated[int, Range(1, 1000)] = 2  # an image with fewer goes; 1: off
    require_chinese: bool = True  # a caption holds a character from U+4E00 to U+9FFF; false: off
    allow_latin: bool = False  # captions with Latin letters; true: off
    allow_digits: bool = False  # captions with digits; true: off
    allow_repeats: bool = False  # texts that stand more than once in their picture; true: off
    deleted: str = RELEASED_PUNCTUATION + DECORATION  # characters deleted from every text; empty: off
    refused: str = "!/、>"  # a caption with one of these, which deleting has left, goes; empty: off
    watermarks: tuple[str, ...] = ()  # texts that are no captions, such as a platform's mark; empty: off

    # Places.
    size: Share = 0.035  # least height of a line, as a share of the picture's short side; 0: off
    slant: Annotated[float, Range(0, 90)] = 8.0  # degrees that a line may lean to either side; 90: off
    allow_vertical: bool = False  # lines from top to bottom; true: off

    # Discounts: `captions` drops them, `images` also drops the images of which they are `discount_share` of the lines.
    discounts: Literal["off", "captions", "images"] = "captions"
    discount_share: Share = 0.5
    lexicon: str = ""  # file with expressions; empty: the one of this package

    # Labels: an image goes if they are so many of its lines, and at least three: a tag or a washing label.
    label_share: Share = 0.25  # 0: off

    # Redundant images.
    redundancy: Share = 0.7  # share of an image's captions that another one has, too; 0: off
    redundancy_rounding: Literal["ceil", "round"] = "ceil"  # `round` is released: 1 of 2 captions is enough
    near_duplicates: Annotated[int, Range(-1, 15)] = 3  # bits in which two pictures may differ; -1: off

    # Cleaning.
    confidence: Share = 0.8  # least confidence of the engine; 0: off
    second_reading: bool = True  # a caption goes if a second engine reads something else; false: off
    language_model: str = "ngram"  # off, ngram, kenlm:FILE or hf:FOLDER
    corpus: str = ""  # text file that `ngram` also learns from; empty: none
    lm_cut: Literal["share", "threshold"] = "share"
    lm_share: Share = 0.02  # for lm_cut=share: share of captions to drop, the worst ones; 0: off
    lm_threshold: Annotated[float, Range(-1000, 0)] = -4.5  # for lm_cut=threshold: least score; -1000: off
    keep_if_in_info: bool = True  # a caption that the product's texts contain stays, whatever the model says
    evidence: Annotated[int, Range(0, 1000)] = 3  # unrelated images that vouch for a caption; 0: off
    deleted_at_last: str = ""  # characters deleted from the cleaned captions; empty: off

    # What is written.
    order: Literal["reading", "nearest"] = "reading"  # `nearest` is released: always the nearest centre not visited yet
    fill: Literal["black", "smooth"] = "black"  # what stands in the place of the texts in the pictures

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self), include_extras=True)
        problems = [_problem(name, hint, getattr(self, name)) for name, hint in hints.items()]
        problems = [problem for problem in problems if problem]
        if not problems:
            for name, hint in hints.items():
                if get_args(hint)[:1] == (float,):  # one form in JSON for 0 and 0.0
                    object.__setattr__(self, name, float(getattr(self, name)))
            if self.min_length > self.max_length:
                problems.append(f"min_length: got {self.min_length}, expected at most max_length ({self.max_length})")
            kind, _, place = self.language_model.partition(":")
            if self.language_model not in ("off", "ngram") and not (kind in ("kenlm", "hf") and place):
                problems.append(
                    f"language_model: got {self.language_model!r}, expected off, ngram, kenlm:FILE or hf:FOLDER"
                )
        if problems:
            raise InputError(*problems)


_RELEASED = Rules(
    deleted=RELEASED_PUNCTUATION,
    size=0.0,
    slant=90.0,
    allow_vertical=True,
    discounts="off",
    label_share=0.0,
    redundancy_rounding="round",
    near_duplicates=-1,
    confidence=0.0,
    second_reading=False,
    language_model=AUTHORS_MODEL,
    lm_cut="threshold",
    evidence=0,
    deleted_at_last="]-￥口",
    order="nearest",
)

#: The rules by name. `released` is what the authors' scripts do. `paper` is what the paper says, which names neither
#: threshold nor rounding nor a rule for discounts: these are ours, and so is the n-gram model in the place of a GPT.
PRESETS: Mapping[str, Rules] = types.MappingProxyType(
    {
        "default": Rules(),
        "paper": dataclasses.replace(
            _RELEASED,
            discounts="images",
            redundancy_rounding="ceil",
            language_model="ngram",
            lm_cut="share",
            keep_if_in_info=False,
            deleted_at_last="",
            order="reading",
        ),
        "released": _RELEASED,
    }
)


def preset(name: str) -> Rules:
    """The rules of a preset.

    Raises:
        InputError: if there is none of that name.
    """
    if name not in PRESETS:
        raise InputError(f"rules: got {name!r:.60}, expected {' or '.join(PRESETS)}{_nearest(name, list(PRESETS))}")
    return PRESETS[name]


def parse(assignments: str | Sequence[str], base: Rules = PRESETS["default"]) -> Rules:
    """Rules with some settings changed.

    Args:
        assignments: `name=value` each, or one text of them with blanks between, such as `size=0.03 discounts=images`.
        base: the rules to start from.

    Raises:
        InputError: with a sentence for every assignment that names no setting or gives a value that it cannot have.
    """
    content: dict[str, Any] = to_dict(base)
    hints, problems = get_type_hints(Rules, include_extras=True), []
    for assignment in assignments.split() if isinstance(assignments, str) else assignments:
        name, sign, text = assignment.partition("=")
        if not sign:
            problems.append(f"{assignment!r:.60}: no '=' in it, expected NAME=VALUE, such as size=0.03")
        elif name not in hints:
            problems.append(_no_such_setting(name))
        else:
            content[name] = _value(text, hints[name])
    return _build(content, problems)


def to_dict(rules: Rules) -> dict[str, Any]:
    """The rules as plain data, for JSON."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(rules).items()}


def from_dict(content: Any) -> Rules:
    """The rules that `to_dict` made plain data of, which may since have been changed by anybody.

    Raises:
        InputError: with a sentence for everything that is wrong.
    """
    if not isinstance(content, dict):
        raise InputError(f"rules: got {content!r:.60}, expected a mapping of settings")
    names = [field.name for field in dataclasses.fields(Rules)]
    problems = [_no_such_setting(name) for name in content if name not in names]
    problems += [f"{name}: missing" for name in names if name not in content]
    return _build({name: content[name] for name in names if name in content}, problems)


def signature(rules: Rules) -> dict[str, Any]:
    """The rules as plain data without the folders of this machine: of a file, its name alone stays."""
    content = to_dict(rules)
    kind, colon, place = rules.language_model.partition(":")
    content["language_model"] = kind + colon + PurePath(place).name
    content["corpus"], content["lexicon"] = PurePath(rules.corpus).name, PurePath(rules.lexicon).name
    return content


def describe(rules: Rules) -> str:
    """The rules in a line: the nearest preset and what differs from it, such as `default size=0.03`."""
    content = signature(rules)
    changes = {
        name: {key: value for key, value in content.items() if value != signature(base)[key]}
        for name, base in PRESETS.items()
    }
    name = min(changes, key=lambda name: len(changes[name]))
    return " ".join([name, *(f"{key}={_shown(value)}" for key, value in changes[name].items())])


def _build(content: dict[str, Any], problems: list[str]) -> Rules:
    if isinstance(content.get("watermarks"), list):
        content = {**content, "watermarks": tuple(content["watermarks"])}
    try:
        rules = Rules(**content)
    except InputError as error:
        raise InputError(*problems, *error.problems) from None
    if problems:
        raise InputError(*problems)
    return rules


def _value(text: str, hint: Any) -> Any:
    """A text as a value of a setting's type, or as it is, for `_problem` to refuse in words."""
    kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    if get_origin(kind) is tuple:
        return tuple(part for part in text.split(",") if part)
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            return text
    return text


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else str(value)


def _no_such_setting(name: Any) -> str:
    names = [field.name for field in dataclasses.fields(Rules)]
    return f"{name!s:.60}: no such setting" + (_nearest(name, names) or f"; the settings are {', '.join(names)}")


def _nearest(name: Any, known: list[str]) -> str:
    close = get_close_matches(str(name), known, 1)
    return f"; did you mean {close[0]}?" if close else ""
