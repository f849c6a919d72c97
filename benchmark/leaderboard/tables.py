"""Tables of the board, and the whole board as Markdown and CSV.

Names of systems are untrusted text; `grid` escapes them for each format.
"""

from collections.abc import Iterator, Sequence

from .. import paper
from ..dataset.schema import EVALUATED_SPLITS
from ..grid import (
    Cell,
    Content,
    Grid,
    Tone,
    count,
    csv_text,
    markdown_text,
    number,
    score,
    signed,
    span,
)
from ..metrics import BOARD, HEADLINE
from ..scoring.evaluation import METRIC_VERSION
from ..scoring.receipt import other_versions
from ..scoring.withheld import rounded
from .board import DIVISIONS, METRICS, Board, Listed, Place, View
from .gather import claimed_score, inner
from .metadata import PROMPTED
from .result import printable

RULE = (
    "rank: the ranks that cannot be excluded at 5 %, all pairs of entries tested together, resampling images, and "
    "differences within two standard errors over seeds count as ties; group: entries not significantly worse than the "
    "first of the group; ties are not transitive, as the ranks show"
)
PAPER_TITLE = "Table 2 of the paper: reported, not re-scored"
PAPER_NOTE = "These numbers are for other data: never compare them with the ones above."

PROMPTED_RULE = (
    "unanswered: boxes of all files for which the model that was prompted gave no usable answer, so their captions are "
    "empty; the price is what the authors say"
)

#: Columns of the CSV about prompted systems, by their fields of the metadata.
_PROMPTED_CSV = ("prompt", *PROMPTED)

_TONES: dict[str, Tone] = {"reproduced": "good", "self-scored": "open"}


def title(split: str, view: View = "all") -> str:
    """Title of a ranking."""
    kind = {"all": "all entries", "closed": "closed division", "open": "open division"}.get(view, f"{view} systems")
    return f"{split}, {kind}"


def ranking_grid(board: Board, split: str, view: View = "all", metrics: Sequence[str] = METRICS) -> Grid:
    """The ranking: entries best first, reference rows placed by their scores, CIDEr with its 95 % interval."""
    columns = ["system", "rank", "group", *metrics, "seeds", "parameters", "division", "status"]
    prompted = any(entry.prompted for _, entry in board.ranked(split, view))
    more = ["unanswered", "$ / 1,000 images"] if prompted else []
    grid = Grid(title(split, view), [*columns, *more], notes=[RULE, *([PROMPTED_RULE] if prompted else [])])
    for place, system in lines(board, split, view):
        asked = _of_prompted(board, system) if prompted else []
        grid.add(*_row(board, split, place, system, metrics), *asked)
    return grid


def _of_prompted(board: Board, system: Listed) -> list[Content]:
    """Boxes that a prompted model left without an answer, in per cent, and what it costs; nothing for other rows."""
    about = system.metadata
    if about is None or about.unanswered_boxes is None:
        return [None, None]
    boxes = len(about.seeds) * sum(split.n_boxes for split in board.splits.values())
    return [Cell(100 * about.unanswered_boxes / boxes, "{:.2f} %"), number(about.cost_per_1000_images)]


def lines(board: Board, split: str, view: View) -> list[tuple[Place | None, Listed]]:
    """Ranked entries and reference rows (without a place), from the best CIDEr down, the human row first."""
    found: list[tuple[Place | None, Listed]] = list(board.ranked(split, view))
    human = [(None, system) for system in board.reference_rows if HEADLINE not in system.shows]
    for system in board.reference_rows:
        if HEADLINE in system.shows:
            score = system.score(split, HEADLINE)[0]
            above = sum(other.score(split, HEADLINE)[0] >= score for _, other in found)
            found.insert(above, (None, system))
    return [*human, *found]


def _row(board: Board, split: str, place: Place | None, system: Listed, metrics: Sequence[str]) -> list[Content]:
    interval = board.comparisons[split].interval(place.system) if place else None
    cells = [
        score(*system.score(split, metric), interval if metric == HEADLINE else None)
        if metric in system.shows
        else None
        for metric in metrics
    ]
    about = system.metadata
    if place is None or about is None:
        return [named(system), None, None, *cells, None, None, None, "for scale"]
    rank = Cell(place.best, place.range)
    status = Cell(system.status, tone=_TONES.get(system.status, ""))
    parameters = None if about.n_params is None else count(about.n_params)
    division = f"{system.division}, prompted" if system.prompted else system.division
    return [named(system), rank, place.group, *cells, len(about.seeds), parameters, division, status]


