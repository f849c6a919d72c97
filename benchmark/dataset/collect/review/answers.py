"""Answers of reviewers: read, checked, kept in the working folder.

    WORK/review/<reviewer>.json   one file for each reviewer, as `review import` has checked it

A file of answers is a JSON object:

    {"format": "caponimage-review/1", "reviewer": "Li",
     "answers": [{"image_id": "0123", "sha256": "5d41...", "line": 3, "read": "柔软亲肤", "verdict": "keep",
                  "text": "柔软亲肤"}, ...]}

`sha256` is that of the picture's bytes, since answers about another picture say nothing. `verdict` is "keep", "drop"
(misread, cut off, no caption) or "product" (printed on the product); `text` is the text that is to stay, and is missing
unless the verdict is "keep".

Invariants:
* everything in a file is untrusted, and all problems of all files are reported at once;
* a question has one answer of one reviewer, the last one given; questions without an answer are not reviewed;
* answers stay when rules change: those about captions that are no longer there wait until they come back.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....errors import DamagedError, InputError
from ....files import replace_when_complete
from ....invisible import visible
from ....strict_json import each_key_once
from ..normalise import normalise
from ..rules import Rules
from ..select import text_problem

FORMAT = "caponimage-review/1"
KEEP, DROP, PRODUCT = "keep", "drop", "product"
VERDICTS = (KEEP, DROP, PRODUCT)

#: Bytes of a file of answers, and characters of a reviewer's name and of a text.
MAX_FILE, MAX_NAME, MAX_TEXT = 1 << 28, 60, 200

_SURROGATE = re.compile("[\ud800-\udfff]")

#: Image id, SHA-256 of the picture's bytes, index of the line, text as it was read: what an answer is about.
Key = tuple[str, str, int, str]


@dataclass(frozen=True)
class Answer:
    """What a reviewer says about one caption.

    Attributes:
        verdict: one of `VERDICTS`.
        text: the text that is to stay; empty unless the verdict is "keep".
    """

    verdict: str
    text: str = ""


@dataclass(frozen=True)
class Answers:
    """All answers of one reviewer.

    Attributes:
        reviewer: name that the reviewer has given.
        given: the answers, by what they are about.
    """

    reviewer: str
    given: Mapping[Key, Answer]


def check_answers(content: Any, place: str, rules: Rules | None = None) -> tuple[Answers | None, list[str]]:
    """Check the content of a file of answers.

    Args:
        content: what JSON has given.
        place: name of the file, for messages.
        rules: those of the collection; a corrected text must be one that they would keep. None: texts are taken as they
            stand.

    Returns:
        The answers, None if there are problems; and the problems.
    """
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return None, [f"{place}: format is not {FORMAT!r}; expected the file that a review page saves"]
    problems: list[str] = []
    reviewer = content.get("reviewer")
    reviewer = unicodedata.normalize("NFC", reviewer) if isinstance(reviewer, str) else reviewer
    if not isinstance(reviewer, str) or not is_reviewer(reviewer):
        problems.append(
            f"{place}: reviewer: got {reviewer!r:.80}, expected a name: at most {MAX_NAME} characters, all visible"
        )
    answers = content.get("answers")
    if not isinstance(answers, list):
        return None, [*problems, f"{place}: answers: got {answers!r:.60}, expected a list"]
    given: dict[Key, Answer] = {}
    for i, entry in enumerate(answers):
        try:
            key, answer = _entry(entry, rules)
            if given.setdefault(key, answer) is not answer:
                raise ValueError("its caption has an answer before")
        except ValueError as error:
            problems.append(f"{place}: answers [{i}]: {error}")
    return (None, problems) if problems else (Answers(str(reviewer), given), [])


def is_reviewer(name: str) -> bool:
    """Whether a text can be the name of a reviewer."""
    return 0 < len(name) <= MAX_NAME and name.isprintable() and name == visible(name).strip()


def _entry(entry: Any, rules: Rules | None) -> tuple[Key, Answer]:
    """What one entry is about, and what it says.

    Raises:
        ValueError: if it is not an answer.
    """
    if not isinstance(entry, dict):
        raise ValueError(f"got {entry!r:.60}, expected an object")
    kinds = {"image_id": str, "sha256": str, "line": int, "read": str, "verdict": str}
    for name, kind in kinds.items():
        if type(entry.get(name)) is not kind or _SURROGATE.search(str(entry[name])):
            expected = "a whole number" if kind is int else "a text"
            raise ValueError(f"{name}: got {entry.get(name)!r:.60}, expected {expected}")
    key = (entry["image_id"], entry["sha256"], entry["line"], entry["read"])
    if entry["verdict"] not in VERDICTS:
        raise ValueError(f"verdict: got {entry['verdict']!r:.60}, expected one of {', '.join(VERDICTS)}")
    if entry["verdict"] != KEEP:
        return key, Answer(entry["verdict"])
    text = entry.get("text")
    if isinstance(text, str) and len(text) <= MAX_TEXT and rules is not None:
        text = normalise(text, rules.deleted)
    printable = isinstance(text, str) and (text == entry["read"] or (text.isprintable() and len(text) <= MAX_TEXT))
    if not isinstance(text, str) or not printable:
        raise ValueError(f"text: got {text!r:.60}, expected at most {MAX_TEXT} characters that can be printed")
    if rules is not None and text != entry["read"] and (problem := text_problem(text, rules)):
        raise ValueError(f"text: {text!r:.60} cannot be a caption by the rules of this collection ({problem[0]})")
    return key, Answer(KEEP, text)


def keep_answers(work: Path, answers: Sequence[Answers]) -> None:
    """Keep all answers of some reviewers in the working folder, in place of those that were kept of them."""
    folder = work / "review"
    folder.mkdir(parents=True, exist_ok=True)
    for each in answers:
        entries = [
            {"image_id": image_id, "sha256": sha256, "line": line, "read": read, "verdict": answer.verdict}
            | ({"text": answer.text} if answer.verdict == KEEP else {})
            for (image_id, sha256, line, read), answer in sorted(each.given.items())
        ]
        content = {"format": FORMAT, "reviewer": each.reviewer, "answers": entries}
        with replace_when_complete(folder / f"{_file_name(each.reviewer)}.json") as partial:
            partial.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def digest_of(answers: Sequence[Answers]) -> str:
    """SHA-256 of answers; empty if there are none."""
    if not answers:
        return ""
    plain = [[each.reviewer, [[*key, a.verdict, a.text] for key, a in sorted(each.given.items())]] for each in answers]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


def _file_name(reviewer: str) -> str:
    """Name of a reviewer's file, safe whatever the reviewer is called, and the same on every system."""
    return hashlib.sha256(reviewer.encode()).hexdigest()[:16]


def kept_answers(work: Path) -> list[Answers]:
    """The answers that are kept in a working folder, in the order of the reviewers' names.

    Raises:
        DamagedError: if a file is not as `review import` has written it.
    """
    found = []
    for path in sorted((work / "review").glob("*.json")):
        answers, problems = check_answers(read_answer_file(path), str(path))
        if answers is None or path.stem != _file_name(answers.reviewer):
            first = problems[0] if problems else f"{path}: not the file of {answers.reviewer if answers else ''!r}"
            raise DamagedError(f"{first}; delete the file and import the answers again")
        found.append(answers)
    return sorted(found, key=lambda answers: answers.reviewer)


def read_answer_file(path: Path) -> Any:
    """The content of a JSON file from outside.

    Raises:
        InputError: if it cannot be read, is too large or is not JSON.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise ValueError(f"larger than {MAX_FILE >> 20} MB")
        return json.loads(content, object_pairs_hook=each_key_once)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error!s:.160}); expected the file that a review page saves") from None
