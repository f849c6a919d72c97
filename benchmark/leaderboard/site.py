"""Writes the folder of the board: Markdown, CSV and pages (rankings, slices, one per entry, the sample browser).

    OUT/leaderboard.md   OUT/leaderboard.csv   OUT/slices.csv
    OUT/index.html (test)   OUT/test-{closed,open}.html   OUT/val*.html   OUT/slices-{val,test}.html
    OUT/entries/<entry>.html   OUT/receipts/<entry>/seed<k>.<split>.json   OUT/browser/<split>/index.html

Invariants:
* the folder appears complete or not at all, and replaces nothing but an older board;
* metadata is untrusted: templates escape all of it, links are http(s) only (`metadata` ensures that), and BibTeX is
  plain text for TeX;
* of a data set that is not marked as public, nothing is written but captions of entries and rounded scores;
* a page shows one table, so the first view stays small however many views there are.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..citation import BIBTEX
from ..dataset.description import write_description
from ..dataset.schema import EVALUATED_SPLITS
from ..dataset.store import Split, SplitWriter, open_directory
from ..errors import InputError
from ..files import folder_when_complete
from ..grid import tex_text
from ..metrics import HEADLINE
from ..metrics.corpus import Corpus
from ..metrics.length_fit import BIN_EDGES
from ..site.browser import link, write_browser
from . import tables
from .board import METRICS, Board, Listed, View
from .statistics_cache import sample_images

if TYPE_CHECKING:
    from ..site.pages import Site

_HERE = Path(__file__).parent
_MARKDOWN = "leaderboard.md"
_ABOUT = (
    "Captioning on image: short Chinese captions for text boxes on product images. "
    "Every score is recomputed from predictions."
)


def write_board(board: Board, out: Path, *, site: bool = True, types: str | None = None) -> None:
    """Write the board as Markdown, CSV and pages.

    Args:
        board: the board to write.
        out: folder to write; an older board there is replaced.
        site: whether to write the pages too, which needs Jinja2.
        types: encoder of the caption types on the pages, see `caption_types.load_type_model`; None: no types.

    Raises:
        InputError: if `out` is something else than a board.
    """
    if out.exists() and not (out.is_dir() and _is_board(out)):
        raise InputError(f"{out} exists and is not a board, so it is not replaced; name another folder")
    with folder_when_complete(out) as folder:
        _write_text(folder / _MARKDOWN, tables.markdown(board))
        _write_text(folder / "leaderboard.csv", tables.board_csv(board))
        _write_text(folder / "slices.csv", tables.slices_csv(board))
        if site:
            _write_pages(board, folder, types)


def _is_board(folder: Path) -> bool:
    """Whether a folder is empty, or holds the tables of a board; one of documents may hold a `leaderboard.md`, too."""
    names = {path.name for path in folder.iterdir()}
    return not names or names >= {_MARKDOWN, "leaderboard.csv", "slices.csv"}


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_pages(board: Board, folder: Path, types: str | None) -> None:
    from ..site.pages import Site  # needs Jinja2

    navigation = [("Ranking", "index.html"), ("Slices", "slices-test.html")]
    navigation += [(f"Samples of {split}", f"browser/{split}/index.html") for split in reversed(EVALUATED_SPLITS)]
    site = Site(folder, "CapOnImage leaderboard", "; ".join(board.notes), navigation, [_HERE / "templates"])
    shutil.copytree(_HERE / "static", folder / "static", dirs_exist_ok=True)
    for split in EVALUATED_SPLITS:
        for view in board.views:
            _write_ranking(site, board, split, view)
        _write_slices(site, board, split)
        _write_browser(site, board, split)
    score = type_scorer(board.splits["test"], types) if types and board.public else lambda entry: None
    names = _browser_names(board)
    for entry in board.entries:
        _write_entry(site, board, entry, names, score(entry))
    site.finish()


def _ranking_place(split: str, view: View) -> str:
    """Path of a ranking's page in the site."""
    if (split, view) == ("test", "all"):
        return "index.html"
    return f"{split}.html" if view == "all" else f"{split}-{view}.html"


def _write_ranking(site: "Site", board: Board, split: str, view: View) -> None:
    views = [(tables.title(s, v), _ranking_place(s, v)) for s in reversed(EVALUATED_SPLITS) for v in board.views]
    place = _ranking_place(split, view)
    site.page(
        place,
        "board.html.j2",
        heading="Leaderboard" if place == "index.html" else tables.title(split, view),
        about=_ABOUT,
        views=views,
        ranking=tables.ranking_grid(board, split, view),
        signature=board.signatures[split],
        history=tables.history_grid(board.entries),
        refused=tables.refused_grid(board),
        paper=tables.paper_grid(split),
        elsewhere=board.elsewhere,
    )


def _write_slices(site: "Site", board: Board, split: str) -> None:
    site.page(
        f"slices-{split}.html",
        "board.html.j2",
        heading=f"Slices of {split}",
        about="CIDEr on parts of the split, with the document frequencies of the whole: parts are comparable with each "
        "other and with the whole.",
        views=[(f"{s}", f"slices-{s}.html") for s in reversed(EVALUATED_SPLITS)],
        slices=[tables.slice_grid(board, split, by) for by in tables.slice_kinds(board, split)],
    )


