"""The pages of the board: rankings, slices, a page for each entry, and the sample browser.

    SITE/index.html (test)   SITE/test-{closed,open}.html   SITE/val*.html   SITE/slices-{val,test}.html
    SITE/entries/<entry>.html   SITE/receipts/<entry>/seed<k>.<split>.json   SITE/browser/<split>/index.html

Invariants:
* metadata comes from strangers: templates escape all of it, links are http(s) only (`metadata` sees to that);
* a page shows one table, so the first view stays small however many views there are.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..dataset.store import Split, SplitWriter, open_directory, write_description
from ..grid import SYNTHETIC_NOTE
from ..metrics import HEADLINE
from ..site.browser import write_browser
from ..site.pages import Site
from . import tables
from .board import DIVISIONS, Board, Division
from .entries import SPLITS
from .entry_page import type_scorer, write_entry
from .statistics_cache import sample_images

_HERE = Path(__file__).parent
_ABOUT = (
    "Captioning on image: short Chinese captions for text boxes on product images. "
    "Every score is recomputed from predictions."
)


def write_site(board: Board, folder: Path, types: str | None = None) -> None:
    """Write all pages.

    Args:
        board: to write.
        folder: to write into.
        types: encoder of the caption types, see `caption_types.load_type_model`; None: no types.
    """
    navigation = [("Ranking", "index.html"), ("Slices", "slices-test.html")]
    navigation += [(f"Samples of {split}", f"browser/{split}/index.html") for split in reversed(SPLITS)]
    label = SYNTHETIC_NOTE if board.synthetic else ""
    site = Site(folder, "CapOnImage leaderboard", label, navigation, [_HERE / "templates"])
    shutil.copytree(_HERE / "static", folder / "static", dirs_exist_ok=True)
    for split in SPLITS:
        for division in DIVISIONS:
            _write_ranking(site, board, split, division)
        _write_slices(site, board, split)
        _write_browser(site, board, split)
    score = type_scorer(board.splits["test"], types) if types else lambda entry: None
    shown = _shown(board)
    for entry in board.entries:
        write_entry(site, board, entry, shown, score(entry))
    site.finish()


def _place(split: str, division: Division) -> str:
    """Of a ranking's page."""
    if (split, division) == ("test", "all"):
        return "index.html"
    return f"{split}.html" if division == "all" else f"{split}-{division}.html"


def _write_ranking(site: Site, board: Board, split: str, division: Division) -> None:
    views = [(tables.title(s, d), _place(s, d)) for s in reversed(SPLITS) for d in DIVISIONS]
    place = _place(split, division)
    site.page(
        place,
        "board.html.j2",
        heading="Leaderboard" if place == "index.html" else tables.title(split, division),
        about=_ABOUT,
        views=views,
        slices=(),
        ranking=tables.ranking_grid(board, split, division),
        signature=board.signatures[split],
        history=tables.history_grid(board.entries),
        refused=tables.refused_grid(board),
        paper=tables.paper_grid(split),
        elsewhere=board.elsewhere,
    )


def _write_slices(site: Site, board: Board, split: str) -> None:
    site.page(
        f"slices-{split}.html",
        "board.html.j2",
        heading=f"Slices of {split}",
        about="CIDEr on parts of the split, with the document frequencies of the whole: parts are comparable with each "
        "other and with the whole.",
        views=[(f"{s}", f"slices-{s}.html") for s in reversed(SPLITS)],
        slices=[tables.slice_grid(board, split, by) for by in tables.slice_kinds(board, split)],
    )


def _shown(board: Board) -> dict[str, str]:
    """Name of each system with captions -> its unique name in the browser."""
    systems = [*board.entries, *(system for system in board.scale if HEADLINE in system.shows)]
    labels = [system.label for system in systems]
    return {s.name: s.label if labels.count(s.label) == 1 else f"{s.label} ({s.name})" for s in systems}


def _write_browser(site: Site, board: Board, split: str) -> None:
    """Captions of the first seed of every system, on the images of which captions are kept."""
    whole = board.splits[split]
    images = sample_images(whole)
    ranked = [system for _, system in tables.lines(board, split, "all") if HEADLINE in system.shows]
    shown = _shown(board)
    boxes = np.diff(whole.offsets)[images]
    heading = f"Samples of {split}"
    if len(images) < whole.n_images:
        heading += f": {len(images):,} of {whole.n_images:,} images"
    with tempfile.TemporaryDirectory(prefix="caponimage-board-") as folder:
        write_browser(
            site,
            f"browser/{split}",
            whole if len(images) == whole.n_images else _part(whole, images, Path(folder)),
            {shown[s.name]: s.statistics[split][0].samples for s in ranked},
            {shown[s.name]: s.statistics[split][0].cider[images] / boxes * 100 for s in ranked},
            heading=heading,
        )


def _part(split: Split, images: Sequence[int], folder: Path) -> Split:
    """A split of some of the images of another, in a folder; pictures stay where they are."""
    wanted = set(images)
    with SplitWriter(folder, split.name) as writer:
        for i, row in enumerate(split.rows()):
            if i in wanted:
                writer.append(row)
    write_description(folder, name=split.dataset, synthetic=split.synthetic, splits={split.name: writer.summary()})
    if (split.directory / "images").is_dir():
        (folder / "images").symlink_to((split.directory / "images").absolute(), target_is_directory=True)
    return open_directory(folder)[split.name]
