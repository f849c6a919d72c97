"""Apply the answers of reviewers to the captions of a collection.

Invariants:
* a caption that nobody was asked about stays as it is, and answers about another picture of the same id do not count;
* the commonest answer wins: equal verdicts and texts count together; where two are equally common, the caption goes,
  since nobody could say which one is right;
* each caption either stays or has exactly one `Drop`, and so has each image.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ....agreement import krippendorff_alpha
from ..normalise import normalise
from ..records import Candidate, Drop, Record
from ..rules import Rules
from ..select import TOO_FEW_CAPTIONS, Problem, drop_image, text_problem
from .answers import DROP, KEEP, PRODUCT, Answer, Answers, Key

STAGE = "review"
DISAGREE = "reviewers disagree"
REASONS = {DROP: "dropped by reviewers", PRODUCT: "on the product, say reviewers"}


@dataclass(frozen=True)
class Reviewed:
    """What reviewers have done to some splits.

    Attributes:
        splits: split -> its records with the captions that are left.
        drops: why the others went.
        reviewers: name of each reviewer -> number of captions with an answer of theirs.
        captions: number of captions of each split that any reviewer was asked about, before the review.
        answered, twice: number of captions with an answer, and with two or more.
        corrected: number of captions that stayed with another text.
        same: number of captions with two answers or more that are all the same, texts among them.
        alpha: Krippendorff's alpha of the verdicts (nominal data); NaN where it is not defined.
        stale: number of answers about captions that other rules have dropped or changed since.
    """

    splits: dict[str, list[Record]]
    drops: list[Drop]
    reviewers: dict[str, int]
    captions: dict[str, int]
    answered: int
    twice: int
    corrected: int
    same: int
    alpha: float
    stale: int


def review(splits: Mapping[str, Sequence[Record]], answers: Sequence[Answers], rules: Rules) -> Reviewed:
    """Apply answers.

    Args:
        splits: split -> its records.
        answers: those of each reviewer.
        rules: a corrected text stays if they would keep it, and an image if enough captions are left.
    """
    present: Counter[str] = Counter()
    verdicts: list[list[float]] = []
    asked: dict[str, int] = {}
    drops: list[Drop] = []
    left: dict[str, list[Record]] = {}
    used: set[Key] = set()
    answered = corrected = same = 0
    for split, records in splits.items():
        of_split = Counter[str]()
        left[split] = []
        for record in records:
            decided: list[tuple[Candidate, Candidate | Problem]] = []
            for caption in record.captions:
                key = (record.image_id, record.reading.sha256, caption.line, caption.text)
                given = {each.reviewer: each.given[key] for each in answers if key in each.given}
                if given:
                    used.add(key)
                    answered += 1
                    of_split.update(given.keys())
                    verdicts.append([_number(given.get(each.reviewer)) for each in answers])
                    same += len(given) > 1 and len(set(given.values())) == 1
                decided.append((caption, _decide(caption, list(given.values()), rules)))
            texts = Counter(after.text for _, after in decided if isinstance(after, Candidate))
            kept, gone = [], []
            for caption, after in decided:
                if isinstance(after, Candidate) and after.text != caption.text:
                    after = text_problem(after.text, rules, texts[after.text]) or after
                if isinstance(after, Candidate):
                    corrected += after.text != caption.text
                    kept.append(after)
                else:
                    gone.append(Drop(STAGE, record.image_id, caption.line, caption.text, *after))
            whole: Record | None = replace(record, captions=tuple(kept))
            if whole is not None and gone and len(kept) < rules.min_captions:
                whole, gone = drop_image(STAGE, whole, (TOO_FEW_CAPTIONS, len(kept), rules.min_captions), gone)
            drops += gone
            left[split] += [whole] if whole else []
        if of_split:
            asked[split] = sum(len(record.captions) for record in records)
            present.update(of_split.elements())
    ratings = np.array(verdicts, float).reshape(len(verdicts), len(answers)).T
    return Reviewed(
        left,
        drops,
        {each.reviewer: present[each.reviewer] for each in answers},
        asked,
        answered,
        int((np.isfinite(ratings).sum(axis=0) > 1).sum()),
        corrected,
        same,
        krippendorff_alpha(ratings) if len(answers) > 1 and len(verdicts) else float("nan"),
        len({key for each in answers for key in each.given} - used),
    )


def _number(answer: Answer | None) -> float:
    return float("nan") if answer is None else float((KEEP, DROP, PRODUCT).index(answer.verdict))


def disputed(answers: Sequence[Answers]) -> set[Key]:
    """The captions on which reviewers disagree so that none of their answers wins."""
    given: dict[Key, list[Answer]] = {}
    for each in answers:
        for key, answer in each.given.items():
            given.setdefault(key, []).append(answer)
    return {key for key, those in given.items() if _winner(those) is None}


def _winner(given: Sequence[Answer]) -> tuple[Answer, int] | None:
    """The commonest answer and its votes; None if another one is as common."""
    (answer, votes), *others = Counter(given).most_common()
    return None if others and others[0][1] == votes else (answer, votes)


def _decide(caption: Candidate, given: Sequence[Answer], rules: Rules) -> Candidate | Problem:
    """The caption as reviewers want it, or why it goes."""
    if not given:
        return caption
    winner = _winner(given)
    if winner is None:
        return DISAGREE, Counter(given).most_common(1)[0][1], len(given)
    answer, votes = winner
    if answer.verdict != KEEP:
        return REASONS[answer.verdict], votes, len(given)
    text = normalise(answer.text, rules.deleted)
    return caption if text == caption.text else replace(caption, text=text)


def told(reviewed: Reviewed) -> str:
    """What was reviewed by whom, and what became of it, in words."""
    if not reviewed.answered:
        return "None of the answers that are kept is about a caption that is still there."
    who = ", ".join(f"{name} ({n:,})" for name, n in reviewed.reviewers.items() if n)
    n_reviewers = sum(n > 0 for n in reviewed.reviewers.values())
    total = sum(reviewed.captions.values())
    by_people = sum(drop.reason in (*REASONS.values(), DISAGREE) for drop in reviewed.drops)
    words = [
        f"{n_reviewers} {'person' if n_reviewers == 1 else 'people'} looked at captions of "
        f"{' and '.join(reviewed.captions)}: {who}.",
        f"{reviewed.answered:,} of {total:,} captions were looked at, {reviewed.twice:,} of them by two or more; "
        f"dropped: {by_people:,}, corrected: {reviewed.corrected:,}.",
    ]
    if reviewed.twice:
        alpha = "not defined" if np.isnan(reviewed.alpha) else f"{reviewed.alpha:.2f}"
        words.append(
            f"Where two or more looked, all gave the same answer for {reviewed.same / reviewed.twice:.0%} of the "
            f"captions (Krippendorff's alpha of the verdicts: {alpha})."
        )
    if reviewed.stale:
        words.append(f"{reviewed.stale:,} answers are about captions that are no longer there, and were not applied.")
    return " ".join(words)
