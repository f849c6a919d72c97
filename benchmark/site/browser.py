"""Writes the sample browser: every image of a split with its boxes, references and the captions of two systems.

    PLACE/index.html           the page
    PLACE/data/index.js        filters, one character per box; `ids.js` and `scores/<system>.js` are loaded when needed
    PLACE/data/rows/<n>.js     ids, texts, boxes and references of `SHARD` images; `captions/<system>/<n>.js` likewise
    PLACE/images/<n>/<m>.webp  pictures, bounded in size

A page from disk may load scripts but no data files, so each data file is a script that passes on one JSON value.

Invariants:
* the first view loads only a few characters per box and one score per image of the whole split, and one page of images;
* captions are untrusted: they are stored as JSON strings, cut at `MAX_CHARACTERS`, and become text nodes, never markup;
  no file name comes from an id or a caption;
* filters are the slices of the score tables (`benchmark.scoring.slices`), so that the images of a slice can be viewed.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np
from PIL import Image

from ..dataset.store import Split
from ..metrics import cider
from ..scoring.evaluation import Evaluation
from ..scoring.slices import cuts

if TYPE_CHECKING:
    from .pages import Site

SHARD = 50  # images per file
MAX_CHARACTERS = 1000  # longest text that is shown whole; further characters are only counted
MAX_SIDE, QUALITY = 512, 78  # longer side of pictures in pixels, and their WebP quality
_FIRST_CODE = 35  # label k is stored as the character 35 + k ("#" + k), which is never a quote


def write_browser(
    site: "Site",
    place: str,
    split: Split,
    captionings: Mapping[str, Sequence[str]],
    scores: Mapping[str, np.ndarray],
    labels: Mapping[str, Sequence[str]] | None = None,
    *,
    heading: str = "Sample browser",
    withhold: bool = False,
) -> Path:
    """Write the browser of one split.

    Args:
        site: site to write into.
        place: folder in the site, such as "browser/test".
        split: split with references; if it has no pictures, boxes are shown on a blank sheet.
        captionings: captions by system, one per box; the first two systems are shown at first.
        scores: CIDEr of each image in table scale by system, shape (n_images,), see `image_scores`.
        labels: labels of further filters by name, such as "caption type"; one per box.
        heading: heading of the page.
        withhold: whether to leave out everything but ids, boxes and captions: references, pictures, product info,
            scores of images, and filters, which tell of the references, too.

    Returns:
        Path of the page; `link` makes addresses into it.

    Raises:
        InputError: if the references of the split are hidden.
        ValueError: if a system has no scores, or captions, scores or labels are not as many as they should be.
    """
    _check(split, captionings, scores, labels or {})
    data = site.folder / place / "data"
    pictures = not withhold and split.image_path(split.image_ids[0]).is_file()
    filters = [*_slice_filters(split), *(_filter(name, "box", values) for name, values in (labels or {}).items())]
    filters = [] if withhold else filters
    index = {
        "images": split.n_images,
        "shard": SHARD,
        "pictures": pictures,
        "systems": list(captionings),
        "filters": filters,
        "boxes": _codes(np.diff(split.offsets).tolist()),
    }
    _write(data, "index", index)
    _write(data, "ids", split.image_ids)
    for k, name in enumerate(captionings):
        told = [round(10 * v) if np.isfinite(v) and not withhold else None for v in scores[name].tolist()]
        _write(data, f"scores/{k}", told)
    for shard, first in enumerate(range(0, split.n_images, SHARD)):
        images = range(first, min(first + SHARD, split.n_images))
        _write(data, f"rows/{shard}", [_withheld(_row(split, i)) if withhold else _row(split, i) for i in images])
        for k, captions in enumerate(captionings.values()):
            _write(data, f"captions/{k}/{shard}", [[_bounded(captions[b]) for b in _boxes(split, i)] for i in images])
    if pictures:
        _write_pictures(split, site.folder / place / "images")
    about = {"dataset": split.dataset, "split": split.name, "images": split.n_images, "boxes": split.n_boxes}
    return site.page(f"{place}/index.html", "browser.html.j2", heading=heading, about=about)


def link(a: str = "", b: str = "", image_id: str = "", **more: str) -> str:
    """Fragment of an address into a sample browser, such as "#a=full&b=baseline": systems, image, order and filters."""
    state = {"a": a, "b": b, "image": image_id} | more
    return "#" + urlencode({key: value for key, value in state.items() if value}, errors="replace")


def image_scores(evaluation: Evaluation) -> np.ndarray:
    """CIDEr of each image in table scale, mean over its boxes; shape (n_images,)."""
    corpus = evaluation.corpus
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(100 * cider.aggregate(corpus.sum_by_image(cider.statistics(corpus)))[:, 0])


def _check(
    split: Split,
    captionings: Mapping[str, Sequence[str]],
    scores: Mapping[str, np.ndarray],
    labels: Mapping[str, Sequence[str]],
) -> None:
    if set(captionings) != set(scores):
        raise ValueError(
            f"captions of {sorted(captionings)}, but scores of {sorted(scores)}; expected the same systems"
        )
    for name, values in [*captionings.items(), *labels.items()]:
        if len(values) != split.n_boxes:
            raise ValueError(f"{name!r}: got {len(values)} values, expected {split.n_boxes}, one per box")
    for name, numbers in scores.items():
        if len(numbers) != split.n_images:
            raise ValueError(f"{name!r}: got {len(numbers)} scores, expected {split.n_images}, one per image")


def _slice_filters(split: Split) -> Iterator[dict[str, Any]]:
    """The slices of a split as filters, in their order."""
    for cut in cuts(split):
        of, codes = ("box", cut.slices) if cut.image_slices is None else ("image", cut.image_slices)
        yield {"name": cut.by, "of": of, "values": list(cut.names), "codes": _codes(codes.tolist())}


def _filter(name: str, of: str, labels: Sequence[str]) -> dict[str, Any]:
    values = sorted(set(labels))
    place = {value: k for k, value in enumerate(values)}
    return {"name": name, "of": of, "values": values, "codes": _codes([place[label] for label in labels])}


def _codes(numbers: Sequence[int]) -> str:
    return "".join(chr(_FIRST_CODE + number) for number in numbers)


def _boxes(split: Split, image: int) -> range:
    return range(int(split.offsets[image]), int(split.offsets[image + 1]))


def _row(split: Split, image: int) -> list[Any]:
    """The data of one image: id, title, attributes, width, height, boxes in thousandths, references."""
    boxes = _boxes(split, image)
    corners = np.rint(1000 * split.boxes[boxes.start : boxes.stop]).astype(np.int64).tolist()
    texts = [_bounded(text) for text in (split.image_ids[image], split.titles[image], split.attributes[image])]
    return [*texts, *split.sizes[image].tolist(), corners, [_bounded(split.captions[b]) for b in boxes]]


def _withheld(row: list[Any]) -> list[Any]:
    """The data of one image without product info and references."""
    image_id, _, _, width, height, corners, references = row
    return [image_id, "", "", width, height, corners, [None] * len(references)]


def _bounded(text: str) -> str:
    beyond = len(text) - MAX_CHARACTERS
    return text if beyond <= 0 else f"{text[:MAX_CHARACTERS]}… [{beyond:,} more characters]"


def _write(data: Path, key: str, value: Any) -> None:
    """Write a script that hands one JSON value to the page; a lone surrogate, which UTF-8 lacks, becomes an escape."""
    path = data / f"{key}.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    path.write_bytes(f'caponimage("{key}",{text});\n'.encode("utf-8", "backslashreplace"))


def _write_pictures(split: Split, folder: Path) -> None:
    for shard in range(0, split.n_images, SHARD):
        (folder / str(shard // SHARD)).mkdir(parents=True, exist_ok=True)

    def write(i: int) -> None:
        picture = split.image(split.image_ids[i])
        picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
        picture.save(folder / str(i // SHARD) / f"{i % SHARD}.webp", "WEBP", quality=QUALITY)

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for _ in pool.map(write, range(split.n_images)):
            pass
