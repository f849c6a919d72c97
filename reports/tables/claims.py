"""Tests the claims of the paper's analysis on our runs: each holds, does not hold, or is undecided.

* "above": the first system scores higher, and the two differ by the rule of `benchmark.scoring.ties`, all pairs of the
  table taken together: p below 5 % over images, and an effect larger than two standard errors over seeds;
* "same": the 95 % interval of the difference, over images, and two standard errors over seeds to either side of it lie
  within +-2 % of the second system's score; it does not hold if both lie outside;
* "not above": both end below +2 %; it does not hold if both begin above.

A claim about several systems is tested for every pair, and reported for the pair with the evidence most against it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmark.grid import Cell, Grid, Tone, number, signed, span
from benchmark.scoring.ties import ALPHA, Comparison, Gap, comparisons
from reports.experiments import TABLE2
from reports.tables.measured import Measured

#: Two systems count as the same within this share of the second one's score.
MARGIN = 0.02

Verdict = Literal["holds", "does not hold", "undecided"]
ORDER: tuple[Verdict, ...] = ("does not hold", "undecided", "holds")
_TONES: dict[Verdict, Tone] = {"does not hold": "bad", "undecided": "open", "holds": "good"}


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper that compares every row of `first` with every row of `second`.

    Attributes:
        sentence: the claim in words.
        first: row ids of the systems claimed to be above, the same, or not above.
        second: row ids of the systems they are compared with.
        metrics: metrics in which the claim is tested.
        kind: rule of the test; see the top of this file.
    """

    sentence: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    metrics: tuple[str, ...] = ("CIDEr",)
    kind: Literal["above", "same", "not above"] = "above"


_SEPARATE = ("T2-udt", "T2-m2t", "T2-rstt")
_MODELS = tuple(row.id for row in TABLE2 if row.variant and not row.control)

CLAIMS: dict[str, tuple[Claim, ...]] = {
    "table2": (
        Claim("text attention helps Up-Down", ("T2-udt",), ("T2-ud",)),
        Claim("text attention helps M2", ("T2-m2t",), ("T2-m2",)),
        Claim("text attention helps RSTNet", ("T2-rstt",), ("T2-rst",)),
        Claim("a joint transformer is above separate attentions", ("T2-base",), _SEPARATE),
        Claim("copying makes no real difference", ("T2-m4cp",), ("T2-m4c",), kind="same"),
        Claim("location matters: baseline above no-locations", ("T2-base",), ("T2-noloc",), ("CIDEr", "Div@1")),
        Claim("product info matters: baseline above no-info", ("T2-base",), ("T2-noinfo",)),
        Claim("the image matters: baseline above no-image", ("T2-base",), ("T2-noimg",)),
        Claim("location matters more than info", ("T2-noinfo",), ("T2-noloc",)),
        Claim("info matters more than the image", ("T2-noimg",), ("T2-noinfo",)),
        Claim("context is above baseline", ("T2-ctx",), ("T2-base",), ("BLEU-4", "METEOR", "CIDEr", "Div@1")),
        Claim("full is above context", ("T2-full",), ("T2-ctx",), ("BLEU-4", "METEOR", "CIDEr", "Div@1")),
        Claim("human captions are the most diverse", ("T2-human",), _MODELS, ("Div@1", "Div@2")),
        Claim("every system is above the blind ones (ours)", _MODELS, ("T2-nearest", "T2-title", "T2-majority")),
        Claim("text on the picture gives the answer away (ours)", ("T2-leak",), ("T2-ctx",)),
    ),
    "table3": (
        Claim("level I of Caption Matching helps", ("T3-2",), ("T3-1",)),
        Claim("level II adds to level I", ("T3-3",), ("T3-2",)),
        Claim("level III adds to levels I and II", ("T3-4",), ("T3-3",)),
        Claim("progressive levels are above fixed ones", ("T3-5",), ("T3-4",)),
        Claim("Caption Matching helps at equal updates (ours)", ("T3-5",), ("T3-0",)),
        Claim("Caption Matching helps at equal updates of generation (ours)", ("T3-6",), ("T3-0",)),
    ),
    "tablea5": (
        Claim("the nearest neighbours help", ("A5-n1",), ("A5-0",), ("BLEU-4", "CIDEr", "Div@1")),
        Claim("random neighbours do not help", ("A5-r2",), ("A5-0",), ("BLEU-4", "CIDEr", "Div@1"), "not above"),
        Claim("nearest neighbours are above random ones", ("A5-n1",), ("A5-r2",), ("CIDEr", "Div@1")),
        Claim("more neighbours are better in CIDEr", ("A5-n2",), ("A5-n1",)),
    ),
}


@dataclass(frozen=True)
class Finding:
    """The result of testing a claim in one metric.

    Attributes:
        claim: the claim.
        metric: name of the metric.
        first: row id of the first system.
        second: row id of the second system.
        between: labels of the two rows.
        effect: score of the first system minus the second's.
        low: lower end of the effect's 95 % interval over images.
        high: upper end of it.
        p: p value over images, all pairs of the table tested together.
        seed_error: standard error of the effect over seeds; NaN with one seed.
        resolves: the smallest true effect that this design finds in four cases of five, see `resolved_effect`.
        verdict: outcome of the test.
    """

    claim: Claim
    metric: str
    first: str
    second: str
    between: str
    effect: float
    low: float
    high: float
    p: float
    seed_error: float
    resolves: float
    verdict: Verdict


