"""Measure predicted layouts against those of a split, in all metrics of a track.

The invariants are those of `scoring.evaluation`: the same layouts give the same bits, in any order of boxes and lines.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from ..dataset.store import Split
from ..scoring.evaluation import Additive, Part
from ..scoring.slices import cuts
from . import JOINT, by_module, load
from .corpus import LayoutCorpus
from .layouts import Layouts
from .maps import Maps

#: Cuts into slices that consist of whole images: by category, and by the number of reference boxes.
_WHOLE_IMAGES = 2


@dataclass(frozen=True)
class LayoutEvaluation(Additive):
    """Predicted layouts measured against the references of a split.

    Attributes:
        corpus: predictions, references and maps.
        track: "layout" or "joint".
    """

    corpus: LayoutCorpus
    track: str

    @cached_property
    def parts(self) -> list[Part]:
        """Statistics of every metric module of the track, without those whose maps are missing."""
        parts = []
        for name, metrics in by_module(self.track).items():
            module = load(name)
            statistics = module.statistics(self.corpus)
            if statistics is not None:
                parts.append(Part(metrics, statistics, module.aggregate))
        return parts

    @property
    def missing(self) -> list[str]:
        """Names of the metrics that are not measured, since their maps are missing."""
        return [
            metric.name
            for metrics in by_module(self.track).values()
            for metric in metrics
            if metric.name not in self.names
        ]

    def slice_scores(self, split: Split) -> dict[str, dict[str, dict[str, float]]]:
        """Scores by slice of whole images: {"category": {"面霜": {"images": 120, "Match": ...}}}."""
        tables: dict[str, dict[str, dict[str, float]]] = {}
        for cut in islice(cuts(split), _WHOLE_IMAGES):
            if cut.image_slices is None:
                continue
            images = np.bincount(cut.image_slices, minlength=len(cut.names))
            tables[cut.by] = {name: {"images": n} for name, n in zip(cut.names, images.tolist(), strict=True)}
            for part in self.parts:
                found = part.slice_scores(cut.image_slices, len(cut.names))
                for name, scores in zip(cut.names, found, strict=True):
                    tables[cut.by][name] |= scores
        return tables


def evaluate_layouts(split: Split, predictions: Layouts, track: str, maps: Maps | None = None) -> LayoutEvaluation:
    """Evaluate predicted layouts.

    Args:
        split: split that they were predicted for.
        predictions: one layout for each image of the split, in its order; with captions on the track joint.
        track: "layout" or "joint".
        maps: saliency maps and canvases; without, the metrics that need them are left out.

    Raises:
        InputError: if the track is joint and the captions of the split are hidden, or a map is missing or damaged.
    """
    references = Layouts.of_split(split, captions=track == JOINT)
    maps = maps or Maps()
    corpus = LayoutCorpus(predictions, references, split.sizes, maps.saliency_of(split), maps.gradient_of(split))
    return LayoutEvaluation(corpus, track)