def entry_place(system: Listed) -> str:
    """Path of an entry's page in the site; empty for reference rows."""
    return f"entries/{system.name}.html" if system.metadata else ""


def named(system: Listed) -> Cell:
    """The name of a system as a link to its page, for pages at the top of the site."""
    return Cell(system.label, href=entry_place(system))


def paper_grid(split: str) -> Grid:
    """The rows of the paper's Table 2 as printed."""
    grid = Grid(f"{PAPER_TITLE}, {split}", ["system", *paper.COLUMNS], notes=[paper.TABLE2_SOURCE, PAPER_NOTE])
    for label, printed in paper.table2_rows():
        grid.add(label, *(number(printed[split][metric]) for metric in paper.COLUMNS))
    return grid


def slice_grid(board: Board, split: str, by: str) -> Grid:
    """CIDEr of every system on the slices of a split, with the document frequencies of the whole split."""
    parts = board.reference_rows[0].statistics[split][0].receipt["slices"][by]
    grid = Grid(f"{HEADLINE} by {by}, {split}", ["system", *parts])
    for _, system in lines(board, split, "all"):
        if HEADLINE in system.shows:
            grid.add(named(system), *(number(system.slice_score(split, by, part), 1) for part in parts))
    grid.add("boxes", *(count(scores["boxes"]) for scores in parts.values()))
    return grid


def slice_kinds(board: Board, split: str) -> list[str]:
    """The ways to cut a split into slices, such as "category"."""
    return list(board.reference_rows[0].statistics[split][0].receipt["slices"])


def history_grid(systems: Sequence[Listed], metrics: Sequence[str] = (HEADLINE,)) -> Grid:
    """Scores that were accepted with earlier metric versions, beside the current ones; no rows if there are none.

    The version is the common one of all metrics (`METRIC_VERSION`) where that has changed, else the metric's own.
    """
    grid = Grid(
        "scores with older metric versions, and now",
        ["system", "split", "seed", "metric", "version then", "then", "now", "change"],
        notes=["Old scores are those of the accepted receipts; the ranking uses the new ones."],
    )
    for system in systems:
        seeds = sorted(system.metadata.seeds) if system.metadata else []
        for (seed, split), receipt in sorted(system.older.items()):
            common, others = inner(receipt, "versions", "metrics"), other_versions(receipt)
            for metric in metrics:
                if common == METRIC_VERSION and metric not in others:
                    continue  # the check found that its score has not changed
                new = system.statistics[split][seeds.index(seed)].receipt["scores"].get(metric)
                old = claimed_score(receipt, metric)
                change = signed(None if old is None or new is None else new - old)
                version = printable(str(common if common != METRIC_VERSION else others[metric][0]))[:20]
                grid.add(system.label, split, seed, metric, version, number(old), number(new), change)
    return grid


def refused_grid(board: Board) -> Grid:
    """Entries that are not ranked, with the reasons and the CIDEr that they claim."""
    grid = Grid("not ranked", ["entry", f"{HEADLINE} claimed, test", "why"])
    for one in board.refused:
        grid.add(one.name, number(one.claimed.get("test")), "; ".join(one.reasons)[:400])
    return grid


def neighbours_grid(board: Board, split: str, name: str, around: int = 2) -> Grid:
    """The entries next to one in rank, with their differences from it.

    Args:
        board: the board that ranks the entry.
        split: "val" or "test".
        name: name of the entry.
        around: number of entries to show above and below it.
    """
    ranked = board.ranked(split)
    comparison = board.comparisons[split]
    here = next(i for i, (_, system) in enumerate(ranked) if system.name == name)
    own = ranked[here][0]
    grid = Grid(
        f"{split}: rank {own.range} of {len(ranked)}, tie group {own.group}",
        ["system", "rank", HEADLINE, "difference from it", "95 % interval", "p", "p, all pairs"],
    )
    for place, system in ranked[max(0, here - around) : here + around + 1]:
        cells: list[Content] = [""] * 4
        if place is not own:
            d = comparison.gap(own.system, place.system)
            cells = [signed(d.value), span(d.low, d.high, "{:+.2f}"), number(d.p, 4), number(d.p_all, 4)]
        grid.add(system.label, Cell(place.best, place.range), score(*system.score(split, HEADLINE)), *cells)
    grid.notes.append(
        "p: paired bootstrap over images, this pair alone; p, all pairs: as on the board, where below 0.05 is no tie"
    )
    return grid


