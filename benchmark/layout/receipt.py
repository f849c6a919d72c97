"""The receipt of a score on a layout track, and the tables of one; `benchmark.verify` recomputes it.

It has the form of the receipts of captions (`scoring.receipt`) with another name of the format, so neither is taken for
the other. Beside data and layouts it pins the maps that were looked at.

Invariants: those of `scoring.receipt`; a receipt stays valid when metrics are added.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from ..dataset.store import Split
from ..errors import InputError
from ..grid import SYNTHETIC_NOTE, Grid, number, span
from ..scoring.receipt import LAYOUT_FORMAT, about, difference, plain, versions_of, without
from ..scoring.significance import RESAMPLES, SEED
from . import TRACKS
from .evaluation import LayoutEvaluation
from .layouts import Layouts

#: Version of what all metrics of layouts share: matching, valid boxes, bootstrap.
LAYOUT_VERSION = "1"

_VERSION = re.compile("[1-9][0-9]{0,8}")


def make_layout_receipt(split: Split, evaluation: LayoutEvaluation, *, slices: bool = True) -> dict[str, Any]:
    """Make the receipt of an evaluation, ready for JSON (floats at full precision, null for undefined numbers).

    Args:
        split: split that was evaluated.
        evaluation: evaluation of the predictions on that split.
        slices: whether to include scores by category and by number of boxes.
    """
    corpus = evaluation.corpus
    scores, data = evaluation.scores, about(split)  # the scores first: they read the maps
    versions = {metric.name: metric.version for part in evaluation.parts for metric in part.metrics}
    maps = {"saliency": corpus.saliency, "canvases": corpus.gradient}
    receipt = {
        "format": LAYOUT_FORMAT,
        "signature": _signature(data, evaluation.track, versions, {k: m.source for k, m in maps.items() if m}),
        "track": evaluation.track,
        "data": data,
        "sha256": {
            "predictions": _digest(corpus.predictions),
            "references": _digest(corpus.references),
            **{name: one.hexdigest() for name, one in maps.items() if one is not None},
        },
        "maps": {name: one.source for name, one in maps.items() if one is not None},
        "metrics": versions,
        "scores": scores,
        "intervals": evaluation.intervals(),
    }
    if slices:
        receipt["slices"] = evaluation.slice_scores(split)
    receipt["versions"] = versions_of(LAYOUT_VERSION)
    return plain(receipt)


def _signature(data: Mapping[str, Any], track: str, versions: Mapping[str, str], maps: Mapping[str, str]) -> str:
    raised = "".join(f"|{m.key}:v{versions[m.name]}" for m in TRACKS[track] if versions.get(m.name, "1") != "1")
    return (
        f"caponimage-{track}|data:{data['name']}/{data['split']}@{data['fingerprint'][:8]}|iou:0.3-0.7"
        f"|saliency:{maps.get('saliency', 'none')}|canvases:{maps.get('canvases', 'none')}{raised}"
        f"|boot:{RESAMPLES},seed{SEED}|v{LAYOUT_VERSION}"
    )


def _digest(layouts: Layouts) -> str:
    """SHA-256 of layouts: a line per box with its image, coordinates in full precision, and caption."""
    digest = hashlib.sha256()
    captions = layouts.captions or [""] * len(layouts.boxes)
    rows = zip(layouts.image_of_box.tolist(), layouts.boxes.tolist(), captions, strict=True)
    for image, box, caption in rows:
        digest.update(f"{image} {' '.join(map(repr, box))} {caption}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def stored_track(receipt: Mapping[str, Any]) -> str:
    """The track of a receipt.

    Raises:
        InputError: if it has none, or its versions are not known here.
    """
    track, versions = receipt.get("track"), receipt.get("metrics")
    if track not in TRACKS:
        raise InputError(f"track: got {track!r:.80}, expected {' or '.join(TRACKS)}")
    common = receipt.get("versions")
    common = common.get("metrics") if isinstance(common, dict) else None
    if common != LAYOUT_VERSION:
        raise InputError(f"versions.metrics: got {common!r:.40}, expected {LAYOUT_VERSION!r}; score again")
    if not isinstance(versions, dict) or not versions:
        raise InputError(f"metrics: got {versions!r:.80}, expected the version of each metric")
    present = {metric.name: metric.version for metric in TRACKS[track]}
    problems = []
    for name, version in versions.items():
        if name not in present or not isinstance(version, str) or not _VERSION.fullmatch(version):
            problems.append(f"metrics: {name[:40]!a} version {version!r:.20} is not known here; update the package")
        elif version != present[name]:
            problems.append(f"metrics: {name} has version {version}, this is version {present[name]}; score again")
    if problems:
        raise InputError(*problems[:5])
    return str(track)


def layout_difference(stored: Mapping[str, Any], recomputed: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """The first difference of a receipt from a recomputed one, and the metrics that were added since it was made.

    The metrics of the first release cannot be left out, but where their maps are missing on both sides.
    """
    by_name = {metric.name: metric for metric in TRACKS[str(stored["track"])]}
    later = [name for name in recomputed["metrics"] if name not in stored["metrics"] and by_name[name].since]
    found = difference(dict(stored), without(recomputed, later, ()))
    return found, later


def layout_tables(receipt: Mapping[str, Any], *, slices: bool) -> list[Grid]:
    """Tables of a receipt: scores with their intervals, and slices on request."""
    data, track = receipt["data"], receipt["track"]
    title = f"{data['name']}, {data['split']}, track {track}: {data['images']} images, {data['boxes']} reference boxes"
    grid = Grid(title, ["metric", "score", "95 % interval"])
    for name, value in receipt["scores"].items():
        low, high = receipt["intervals"][name]
        grid.add(name, number(value), span(low, high) if low is not None else "")
    grid.notes = [
        *_notes_on_maps(receipt),
        "what each number means, and which ones a trivial layout wins: docs/layout.md",
        *([SYNTHETIC_NOTE] if data["synthetic"] else []),
        f"known split {data['known_split']}" if data["known_split"] else "unpinned data set (fingerprint not known)",
        receipt["signature"],
    ]
    grids = [grid]
    for by, parts in receipt["slices"].items() if slices else ():
        shown = [m.name for m in TRACKS[track] if m.slices and m.name in receipt["scores"]]
        grids.append(Grid(f"by {by}", [by, "images", *shown]))
        for name, scores in parts.items():
            grids[-1].add(name, scores["images"], *(number(scores[column]) for column in shown))
    return grids


def _notes_on_maps(receipt: Mapping[str, Any]) -> list[str]:
    """What was not measured, and which option would have it measured."""
    wanted = (
        ("Occlusion", "Occlusion and Utility", "maps of what is salient: --saliency DIR"),
        ("Unreadability", "Unreadability", "canvases, which are pictures without texts: --canvases DIR, or mini"),
    )
    missing = [
        f"not measured: {names}, for want of {what}" for one, names, what in wanted if one not in receipt["scores"]
    ]
    sources = ", ".join(f"{name} from {source}" for name, source in receipt["maps"].items())
    return missing + ([f"maps: {sources}"] if sources else [])
