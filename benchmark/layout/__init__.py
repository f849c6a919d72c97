"""The layout tracks: predict where captions stand (layout), or boxes and captions together (joint), and score both.

The registry of their metrics is here, in the form of the registry for captions (`benchmark.metrics`): a module offers
`NAMES`, `statistics(corpus)` with one additive row per image, and `aggregate(sums)`. `docs/layout.md` says what each
number means and which ones a trivial layout wins.

Invariant: modules are named as text and imported on their first use.
"""

from importlib import import_module
from types import ModuleType

from ..metrics import Metric

#: The track of captions for given boxes, which `benchmark.metrics` and `benchmark.predictions` serve, and those here.
CAPTION, LAYOUT, JOINT = "caption", "layout", "joint"

#: Metrics of the track layout, in the order of the tables; those of one module are adjacent.
LAYOUT_METRICS: tuple[Metric, ...] = (
    Metric("Match", "similarity", level="image", slices=True),
    Metric("MaxIoU", "similarity", level="image", slices=True),
    Metric("Box F1", "similarity", level="image", slices=True),
    Metric("Box recall", "similarity", level="image"),
    Metric("Box precision", "similarity", level="image"),
    Metric("MMD", "distribution", level="image", higher_is_better=False, interval=False),
    Metric("Count error", "geometry", unit="boxes", level="image", higher_is_better=False, slices=True),
    Metric("Boxes", "geometry", unit="boxes", level="image", higher_is_better=None),
    Metric("Validity", "geometry", level="image"),
    Metric("Overlap", "geometry", level="image", higher_is_better=False, slices=True),
    Metric("Misalignment", "geometry", level="image", higher_is_better=False, slices=True),
    Metric("Occlusion", "saliency", level="image", higher_is_better=False, slices=True),
    Metric("Utility", "saliency", level="image", slices=True),
    Metric("Unreadability", "readability", level="image", higher_is_better=False, slices=True),
)

#: What the track joint adds: captions of matched boxes, and captions by themselves.
JOINT_METRICS: tuple[Metric, ...] = (
    Metric("CIDEr F1", "dense", level="image", slices=True),
    Metric("CIDEr recall", "dense", level="image"),
    Metric("CIDEr precision", "dense", level="image"),
    Metric("METEOR F1", "dense", level="image", slices=True),
    Metric("METEOR recall", "dense", level="image"),
    Metric("METEOR precision", "dense", level="image"),
    Metric("Div@1", "captions", level="image", slices=True),
    Metric("Div@2", "captions", level="image", slices=True),
    Metric("Overflow", "captions", level="image", higher_is_better=False),
    Metric("Underfill", "captions", level="image", higher_is_better=False),
)

#: Track -> its metrics, the first of which ranks systems.
TRACKS: dict[str, tuple[Metric, ...]] = {LAYOUT: LAYOUT_METRICS, JOINT: (*JOINT_METRICS, *LAYOUT_METRICS)}


def by_module(track: str) -> dict[str, tuple[Metric, ...]]:
    """The metrics of each module of a track, in the order of the tables."""
    modules = dict.fromkeys(metric.module for metric in TRACKS[track])
    return {module: tuple(metric for metric in TRACKS[track] if metric.module == module) for module in modules}


def load(module: str) -> ModuleType:
    """Import a metric module of this package."""
    return import_module(f".{module}", __name__)