def findings(claims: Sequence[Claim], rows: Sequence[Measured]) -> list[Finding]:
    """Test every claim in each of its metrics, on those pairs of its rows that were measured."""
    by_id = {measured.row.id: measured for measured in rows}
    tests = comparisons(list(dict.fromkeys(measured.system for measured in rows)))
    found = []
    for claim in claims:
        pairs = [(by_id[a], by_id[b]) for a in claim.first for b in claim.second if a in by_id and b in by_id]
        for metric in claim.metrics if pairs else ():
            tested = [_test(claim, first, second, tests[metric]) for first, second in pairs]
            found.append(min(tested, key=lambda f: (ORDER.index(f.verdict), f.effect)))
    return found


def _test(claim: Claim, first: Measured, second: Measured, comparison: Comparison) -> Finding:
    gap = comparison.gap(comparison.systems.index(first.system), comparison.systems.index(second.system))
    margin = MARGIN * abs(second.score(comparison.metric)[0])
    ids, between = (first.row.id, second.row.id), f"{first.row.label} - {second.row.label}"
    verdict = judge(claim.kind, gap, margin)
    numbers = (gap.value, gap.low, gap.high, gap.p_all, gap.seed_error, resolved_effect(gap))
    return Finding(claim, comparison.metric, *ids, between, *numbers, verdict)


#: Standard normal quantiles of a two-sided test at 5 % and of a power of 80 %, added.
_POWER = 1.96 + 0.84


def resolved_effect(gap: Gap) -> float:
    """The smallest true effect that a design finds with a power of 80 % at a two-sided level of 5 %.

    The effect's error has two sources: images, whose standard error is a quarter of the width of their 95 % interval
    (3.92 to be exact), and seeds; with one seed the second is not known and left out, so the value is too small.

    Args:
        gap: difference of two systems.
    """
    over_images = (gap.high - gap.low) / 3.92
    return _POWER * math.hypot(over_images, 0.0 if math.isnan(gap.seed_error) else gap.seed_error)


def judge(kind: str, gap: Gap, margin: float) -> Verdict:
    """Verdict on the difference of two systems; see the top of this file.

    Args:
        kind: kind of the claim: "above", "same" or "not above".
        gap: difference of the two systems.
        margin: largest difference that counts as the same, in the metric's unit.
    """
    if kind == "above":
        if not gap.differ:
            return "undecided"
        return "holds" if gap.value > 0 else "does not hold"
    low, high = gap.low, gap.high
    if not math.isnan(gap.seed_error):
        low, high = min(low, gap.value - 2 * gap.seed_error), max(high, gap.value + 2 * gap.seed_error)
    lowest = -math.inf if kind == "not above" else -margin
    if low >= lowest and high <= margin:
        return "holds"
    return "does not hold" if low > margin or high < lowest else "undecided"


def claims_grid(
    found: Mapping[str, Sequence[Finding]],
    title: str,
    caveats: Sequence[str],
    link: Callable[[Finding, str], str] = lambda finding, split: "",
) -> Grid:
    """Table of findings, one a line.

    Args:
        found: findings, by split.
        title: title of the grid.
        caveats: warnings to print below it, see `scores.caveats`.
        link: address of the page that shows a finding on a split; "" for none.
    """
    columns = ["claim", "split", "metric", "between", "effect", "95 % interval"]
    columns += ["p", "seed error", "resolves", "verdict"]
    grid = Grid(title, columns)
    for split, tested in found.items():
        for f in tested:
            grid.add(
                *(Cell(f.claim.sentence, href=link(f, split)), split, f.metric, f.between, signed(f.effect)),
                *(span(f.low, f.high, "{:+.2f}"), number(f.p, 4), number(f.seed_error), number(f.resolves)),
                Cell(f.verdict, tone=_TONES[f.verdict]),
            )
    grid.notes += [
        *caveats,
        "p: all pairs of the table tested together over images (step-down max-T), seeds averaged; "
        f"undecided from {ALPHA} on, or if the effect is within two standard errors over seeds (-: one seed)",
        "resolves: the smallest true effect that this design finds in four cases of five (two-sided, 5 % level), by "
        "the errors over images and over seeds; with one seed by images alone, so too small",
    ]
    if any(f.claim.kind != "above" for tested in found.values() for f in tested):
        grid.notes.append(
            f"claims of no difference, or of no gain: the interval, and two standard errors over seeds to either side "
            f"of the effect, must lie within, or below, {MARGIN:.0%} of the second system's score"
        )
    return grid


def verdict_grid(found: Mapping[str, Sequence[Finding]], title: str, caveats: Sequence[str]) -> Grid:
    """Table of claims with their verdict on each split, or several verdicts if its metrics disagree.

    Args:
        found: findings, by split.
        title: title of the grid.
        caveats: warnings to print below it, see `scores.caveats`.
    """
    sentences = dict.fromkeys(f.claim.sentence for findings in found.values() for f in findings)
    grid = Grid(title, ["claim", *found], notes=list(caveats))
    for sentence in sentences:
        cells = []
        for findings in found.values():
            by_verdict: dict[str, list[str]] = {}
            for f in findings:
                if f.claim.sentence == sentence:
                    by_verdict.setdefault(f.verdict, []).append(f.metric)
            cells.append("; ".join(f"{verdict} ({', '.join(metrics)})" for verdict, metrics in by_verdict.items()))
        grid.add(sentence, *cells)
    return grid