def seeds_grid(entry: Listed, split: str) -> Grid:
    """All metrics of an entry on a split: the mean over seeds, and each seed with its interval."""
    receipts = [one.receipt for one in entry.statistics[split]]
    seeds = sorted(entry.metadata.seeds) if entry.metadata else []
    mean = [f"mean ± sd (n={len(seeds)})"] if len(seeds) > 1 else []
    grid = Grid(split, ["metric", *mean, *(f"seed {seed}" for seed in seeds)])
    for metric in receipts[0]["scores"]:
        grid.add(
            metric,
            *(score(*entry.score(split, metric)) for _ in mean),
            *(Cell(one["scores"][metric], "{:.2f}", interval=one["intervals"][metric]) for one in receipts),
        )
    return grid


def entry_slice_grids(entry: Listed) -> Iterator[Grid]:
    """The test scores of an entry on every slice, one table for each way to cut the split; means over seeds."""
    # Most slices cut images apart, which leaves metrics of whole images without a value.
    columns = [metric.name for metric in BOARD if metric.slices and metric.level == "box"]
    for by, parts in entry.statistics["test"][0].receipt["slices"].items():
        grid = Grid("", [by, "boxes", *columns])
        for part, scores in parts.items():
            values = (number(entry.slice_score("test", by, part, metric)) for metric in columns)
            grid.add(part, count(scores["boxes"]), *values)
        yield grid


def markdown(board: Board) -> str:
    """The whole board as one Markdown page."""
    text = ["# Leaderboard", *(f"**{note}**" for note in board.notes)]
    for split in reversed(EVALUATED_SPLITS):
        text += [f"## {split}", f"`{board.signatures[split]}`", ranking_grid(board, split).markdown()]
        for view in board.views[1:]:
            short = ranking_grid(board, split, view, [HEADLINE])
            short.notes = []
            text.append(short.markdown())
    text += ["## Paper", *(paper_grid(split).markdown() for split in reversed(EVALUATED_SPLITS))]
    more = [grid for grid in (history_grid(board.entries), refused_grid(board)) if grid.rows]
    text += ["## More", *(grid.markdown() for grid in more)] if more else []
    if board.elsewhere:
        text.append(f"Entries for other data, not shown: {', '.join(map(markdown_text, board.elsewhere))}")
    return "\n\n".join(text) + "\n"


def board_csv(board: Board) -> str:
    """The board as CSV, one line for each system and split, at full precision; only entries have ranks."""
    head = ["split", "kind", "name", "label", "rank_best", "rank_worst", "tie_group", "division", "division_rank_best"]
    head += ["division_rank_worst", "status", "seeds", "parameters", *_PROMPTED_CSV]
    head += [f"{HEADLINE}_low", f"{HEADLINE}_high"]
    head += [column for metric in METRICS for column in (metric, f"{metric}_sd")] + ["signature"]
    return csv_text(head, (row for split in board.splits for row in _csv_rows(board, split)))


def _csv_rows(board: Board, split: str) -> Iterator[list[object]]:
    within = {system.name: place for d in DIVISIONS for place, system in board.ranked(split, d)}
    for place, system in lines(board, split, "all"):
        scores = [system.score(split, metric) if metric in system.shows else (None, None) for metric in METRICS]
        cells: list[object] = [split, "scale", system.name, system.label, *[""] * (11 + len(_PROMPTED_CSV))]
        if place is not None and system.metadata is not None:
            own = within[system.name]
            cells = [split, "entry", system.name, system.label, place.best, place.worst, place.group, system.division]
            about = system.metadata
            cells += [own.best, own.worst, system.status, len(about.seeds), about.n_params]
            cells += [getattr(about, name) for name in _PROMPTED_CSV]
            interval = board.comparisons[split].interval(place.system)
            cells += interval if board.public else rounded(interval)
        yield [*cells, *(value for pair in scores for value in pair), board.signatures[split]]
    for label, printed in paper.table2_rows():
        cells = [value for metric in METRICS for value in (printed[split].get(metric), None)]
        yield [split, "reported, not re-scored", "", label, *[""] * (11 + len(_PROMPTED_CSV)), *cells, ""]


def slices_csv(board: Board) -> str:
    """The scores on slices as CSV, one line for each system, split and slice; means over seeds."""

    def rows() -> Iterator[list[object]]:
        for split in board.splits:
            for system in [*board.entries, *(one for one in board.reference_rows if HEADLINE in one.shows)]:
                for by, parts in system.statistics[split][0].receipt["slices"].items():
                    for part, scores in parts.items():
                        values = (system.slice_score(split, by, part, metric) for metric in METRICS)
                        yield [split, system.name, by, part, scores["boxes"], *values]

    return csv_text(["split", "name", "by", "part", "boxes", *METRICS], rows())
