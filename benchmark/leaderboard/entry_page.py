"""The page of an entry: its place, scores, figures, slices, metadata, receipts and BibTeX.

Invariant: metadata comes from strangers: templates escape all of it, links are http(s) only (`metadata` sees to that),
and BibTeX is plain text for TeX.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..citation import BIBTEX
from ..dataset.store import Split
from ..grid import Cell, Grid, count, number, score, tex_text
from ..metrics import BOARD
from ..metrics.corpus import Corpus
from ..metrics.length_fit import BIN_EDGES
from ..site.browser import link
from ..site.pages import Site
from . import tables
from .board import METRICS, Board, Listed
from .entries import SPLITS
from .statistics_cache import sample_images


def write_entry(
    site: Site, board: Board, entry: Listed, shown: Mapping[str, str], types: dict[str, Any] | None
) -> None:
    """Write it.

    Args:
        site: to write into.
        board: with the entry.
        entry: whose page it is.
        shown: name of each system -> its name in the sample browser.
        types: what a `type_scorer` says of it; None: no types.
    """
    assert entry.metadata is not None
    receipts = list(_write_receipts(site, entry))
    beside = _beside(board, entry)
    site.page(
        tables.entry_place(entry),
        "entry.html.j2",
        heading=entry.label,
        entry=entry,
        places=[(split, place) for split in reversed(SPLITS) for place, s in board.ranked(split) if s is entry],
        browser=f"browser/test/index.html{link(shown[entry.name], shown[beside.name])}",
        beside=beside.label,
        neighbours=[tables.neighbours_grid(board, split, entry.name) for split in reversed(SPLITS)],
        scores=[_scores_grid(entry, split) for split in reversed(SPLITS)],
        history=tables.history_grid([entry], METRICS),
        plot=_length_plot(entry),
        types=types,
        facts=list(_facts(entry)),
        signatures=board.signatures,
        receipts=receipts,
        slices=list(_entry_slices(entry)),
        bibtex=f"{bibtex(entry)}\n\n{BIBTEX}",
    )


def _beside(board: Board, entry: Listed) -> Listed:
    """The system to compare with at first: the next better one, for the best one the next."""
    ranked = [system for _, system in board.ranked("test")]
    at = ranked.index(entry)
    return ranked[at - 1] if at else ranked[1] if len(ranked) > 1 else board.scale[1]


def _scores_grid(entry: Listed, split: str) -> Grid:
    """All metrics: mean over seeds, and each seed with its interval."""
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


def _entry_slices(entry: Listed) -> Iterator[Grid]:
    # Most slices cut images apart, which leaves metrics of whole images without a value.
    columns = [metric.name for metric in BOARD if metric.slices and metric.level == "box"]
    for by, parts in entry.statistics["test"][0].receipt["slices"].items():
        grid = Grid("", [by, "boxes", *columns])
        for part, scores in parts.items():
            values = (number(entry.slice_score("test", by, part, metric)) for metric in columns)
            grid.add(part, count(scores["boxes"]), *values)
        yield grid


def _facts(entry: Listed) -> Iterator[tuple[str, str, str]]:
    """What the metadata says: words, kind ("text", "url" or "command"), value."""
    assert entry.metadata is not None
    for name, value in entry.metadata:
        if value is None or name in ("name", "checked", "reproduced"):
            continue
        shown = value if isinstance(value, list) else [value]
        text = ", ".join(
            ("yes" if v else "no") if isinstance(v, bool) else f"{v:,}" if name == "n_params" else f"{v}" for v in shown
        )
        kind = "url" if name.endswith("_url") else "command" if name == "training_command" else "text"
        yield name.replace("_", " "), kind, text or "none"


def _write_receipts(site: Site, entry: Listed) -> Iterator[tuple[str, str]]:
    """Words and place of each receipt."""
    assert entry.metadata is not None
    for split in SPLITS:
        for seed, one in zip(sorted(entry.metadata.seeds), entry.statistics[split], strict=True):
            place = f"receipts/{entry.name}/seed{seed}.{split}.json"
            path = site.folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(one.receipt, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            yield f"{split}, seed {seed}", place


def bibtex(entry: Listed) -> str:
    """An entry as BibTeX; all text is plain for TeX."""
    about = entry.metadata
    assert about is not None

    authors = " and ".join(f"{{{tex_text(author)}}}" for author in about.authors)
    key = entry.name.replace("_", "-")
    lines = [
        f"@misc{{caponimage-{key},",
        f"  title  = {{{{{tex_text(about.name)}}}}},",
        f"  author = {{{authors}}},",
        f"  year   = {{{about.date.year}}},",
        f"  note   = {{CapOnImage leaderboard, entry {tex_text(entry.name)}}},",
        *([f"  url    = {{{tex_text(about.paper_url)}}},"] if about.paper_url else []),
        "}",
    ]
    return "\n".join(lines)


@dataclass(frozen=True)
class Plot:
    """The length curve, ready for SVG: places are in its units."""

    width: int
    height: int
    left: int
    ticks: Sequence[tuple[float, float, str]]
    labels: Sequence[tuple[float, str]]
    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]]
    words: str


def _length_plot(entry: Listed) -> Plot | None:
    """Figure 4b of an entry's test captions, mean over seeds."""
    fits = [fit for one in entry.statistics["test"] if (fit := one.receipt.get("length_fit"))]
    if not fits:
        return None
    seen = [i for i, boxes in enumerate(fits[0]["boxes"]) if boxes]
    predictions = np.mean([[fit["predictions"][i] for i in seen] for fit in fits], axis=0).tolist()
    references = [fits[0]["references"][i] for i in seen]
    width, height, left, bottom = 480, 240, 28, 24
    top = max(4, int(max(*predictions, *references)) + 1)
    step = (width - left) / max(1, len(seen))

    def y(value: float) -> float:
        return round((height - bottom) * (1 - value / top) + 6, 1)

    def x(place: int) -> float:
        return round(left + step * (place + 0.5), 1)

    ticks = [(left - 6.0, y(value), str(value)) for value in range(0, top + 1, max(1, top // 6))]
    names = [f"{BIN_EDGES[i]}-{BIN_EDGES[i] + 1}" if BIN_EDGES[i] < BIN_EDGES[-1] else f">{BIN_EDGES[i]}" for i in seen]
    lines = [
        (name, [(x(place), y(value)) for place, value in enumerate(values)])
        for name, values in (("reference", references), ("system", predictions))
    ]
    distance = float(np.mean([fit["distance"] for fit in fits]))
    words = f"distance of the curves {distance:.2f} characters; a box as long as n squares holds about n characters"
    return Plot(width, height, left, ticks, [(x(i), name) for i, name in enumerate(names)], lines, words)


def type_scorer(split: Split, encoder: str) -> Callable[[Listed], dict[str, Any]]:
    """Caption types of an entry's first seed, on the images of which captions are kept.

    Raises:
        InputError: if there is no such encoder, or it gives other types than it did.
    """
    from ..metrics.caption_types import score_types

    images = sample_images(split)
    rows = [b for i in images for b in range(split.offsets[i], split.offsets[i + 1])]
    references = [split.captions[b] for b in rows]

    def score(entry: Listed) -> dict[str, Any]:
        corpus = Corpus.from_captions(predictions=entry.statistics["test"][0].samples, references=references)
        found = score_types(corpus, split.boxes[rows], encoder=encoder)
        pairs = enumerate(zip(found["shares"], found["reference_shares"], strict=True), 1)
        return found | {
            "rows": [(f"type {k}", share, reference) for k, (share, reference) in pairs],
            "images": len(images),
        }

    return score
