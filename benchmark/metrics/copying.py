"""Copy check: how much of the captions comes word for word from the product info or from training (Table A6).

The paper does not say which side is the hypothesis. Its printed BLEU-1 of 0.032 is only possible with the product info
(34.8 characters) as hypothesis and the caption (4.9) as reference: the other way round the brevity penalty alone is
0.0022. Both directions are given; captions against info without the brevity penalty.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from . import bleu
from .corpus import Corpus, characters


@dataclass(frozen=True)
class CopyCheck:
    """Copy rates, all in [0, 1]."""

    info_to_caption: np.ndarray  # BLEU-1..4, info as hypothesis, caption as reference: Table A6
    caption_to_info: np.ndarray  # BLEU-1..4 without brevity penalty, caption as hypothesis
    verbatim_in_train: float | None  # share of captions that are some training caption; None without a train split


def copy_check(
    captions: Sequence[str], infos: Sequence[str], train_captions: Collection[str] | None = None
) -> CopyCheck:
    """Compare each caption with the product info of its image, and with all training captions.

    Args:
        captions: one per box.
        infos: title and attributes of the box's image, one per box.
        train_captions: every caption of the train split, if there is one.
    """
    forward = bleu.statistics(Corpus.from_captions(predictions=infos, references=captions)).sum(axis=0)
    backward = bleu.statistics(Corpus.from_captions(predictions=captions, references=infos)).sum(axis=0)
    backward[-1] = min(backward[-2:])  # reference length, brought down to where the penalty is 1
    verbatim = None
    if train_captions is not None:
        known = {characters(caption) for caption in train_captions}
        verbatim = float(np.mean([characters(caption) in known for caption in captions]))
    return CopyCheck(bleu.aggregate(forward), bleu.aggregate(backward), verbatim)
