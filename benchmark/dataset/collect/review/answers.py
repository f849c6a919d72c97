"""Answers of reviewers: read, checked, kept in the working folder.

    WORK/review/<reviewer>.json   one file for each reviewer, as `review import` has checked it

A file of answers is a JSON object:

    {"format": "caponimage-review/1", "reviewer": "Li",
     "answers": [{"image_id": "0123", "line": 3, "read": "柔软亲肤", "verdict": "keep", "text": "柔软亲肤"}, ...]}

`verdict` is "keep", "drop" (misread, cut off, no caption) or "product" (printed on the product); `text` is the text
that is to stay, and is missing unless the verdict is "keep".

Invariants:
* everything in a file is untrusted, and all problems of all files are reported at once;
* a question has one answer of one reviewer; questions without an answer are simply not reviewed.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
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

#: Image id, index of the line, and text as it was read: what an answer is about.
Key = tuple[str, int, str]


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


def check_answers(content: Any, place: str, known: Iterable[Key], rules: Rules) -> tuple[Answers | None, list[str]]:
    """Check the content of a file of answers.

    Args:
        content: what JSON has given.
        place: name of the file, for messages.
        known: every question that the collection has.
        rules: those of the collection; a corrected text must be one that they would keep.

    Returns:
        The answers, None if there are problems; and the problems.
    """
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return None, [f"{place}: format is not {FORMAT!r}; expected the file that a review page saves"]
    problems: list[str] = []
    reviewer = content.get("reviewer")
    if not isinstance(reviewer, str) or not is_reviewer(reviewer):
        problems.append(
            f"{place}: reviewer: got {reviewer!r:.80}, expected a name: at most {MAX_NAME} characters, all visible"
        )
    answers = content.get("answers")
    if not isinstance(answers, list):
        return None, [*problems, f"{place}: answers: got {answers!r:.60}, expected a list"]
    questions = set(known)
    given: dict[Key, Answer] = {}
    for i, entry in enumerate(answers):
        try:
            key, answer = _entry(entry, rules)
            if key not in questions:
                image_id, line, read = key
                raise ValueError(f"no caption {read!r:.60} on line {line} of image {image_id!r:.80} in this collection")
            if given.setdefault(key, answer) is not answer:
                raise ValueError("its caption has an answer before")
        except ValueError as error:
            problems.append(f"{place}: answers [{i}]: {error}")
    return (None, problems) if problems else (Answers(str(reviewer), given), [])


def is_reviewer(name: str) -> bool:
    """Whether a text can be the name of a reviewer."""
    return 0 < len(name) <= MAX_NAME and name == visible(name).strip()


def _entry(entry: Any, rules: Rules) -> tuple[Key, Answer]:
    """What one entry is about, and what it says.

    Raises:
        ValueError: if it is not an answer.
    """
    if not isinstance(entry, dict):
        raise ValueError(f"got {entry!r:.60}, expected an object")
    kinds = {"image_id": str, "line": int, "read": str, "verdict": str}
    for name, kind in kinds.items():
        if type(entry.get(name)) is not kind:
            raise ValueError(
                f"{name}: got {entry.get(name)!r:.60}, expected {'a whole number' if kind is int else 'a text'}"
            )
    key = (entry["image_id"], entry["line"], entry["read"])
    if entry["verdict"] not in VERDICTS:
        raise ValueError(f"verdict: got {entry['verdict']!r:.60}, expected one of {', '.join(VERDICTS)}")
    if entry["verdict"] != KEEP:
        return key, Answer(entry["verdict"])
    text = entry.get("text")
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise ValueError(f"text: got {text!r:.60}, expected a text of at most {MAX_TEXT} characters")
    text = normalise(text, rules.deleted)
    if text != entry["read"] and (problem := text_problem(text, rules)):
        raise ValueError(f"text: {text!r:.60} cannot be a caption by the rules of this collection ({problem[0]})")
    return key, Answer(KEEP, text)


def keep_answers(work: Path, answers: Sequence[Answers]) -> None:
    """Keep answers in the working folder; those that a reviewer has given before are replaced."""
    folder = work / "review"
    folder.mkdir(parents=True, exist_ok=True)
    for each in answers:
        entries = [
            {"image_id": image_id, "line": line, "read": read, "verdict": answer.verdict}
            | ({"text": answer.text} if answer.verdict == KEEP else {})
            for (image_id, line, read), answer in sorted(each.given.items())
        ]
        content = {"format": FORMAT, "reviewer": each.reviewer, "answers": entries}
        with replace_when_complete(folder / f"{_file_name(each.reviewer)}.json") as partial:
            partial.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _file_name(reviewer: str) -> str:
    """Name of a reviewer's file, safe whatever the reviewer is called, and the same on every system."""
    return hashlib.sha256(reviewer.encode()).hexdigest()[:16]


def kept_answers(work: Path, rules: Rules) -> list[Answers]:
    """The answers that are kept in a working folder, in the order of the reviewers' names.

    Raises:
        DamagedError: if a file is not as `review import` has written it.
    """
    found = []
    for path in sorted((work / "review").glob("*.json")):
        content = read_answer_file(path)
        entries = content.get("answers") if isinstance(content, dict) else None
        keys = []
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and isinstance(entry.get("line"), int):
                keys.append((str(entry.get("image_id")), entry["line"], str(entry.get("read"))))
        answers, problems = check_answers(content, str(path), keys, rules)
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
