"""Drop captions that were probably read wrongly: by confidence, a second reading and a language model.

Invariants:
* each caption either stays or has exactly one `Drop`, and so has each image: the sums close for both;
* a caption that several unrelated images show, each read with confidence and twice alike, stays wherever it stands:
  the same mistake is not made that often;
* the language model's threshold is found from the share to drop before any exception, so that share is the most that
  goes; equal scores go or stay together;
* the result does not depend on the order of the records.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .language_model import LanguageModel, open_model
from .normalise import compatible, product_info
from .records import Candidate, Drop, Record
from .rules import Rules
from .select import TOO_FEW_CAPTIONS, Problem, drop_image

STAGE = "clean"

#: Different captions on either side of the threshold that are shown to people.
N_BORDERLINE = 20


@dataclass(frozen=True)
class ScoredCaption:
    """A caption with its score by the language model.

    Attributes:
        image_id: an image that holds it.
        text: the caption.
        score: its score.
        dropped: whether it went for that score.
    """

    image_id: str
    text: str
    score: float
    dropped: bool


@dataclass(frozen=True)
class Cleaning:
    """What cleaning has left, and how.

    Attributes:
        records: the images that are left, in the order given, with the captions that are left.
        drops: why the others went.
        model: name of the language model; empty if there was none.
        threshold: least score that stays; None without a language model.
        borderline: different captions with scores next to the threshold, the lowest first.
        in_info, by_evidence: number of captions that stayed although their score was below the threshold, since the
            product's texts hold them; and that stayed for evidence from other images, whatever spoke against them.
    """

    records: list[Record]
    drops: list[Drop]
    model: str = ""
    threshold: float | None = None
    borderline: tuple[ScoredCaption, ...] = ()
    in_info: int = 0
    by_evidence: int = 0


def clean(
    records: Sequence[Record],
    rules: Rules,
    model: LanguageModel | None = None,
    groups: Mapping[str, str] | None = None,
) -> Cleaning:
    """Drop captions that were probably read wrongly, and images that have too few left.

    Args:
        records: the images, as `select` has left them.
        rules: which captions to keep.
        model: the language model; if None, the one that the rules name.
        groups: name of the group of related images, such as near-duplicates, by image id. One that is not named is a
            group by itself.

    Raises:
        InputError: if the language model that the rules name cannot be used.
    """
    model = None if rules.language_model == "off" else model or open_model(rules)
    group = {record.image_id: (groups or {}).get(record.image_id, record.image_id) for record in records}
    places = [(i, caption) for i, record in enumerate(records) for caption in record.captions]
    problems = [_reading_problem(caption, rules) for _, caption in places]
    vouching: dict[str, set[str]] = defaultdict(set)  # the groups that vouch for a text
    for (i, caption), problem in zip(places, problems, strict=True):
        if problem is None:
            vouching[caption.text].add(group[records[i].image_id])

    def evident(i: int, text: str) -> bool:
        others = len(vouching[text]) - (group[records[i].image_id] in vouching[text])
        return 0 < rules.evidence <= others

    by_evidence = in_info = 0
    for n, (i, caption) in enumerate(places):
        if problems[n] is not None and evident(i, caption.text):
            problems[n] = None
            by_evidence += 1
    scored = [n for n, problem in enumerate(problems) if problem is None] if model else []
    threshold: float | None = None
    borderline: tuple[ScoredCaption, ...] = ()
    if model:
        infos = [product_info(record.product) for record in records]
        scores = model.score(
            [places[n][1].text for n in scored],
            [infos[places[n][0]] for n in scored],
            [group[records[places[n][0]].image_id] for n in scored],
        )
        threshold = _threshold(scores, rules)
        for n, score in zip(scored, map(float, scores), strict=True):
            i, caption = places[n]
            places[n] = i, replace(caption, likelihood=score)
            if score >= threshold:
                continue
            if rules.keep_if_in_info and caption.text in infos[i]:
                in_info += 1
            elif evident(i, caption.text):
                by_evidence += 1
            else:
                problems[n] = ("unlikely language", score, threshold)
        borderline = _borderline(
            [
                ScoredCaption(records[places[n][0]].image_id, places[n][1].text, float(score), problems[n] is not None)
                for n, score in zip(scored, scores, strict=True)
            ],
            threshold,
        )
    of_image: dict[int, list[tuple[Candidate, Problem | None]]] = defaultdict(list)
    for (i, caption), problem in zip(places, problems, strict=True):
        of_image[i].append((caption, problem))
    kept, drops = [], []
    for i, record in enumerate(records):
        left, its_drops = _apply(record, of_image[i], rules)
        kept += [left] if left else []
        drops += its_drops
    return Cleaning(kept, drops, model.name if model else "", threshold, borderline, in_info, by_evidence)


def _reading_problem(caption: Candidate, rules: Rules) -> Problem | None:
    """What the readings of a caption have against it; None if nothing."""
    if not caption.score >= rules.confidence:
        return "low confidence", caption.score, rules.confidence
    if rules.second_reading and caption.second is not None and caption.second != caption.text:
        return "second reading differs", None, None
    return None


def _threshold(scores: np.ndarray, rules: Rules) -> float:
    """The score below which captions go."""
    if rules.lm_cut == "threshold":
        return rules.lm_threshold
    if not len(scores):
        return 0.0
    n_dropped = min(int(rules.lm_share * len(scores)), len(scores) - 1)
    return float(np.partition(scores, n_dropped)[n_dropped])


def _borderline(scored: list[ScoredCaption], threshold: float) -> tuple[ScoredCaption, ...]:
    """The different captions next to a threshold, on both sides of it, the lowest score first."""
    ordered = sorted(scored, key=lambda caption: (caption.score, caption.text, caption.image_id))
    different = list({caption.text: caption for caption in reversed(ordered)}.values())  # each with its lowest score
    above = [caption for caption in different if caption.score >= threshold]  # the highest first
    below = [caption for caption in different if caption.score < threshold]
    return tuple(reversed(above[-N_BORDERLINE:] + below[:N_BORDERLINE]))


def _apply(
    record: Record, captions: list[tuple[Candidate, Problem | None]], rules: Rules
) -> tuple[Record | None, list[Drop]]:
    """A record without the captions that have a problem, as `select` returns it."""
    table = dict.fromkeys(map(ord, rules.deleted_at_last + compatible(rules.deleted_at_last)))
    kept, drops = [], []
    for caption, problem in captions:
        text = caption.text.translate(table)
        if problem is None and text != caption.text and len(text) < rules.min_length:
            problem = ("too short", len(text), rules.min_length)
        if problem is None:
            kept.append(replace(caption, text=text) if text != caption.text else caption)
        else:
            drops.append(Drop(STAGE, record.image_id, caption.line, caption.text, *problem))
    left = replace(record, captions=tuple(kept))
    if len(kept) < rules.min_captions:
        return drop_image(STAGE, left, (TOO_FEW_CAPTIONS, len(kept), rules.min_captions), drops)
    return left, drops