def _browser_names(board: Board) -> dict[str, str]:
    """The unique name in the sample browser of each system with captions, by system name."""
    systems = [*board.entries, *(system for system in board.reference_rows if HEADLINE in system.shows)]
    labels = [system.label for system in systems]
    return {s.name: s.label if labels.count(s.label) == 1 else f"{s.label} ({s.name})" for s in systems}


def _write_browser(site: "Site", board: Board, split: str) -> None:
    """Write the sample browser: captions of each system's first seed, on the images whose captions are cached."""
    whole = board.splits[split]
    images = sample_images(whole)
    ranked = [system for _, system in tables.lines(board, split, "all") if HEADLINE in system.shows]
    if not board.public:  # systems without a model show captions of the train split
        ranked = [system for system in ranked if system.metadata is not None]
    names = _browser_names(board)
    boxes = np.diff(whole.offsets)[images]
    heading = f"Samples of {split}"
    if len(images) < whole.n_images:
        heading += f": {len(images):,} of {whole.n_images:,} images"
    with tempfile.TemporaryDirectory(prefix="caponimage-board-") as folder:
        write_browser(
            site,
            f"browser/{split}",
            whole if len(images) == whole.n_images else _split_of(whole, images, Path(folder)),
            {names[s.name]: s.statistics[split][0].samples for s in ranked},
            {names[s.name]: s.statistics[split][0].cider[images] / boxes * 100 for s in ranked},
            heading=heading,
            withhold=not board.public,
        )


def _split_of(split: Split, images: Sequence[int], folder: Path) -> Split:
    """Write a split with some images of another into a folder; pictures are linked, not copied."""
    wanted = set(images)
    with SplitWriter(folder, split.name) as writer:
        for i, row in enumerate(split.rows()):
            if i in wanted:
                writer.append(row)
    write_description(folder, name=split.dataset, synthetic=split.synthetic, splits={split.name: writer.summary()})
    if split.picture_folder.is_dir():
        (folder / "images").symlink_to(split.picture_folder.absolute(), target_is_directory=True)
    return open_directory(folder)[split.name]


def _write_entry(
    site: "Site", board: Board, entry: Listed, names: dict[str, str], types: dict[str, Any] | None
) -> None:
    """Write the page of an entry; `names` are those of the sample browser, `types` is from a `type_scorer`, or None."""
    assert entry.metadata is not None
    receipts = list(_write_receipts(site.folder, entry)) if board.public else []
    rival = _rival(board, entry)
    site.page(
        tables.entry_place(entry),
        "entry.html.j2",
        heading=entry.label,
        entry=entry,
        places=[
            (split, place) for split in reversed(EVALUATED_SPLITS) for place, s in board.ranked(split) if s is entry
        ],
        browser=f"browser/test/index.html{link(names[entry.name], names[rival.name])}",
        rival=rival.label,
        neighbours=[tables.neighbours_grid(board, split, entry.name) for split in reversed(EVALUATED_SPLITS)],
        scores=[tables.seeds_grid(entry, split) for split in reversed(EVALUATED_SPLITS)],
        history=tables.history_grid([entry], METRICS),
        plot=_length_plot(entry),
        types=types,
        facts=list(_facts(entry)),
        signatures=board.signatures,
        receipts=receipts,
        slices=list(tables.entry_slice_grids(entry)),
        bibtex=f"{bibtex(entry)}\n\n{BIBTEX}",
    )


def _rival(board: Board, entry: Listed) -> Listed:
    """The system to compare with first: the next better one, or for the best entry the next worse one."""
    ranked = [system for _, system in board.ranked("test")]
    at = ranked.index(entry)
    return ranked[at - 1] if at else ranked[1] if len(ranked) > 1 else board.reference_rows[-1]


def _facts(entry: Listed) -> Iterator[tuple[str, str, str]]:
    """Each metadata field as a label, its kind ("text", "url" or "command") and its value."""
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


def _write_receipts(folder: Path, entry: Listed) -> Iterator[tuple[str, str]]:
    """Write the recomputed receipts; yields the label and the path in the site of each."""
    assert entry.metadata is not None
    for split in EVALUATED_SPLITS:
        for seed, one in zip(sorted(entry.metadata.seeds), entry.statistics[split], strict=True):
            place = f"receipts/{entry.name}/seed{seed}.{split}.json"
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_text(path, json.dumps(one.receipt, ensure_ascii=False, indent=1) + "\n")
            yield f"{split}, seed {seed}", place


def bibtex(entry: Listed) -> str:
    """BibTeX of an entry; its text is escaped for TeX."""
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
    """The length curve, ready for SVG; coordinates are in the units of its view box."""

    width: int
    height: int
    left: int
    ticks: Sequence[tuple[float, float, str]]
    labels: Sequence[tuple[float, str]]
    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]]
    words: str


def _length_plot(entry: Listed) -> Plot | None:
    """Figure 4b of the paper for an entry's test captions, mean over seeds; None if its receipts lack the curve."""
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
    """Make a function that scores the caption types of an entry's first seed, on the images with cached captions.

    Raises:
        InputError: if the encoder is missing, or gives other types than when they were made.
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
