"""The board as tables, Markdown and CSV. Names of systems come from strangers; `grid` escapes them for each format."""

from collections.abc import Iterator, Sequence

from ..grid import (
    SYNTHETIC_NOTE,
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
from ..metrics import HEADLINE
from ..scoring.evaluation import METRIC_VERSION
from ..scoring.receipt import other_versions
from .board import DIVISIONS, METRICS, Board, Division, Listed, paper_rows
from .candidates import claimed_score, inner
from .entries import SPLITS
from .ranking import Place
from .result import printable

RULE = (
    "rank: those that cannot be excluded at 5 %, all pairs of entries tested together, resampling images; group: "
    "not significantly worse than the first of the group; ties are not transitive, which the ranks show"
)
PAPER_TITLE = "Table 2 of the paper: reported, not re-scored"
PAPER_NOTE = "other data: never compare these numbers with the ones above"

_TONES: dict[str, Tone] = {"reproduced": "good", "self-scored": "open"}


def title(split: str, division: Division = "all") -> str:
    """Of a ranking."""
    return f"{split}, {'all entries' if division == 'all' else f'{division} division'}"


def ranking_grid(board: Board, split: str, division: Division = "all", metrics: Sequence[str] = METRICS) -> Grid:
    """Entries best first, and the rows for scale at the places of their scores; CIDEr with its interval."""
    columns = ["system", "rank", "group", *metrics, "seeds", "parameters", "division", "status"]
    grid = Grid(title(split, division), columns, notes=[RULE])
    for place, system in lines(board, split, division):
        grid.add(*_row(board, split, place, system, metrics))
    return grid


def lines(board: Board, split: str, division: Division) -> list[tuple[Place | None, Listed]]:
    """Ranked entries and rows for scale (without a place), from the best CIDEr down, human first."""
    found: list[tuple[Place | None, Listed]] = list(board.ranked(split, division))
    human = [(None, system) for system in board.scale if HEADLINE not in system.shows]
    for system in board.scale:
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
    return [named(system), rank, place.group, *cells, len(about.seeds), count(about.n_params), system.division, status]


def entry_place(system: Listed) -> str:
    """The page of an entry; empty for systems without a model."""
    return f"entries/{system.name}.html" if system.metadata else ""


def named(system: Listed) -> Cell:
    """The name of a system, which leads to its page from pages at the top of the site."""
    return Cell(system.label, href=entry_place(system))


def paper_grid(split: str) -> Grid:
    """The paper's rows as printed."""
    paper = paper_rows()
    columns = list(paper["rows"][0][split])
    grid = Grid(f"{PAPER_TITLE}, {split}", ["system", *columns], notes=[paper["source"], PAPER_NOTE])
    for row in paper["rows"]:
        grid.add(row["label"], *(number(row[split][metric]) for metric in columns))
    return grid


def slice_grid(board: Board, split: str, by: str) -> Grid:
    """CIDEr of every system on the parts of a split, with the document frequencies of the whole split."""
    parts = board.scale[0].statistics[split][0].receipt["slices"][by]
    grid = Grid(f"{HEADLINE} by {by}, {split}", ["system", *parts])
    for _, system in lines(board, split, "all"):
        if HEADLINE in system.shows:
            grid.add(named(system), *(number(system.slice_score(split, by, part), 1) for part in parts))
    grid.add("boxes", *(count(scores["boxes"]) for scores in parts.values()))
    return grid


def slice_kinds(board: Board, split: str) -> list[str]:
    """What the split is cut by."""
    return list(board.scale[0].statistics[split][0].receipt["slices"])


def history_grid(systems: Sequence[Listed], metrics: Sequence[str] = (HEADLINE,)) -> Grid:
    """Scores that were handed in with other versions of metrics against those of now; no rows if there are none.

    The version is that of what all metrics have in common where that has changed, else that of the metric.
    """
    grid = Grid(
        "scored again with the metrics of now",
        ["system", "split", "seed", "metric", "version then", "then", "now", "change"],
        notes=["old scores stand in the receipts that were handed in; the ranking uses the new ones"],
    )
    for system in systems:
        seeds = sorted(system.metadata.seeds) if system.metadata else []
        for (seed, split), receipt in sorted(system.older.items()):
            common, others = inner(receipt, "versions", "metrics"), other_versions(receipt)
            for metric in metrics:
                if common == METRIC_VERSION and metric not in others:
                    continue  # the check has found its score to be that of now
                new = system.statistics[split][seeds.index(seed)].receipt["scores"].get(metric)
                old = claimed_score(receipt, metric)
                change = signed(None if old is None or new is None else new - old)
                version = printable(str(common if common != METRIC_VERSION else others[metric][0]))[:20]
                grid.add(system.label, split, seed, metric, version, number(old), number(new), change)
    return grid


def refused_grid(board: Board) -> Grid:
    """Entries that are not ranked, and why; what they claim is "self-scored"."""
    grid = Grid("not ranked", ["entry", f"{HEADLINE} claimed, test", "why"])
    for one in board.refused:
        grid.add(one.name, number(one.claimed.get("test")), "; ".join(one.reasons)[:400])
    return grid


def neighbours_grid(board: Board, split: str, name: str, around: int = 2) -> Grid:
    """The entries next to one in rank, with their differences from it.

    Args:
        board: with the entry.
        split: "val" or "test".
        name: of the entry.
        around: how many above and how many below.
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
        "p: paired bootstrap over images, of this pair by itself; all pairs: as the board counts, below 0.05 is no tie"
    )
    return grid


def markdown(board: Board) -> str:
    """The whole board as one Markdown page."""
    text = ["# Leaderboard", *([f"**{SYNTHETIC_NOTE}**"] if board.synthetic else [])]
    for split in reversed(SPLITS):
        text += [f"## {split}", f"`{board.signatures[split]}`", ranking_grid(board, split).markdown()]
        for division in DIVISIONS[1:]:
            short = ranking_grid(board, split, division, [HEADLINE])
            short.notes = []
            text.append(short.markdown())
    text += ["## Paper", *(paper_grid(split).markdown() for split in reversed(SPLITS))]
    more = [grid for grid in (history_grid(board.entries), refused_grid(board)) if grid.rows]
    text += ["## More", *(grid.markdown() for grid in more)] if more else []
    if board.elsewhere:
        text.append(f"Entries for other data, not shown: {', '.join(map(markdown_text, board.elsewhere))}")
    return "\n\n".join(text) + "\n"


def board_csv(board: Board) -> str:
    """One line for each system and split, at full precision; rows for scale and the paper's have no rank."""
    head = ["split", "kind", "name", "label", "rank_best", "rank_worst", "tie_group", "division", "division_rank_best"]
    head += ["division_rank_worst", "status", "seeds", "parameters", f"{HEADLINE}_low", f"{HEADLINE}_high"]
    head += [column for metric in METRICS for column in (metric, f"{metric}_sd")] + ["signature"]
    return csv_text(head, (row for split in board.splits for row in _csv_rows(board, split)))


def _csv_rows(board: Board, split: str) -> Iterator[list[object]]:
    within = {system.name: place for d in DIVISIONS[1:] for place, system in board.ranked(split, d)}
    for place, system in lines(board, split, "all"):
        scores = [system.score(split, metric) if metric in system.shows else (None, None) for metric in METRICS]
        cells: list[object] = [split, "scale", system.name, system.label, *[""] * 11]
        if place is not None and system.metadata is not None:
            own = within[system.name]
            cells = [split, "entry", system.name, system.label, place.best, place.worst, place.group, system.division]
            cells += [own.best, own.worst, system.status, len(system.metadata.seeds), system.metadata.n_params]
            cells += board.comparisons[split].interval(place.system)
        yield [*cells, *(value for pair in scores for value in pair), board.signatures[split]]
    for row in paper_rows()["rows"]:
        printed = [value for metric in METRICS for value in (row[split].get(metric), None)]
        yield [split, "reported, not re-scored", "", row["label"], *[""] * 11, *printed, ""]


def slices_csv(board: Board) -> str:
    """One line for each system, split, part and metric; means over seeds."""

    def rows() -> Iterator[list[object]]:
        for split in board.splits:
            for system in [*board.entries, *(one for one in board.scale if HEADLINE in one.shows)]:
                for by, parts in system.statistics[split][0].receipt["slices"].items():
                    for part, scores in parts.items():
                        values = (system.slice_score(split, by, part, metric) for metric in METRICS)
                        yield [split, system.name, by, part, scores["boxes"], *values]

    return csv_text(["split", "name", "by", "part", "boxes", *METRICS], rows())
