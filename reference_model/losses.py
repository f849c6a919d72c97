"""The losses of both tasks, as sums; the caller divides by the number of targets of the whole update.

Summing first is what makes one process, many processes and accumulated batches train alike.
"""

import math

from torch import Tensor
from torch.nn import functional

from reference_model.batch import PAD


def smoothed_divergence(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """KL divergence from the smoothed targets, per target (paper_vs_code: label-smoothing).

    The target class has 1 - smoothing, every other class but PAD smoothing / (V - 2), PAD nothing. PyTorch's own label
    smoothing is another function: it spreads over all V classes.

    Args:
        logits: scores of the vocabulary, (N, V).
        targets: character ids, none of them PAD, (N,).
        smoothing: probability taken from the target; 0 gives the negative log-likelihood.

    Returns:
        Divergences, 0 at the best possible prediction, (N,).
    """
    log_p = functional.log_softmax(logits.float(), dim=-1)
    at_target = log_p.gather(1, targets[:, None]).squeeze(1)
    if smoothing == 0:
        return -at_target
    other = smoothing / (logits.shape[1] - 2)
    rest = log_p.sum(dim=1) - at_target - log_p[:, PAD]
    entropy = (1 - smoothing) * math.log(1 - smoothing) + smoothing * math.log(other)
    return entropy - (1 - smoothing) * at_target - other * rest


def generation_loss(logits: Tensor, targets: Tensor, places: Tensor, smoothing: float, reduce: str) -> Tensor:
    """The loss of Caption Generation, equation 5.

    Losses of characters are summed (`token`), or averaged over each caption as in the paper and then summed
    (`caption`); see paper_vs_code: reduce. Without smoothing they are the equation's negative log-likelihoods.

    Args:
        logits: scores at the positions whose targets count, row by row, (N, V).
        targets: character ids, PAD where there is none, (B, T).
        places: rows and columns of the targets that count, (2, N); see `Batch.target_places`.
        smoothing: see `smoothed_divergence`.
        reduce: `GenerationConfig.reduce`.

    Returns:
        A scalar.
    """
    return summed(smoothed_divergence(logits, targets[places[0], places[1]], smoothing), targets, places, reduce)


def summed(losses: Tensor, targets: Tensor, places: Tensor, reduce: str) -> Tensor:
    """The sum of the losses of characters, (N,), weighted as `reduce` says; see `generation_loss`."""
    if reduce == "caption":
        losses = losses / (targets != PAD).sum(dim=1)[places[0]]
    return losses.sum()


def matching_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """The loss of Caption Matching, equation 9, summed over captions; or the release's cross entropy of two classes.

    See paper_vs_code: matching-head.

    Args:
        scores: logits of "the caption belongs to the box", (B, 1), or of "it does not" and "it does", (B, 2).
        labels: r of equation 9, 1 where the caption belongs to the box, else 0, (B,).
    """
    if scores.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(scores[:, 0].float(), labels.float(), reduction="sum")
    return functional.cross_entropy(scores.float(), labels.long(), reduction="sum")


def matching_logit(scores: Tensor) -> Tensor:
    """Logit of "the caption belongs to the box" from either head, (B,); its sigmoid is s of equation 9."""
    return scores[:, 0] if scores.shape[1] == 1 else scores[:, 1] - scores[:, 0]
