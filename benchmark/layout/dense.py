"""Captions of predicted boxes against those of the reference boxes that they are matched with (track joint).

As in dense captioning (Johnson et al. 2016), a caption counts if its box overlaps the reference box enough, and the
numbers are means of the IoU thresholds 0.3 to 0.7. Boxes are matched one to one by the largest sum of IoU. From the sum
of the scores of the pairs that reach a threshold follow

* recall: over the number of reference boxes, so a box that was not found scores 0;
* precision: over the number of predicted boxes, so a box too many scores 0;
* F1: their harmonic mean, twice the sum over both numbers.

CIDEr is that of `metrics.cider`, with the document frequencies of all references of the split; METEOR is the mean of
the segments of `metrics.meteor`, not its corpus value, since pairs and not words are found or missed. The references
themselves reach the ceiling of CIDEr on the split in all three.
"""

from dataclasses import dataclass

import numpy as np

from ..metrics import cider, meteor
from ..metrics.corpus import Corpus
from .corpus import LayoutCorpus
from .similarity import f1_recall_precision

NAMES = ("CIDEr F1", "CIDEr recall", "CIDEr precision", "METEOR F1", "METEOR recall", "METEOR precision")


@dataclass(frozen=True)
class MatchedCaptions:
    """The captions of matched boxes, an empty one for each reference box that has no match.

    Attributes:
        corpus: one pair for each reference box.
        passed: share of the IoU thresholds that the pair reaches, shape (n_boxes,).
    """

    corpus: Corpus
    passed: np.ndarray


def matched_captions(corpus: LayoutCorpus) -> MatchedCaptions:
    """Give each reference box the caption of the predicted box that it is matched with.

    Raises:
        ValueError: if one side has no captions.
    """
    predictions, references = corpus.predictions, corpus.references
    if predictions.captions is None or references.captions is None:
        raise ValueError("the track joint needs captions on both sides")
    captions = [predictions.captions[i] if i >= 0 else "" for i in corpus.matched[0].tolist()]
    made = Corpus.from_captions(predictions=captions, references=references.captions, offsets=references.offsets)
    return MatchedCaptions(made, corpus.passed())


def statistics(corpus: LayoutCorpus) -> np.ndarray:
    """Per image: summed CIDEr and METEOR of matched pairs, boxes of both sides; float64, shape (n_images, 4)."""
    matched = matched_captions(corpus)
    scores = (cider.segment_scores(matched.corpus), meteor.segment_scores(meteor.statistics(matched.corpus)))
    sums = [corpus.references.sum_by_image(values * matched.passed) for values in scores]
    return np.stack([*sums, corpus.predictions.counts, corpus.references.counts], axis=1, dtype=np.float64)


def aggregate(sums: np.ndarray) -> np.ndarray:
    """Values in the order of `NAMES`, CIDEr in [0, 10], METEOR in [0, 1], shape (..., 4) to (..., 6)."""
    found, aligned, predicted, expected = np.moveaxis(sums, -1, 0)
    rates = [f1_recall_precision(values, predicted, expected) for values in (found, aligned)]
    return np.concatenate(rates, axis=-1)
