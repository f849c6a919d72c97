"""The datasheet of a collected data set, after Gebru et al. (2018), with the headings of the paper's appendix.

What the collection knows is filled in from its account and its rows; what only a person can answer says TO ANSWER and
is listed at the end, so that nobody takes an empty answer for an answer.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .account import Stage, funnel, reasons
from .records import Record

TO_ANSWER = "**TO ANSWER**"

#: Questions that the collection answers if it can: an answer in an older datasheet may be its own, of other pictures.
FILLED_IN = ("How was the data acquired?", "Under which licence is it distributed, if at all?")


@dataclass(frozen=True)
class Facts:
    """What the datasheet is filled in with.

    Attributes:
        name: name of the data set.
        splits: split -> its records.
        stages: the account.
        signature: everything that decided what is in the data set, as in `dataset.json`.
        guard: what the second look at masked pictures found, in words.
        reviewed: who reviewed which split and how much of it changed, in words; empty if nobody did.
        before: text of the datasheet that was there before, whose answers to open questions are taken over.
    """

    name: str
    splits: Mapping[str, Sequence[Record]]
    stages: Sequence[Stage]
    signature: Mapping[str, Any]
    guard: str
    reviewed: str = ""
    before: str = ""


def datasheet(facts: Facts) -> str:
    """The datasheet as Markdown."""
    open_questions: list[str] = []
    parts = [f"# Datasheet of {_plain(facts.name)}", "", "After Gebru et al., *Datasheets for datasets* (2018)."]
    sections = _sections(facts)
    known = [question for questions in sections.values() for question, _ in questions]
    for heading, questions in sections.items():
        parts += ["", f"## {heading}"]
        for question, filled_in in questions:
            answered = "" if question in FILLED_IN else _answer_before(facts.before, question, known)
            answer = filled_in or answered
            if not answer:
                open_questions.append(f"{heading}: {question}")
            parts += ["", f"{_asked(question)} {answer or TO_ANSWER}"]
    parts += ["", "## What each stage passed on", "", funnel(facts.stages).markdown().rstrip()]
    parts += ["", "## Every reason", "", reasons(facts.stages).markdown().rstrip()]
    parts += ["", "## Open questions", ""]
    parts += [f"* {question}" for question in open_questions] or ["None."]
    return "\n".join(parts) + "\n"


def _answer_before(before: str, question: str, known: Sequence[str]) -> str:
    """What somebody has answered to a question in a datasheet of before, which may be several paragraphs."""
    _, found, rest = before.partition(f"\n{_asked(question)}")
    ends = [rest.find(f"\n{mark}") for mark in ("## ", *map(_asked, known))]
    answer = rest[: min((end for end in ends if end >= 0), default=len(rest))].strip()
    return answer if found and not answer.startswith(TO_ANSWER) else ""


def _asked(question: str) -> str:
    return f"**{question}**"


def _sections(facts: Facts) -> dict[str, list[tuple[str, str]]]:
    records = [record for split in facts.splits.values() for record in split]
    sources = Counter(record.product.source for record in records)
    licences = Counter(record.product.licence for record in records)
    rights_known = bool(records) and "" not in licences
    sizes = ", ".join(f"{name} {len(split):,}" for name, split in facts.splits.items())
    engine = facts.signature.get("engine", "?")
    second = facts.signature.get("second") or "none"
    cleaned = (
        _plain(facts.reviewed, 2000)
        or "Nobody has looked at the captions yet; val and test have the errors of the engine, too."
    )
    return {
        "Motivation": [
            ("For what purpose was the data set created?", ""),
            ("Who created it, and on behalf of whom?", ""),
            ("Who funded its creation?", ""),
        ],
        "Composition": [
            (
                "What do the instances represent?",
                "Each is a product picture with its title and attributes, and captions with their boxes on it.",
            ),
            ("How many instances are there?", _statistics(records)),
            (
                "Does it contain all possible instances or a sample?",
                "A sample: the pictures that were given, less what the stages below dropped.",
            ),
            (
                "What data does each instance consist of?",
                f"A picture with a shorter side of at most {facts.signature.get('side', '?')} pixels as PNG, title, "
                "attributes and category as given, captions, their boxes, and the boxes of every text found, which "
                "models must not see.",
            ),
            ("Is any information missing?", _missing(records)),
            (
                "Are there recommended splits?",
                f"Yes: {sizes}. Images whose pictures look alike, and those that a dropped repeat links, are in one "
                "split; it follows from a hash of the smallest image id of such a group.",
            ),
            (
                "Are there errors, noise, or redundancies?",
                f"Captions were read by {_plain(engine)} (second reading: {_plain(second)}), so there are errors in "
                f"train. {cleaned} Redundant images were dropped as the table below says. {facts.guard}",
            ),
            ("Is it self-contained?", "Yes: pictures are stored with it."),
            ("Does it contain confidential data?", _contacts(records)),
            ("Does it contain data that may offend or cause anxiety?", ""),
            ("Does it relate to people, such as faces on pictures?", ""),
        ],
        "Collection process": [
            ("How was the data acquired?", _told("Sources", sources)),
            ("Over what timeframe was it collected?", ""),
            ("Were people notified, did they consent, and can they revoke?", ""),
        ],
        "Preprocessing": [
            (
                "Was any preprocessing, cleaning or labelling done?",
                f"Yes, by the rules `{_plain(str(facts.signature.get('described', '?')))}`; all settings stand in "
                "`dataset.json`. Texts were read at full size, then pictures were made small.",
            ),
            (
                "Was the raw data kept?",
                "The readings of all pictures and every decision are kept in the working folder.",
            ),
        ],
        "Uses": [
            ("Has it been used for any tasks already?", ""),
            ("Are there tasks for which it should not be used?", ""),
        ],
        "Distribution": [
            (
                "Under which licence is it distributed, if at all?",
                _told("Licences of the pictures", licences) if rights_known else "",
            ),
            ("Do third parties have rights in the pictures?", ""),
        ],
        "Maintenance": [
            ("Who maintains it, and how can they be reached?", ""),
            ("Will it be updated?", ""),
        ],
    }


def _statistics(records: Sequence[Record]) -> str:
    captions = [caption.text for record in records for caption in record.captions]
    if not records:
        return "None."
    categories = {record.product.category for record in records if record.product.category}
    once = sum(n == 1 for n in Counter(captions).values()) / max(1, len(captions))
    info = np.mean([len(record.product.title) + len(record.product.attributes) for record in records])
    return (
        f"{len(records):,} images with {len(captions):,} captions: {len(captions) / len(records):.1f} per image, "
        f"{np.mean([len(text) for text in captions]):.1f} characters per caption; {info:.1f} characters of title and "
        f"attributes; {len(categories):,} categories; {once:.0%} of the captions occur once."
    )


def _missing(records: Sequence[Record]) -> str:
    counts = {
        name: sum(not getattr(record.product, name) for record in records)
        for name in ("title", "attributes", "category", "source", "licence")
    }
    missing = ", ".join(f"{name} of {n:,}" for name, n in counts.items() if n)
    return f"Of {len(records):,} images: {missing} missing." if missing else "No."


def _contacts(records: Sequence[Record]) -> str:
    counts = Counter(kind for record in records for kind in record.contacts)
    kinds = ", ".join(f"{kind} {n:,}" for kind, n in sorted(counts.items()))
    if not kinds:
        return "No phone number, account or address was read on the pictures; what was not read was not counted."
    return (
        f"Lines with contact details were read on the pictures: {kinds}. They are no captions, but they stand on the "
        "stored pictures; everything that was read is among the masked boxes."
    )


def _told(what: str, counts: "Counter[str]") -> str:
    told = {name: n for name, n in counts.items() if name}
    if not told:
        return ""
    listed = "; ".join(f"{_plain(name)} ({n:,})" for name, n in sorted(told.items(), key=lambda item: -item[1])[:20])
    rest = f"; not told for {counts['']:,}" if counts[""] else ""
    return f"{what}: {listed}{rest}."


def _plain(text: str, length: int = 300) -> str:
    """A text from outside on one line of Markdown, without markup."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in " ".join(str(text).split()))[:length]
