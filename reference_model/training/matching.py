"""Caption Matching: the schedule of the levels and the drawing of negatives (paper, section 4.2; equations 6 to 8).

A negative is a caption that does not belong to its box. It comes from another image (level I), from another box of the
image (level II), or from the nearest previous or next box (level III). The release draws them differently
(paper_vs_code: level2, fixed-mix, redraw).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reference_model.config import MatchingConfig
from reference_model.neighbors import MISSING

#: Most draws of a negative of level I; more would only be needed if all images had the same captions.
REDRAWS = 100
#: Length of the paper's pre-training, for which equations 6 and 7 are made.
PAPER_STEPS = 200_000


def level_shares(step: float, normalise: str = "clip") -> tuple[float, float, float]:
    """Shares of the three levels among the negatives: p_1 by equation 6, p_2 by equation 8, p_3 by equation 7.

    The three do not add up to 1 below step 33 and above step 296,663. `clip` (default) takes the excess from level I,
    so that it is gone where level III is all, as the paper's text wants; `divide` divides by the sum.

    Args:
        step: step_num of the equations, 1 or more.
        normalise: see `MatchingConfig.normalise`.
    """
    first = min(1.0, 2 * step**-0.2)
    third = min(1.0, step * 5000**-1.5)
    if normalise == "clip":
        first = min(first, 1 - third)
        return first, max(0.0, 1 - first - third), third
    second = max(0.0, 1 - first - third)
    total = first + second + third
    return first / total, second / total, third / total


def shares_at(config: MatchingConfig, update: int, cm_updates: int, updates: int) -> tuple[float, float, float]:
    """Shares of the levels at an update of pre-training.

    Args:
        config: options of the schedule.
        update: the update's number, from 0.
        cm_updates: number of Caption Matching updates before this one.
        updates: number of updates in pre-training.
    """
    if config.strategy == "fixed":
        return config.fixed_mix
    step = float(1 + (cm_updates if config.step == "cm_only" else update))
    if config.time_scale:
        step = max(1.0, step * PAPER_STEPS / updates)
    return level_shares(step, config.normalise)


@dataclass(frozen=True)
class Negatives:
    """Pairs of box and caption that Caption Matching shows in place of the true ones, (B,) each.

    Attributes:
        place: the box whose location is shown, by its position in the split.
        caption: the box whose caption is shown, by its position in the split.
        labels: 1 where the caption belongs to the place.
        levels: 0 for untouched pairs, else 1 to 3.
    """

    place: np.ndarray
    caption: np.ndarray
    labels: np.ndarray
    levels: np.ndarray


def draw_negatives(
    boxes: np.ndarray,
    first: np.ndarray,
    count: np.ndarray,
    nearest: np.ndarray,
    text: Callable[[int], bytes],
    n_texts: int,
    config: MatchingConfig,
    shares: tuple[float, float, float],
    random: np.random.Generator,
) -> Negatives:
    """Replace captions (or, at the release's level II, locations).

    Args:
        boxes: the boxes of the batch, by their position in the split, (B,).
        first: position of the first box of each box's image, (B,).
        count: number of boxes of that image, (B,).
        nearest: nearest previous and next box, counted within the image, or MISSING; (B, 2).
        text: the caption of a box of the split, as a comparable value.
        n_texts: number of boxes of the split.
        config: options of Caption Matching.
        shares: shares of the levels, see `level_shares`.
        random: source of all draws.
    """
    n = len(boxes)
    place, caption = boxes.copy(), boxes.copy()
    levels = np.where(random.random(n) < config.negatives, 1 + random.choice(3, n, p=np.array(shares)), 0)
    for i in np.flatnonzero(levels):
        own = range(first[i], first[i] + count[i])
        if levels[i] == 1:
            own_texts = {text(b) for b in own} if config.redraw else set()
            for _ in range(REDRAWS):
                caption[i] = random.integers(n_texts)
                if text(caption[i]) not in own_texts:
                    break
        elif levels[i] == 2:
            other = random.integers(count[i])
            while config.redraw and own[other] == boxes[i] and count[i] > 1:
                other = random.integers(count[i])
            (place if config.level2 == "location" else caption)[i] = own[other]
        else:
            sides = nearest[i]
            side = int(random.integers(2))
            if sides[side] == MISSING and config.redraw:
                side = 1 - side
            if sides[side] != MISSING:
                caption[i] = own[sides[side]]
    # The release calls every replacement from elsewhere negative, though the text may be the same.
    replaced = (place != boxes) | (caption != boxes)
    labels = np.where(levels == 1, 0, np.where(replaced, 0, 1))
    return Negatives(place, caption, labels, np.where(labels == 1, 0, levels))
