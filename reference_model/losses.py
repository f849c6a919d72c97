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
        logits: (N, V).
        targets: (N,), none of them PAD.
        smoothing: 0 gives the negative log-likelihood.

    Returns:
        (N,), 0 at the best possible prediction.
    """
    log_p = functional.log_softmax(logits.float(), dim=-1)
    at_target = log_p.gather(1, targets[:, None]).squeeze(1)
    if smoothing == 0:
        return -at_target
    other = smoothing / (logits.shape[1] - 2)
    rest = log_p.sum(dim=1) - at_target - log_p[:, PAD]
    entropy = (1 - smoothing) * math.log(1 - smoothing) + smoothing * math.log(other)
    return entropy - (1 - smoothing) * at_target - other * rest


def generation_loss(logits: Tensor, targets: Tensor, real: Tensor, smoothing: float, reduce: str) -> Tensor:
    """The loss of Caption Generation, L_CG (the paper's unnumbered equation in section 4.2, negative log-likelihood).

    It is summed over characters (`token`), or over captions of their mean as in the paper (`caption`); see
    paper_vs_code: reduce.

    Args:
        logits: of the real positions, row by row, (N, V).
        targets: (B, T).
        real: which targets count, (B, T), N in all.
        smoothing: see `smoothed_divergence`.
        reduce: `GenerationConfig.reduce`.

    Returns:
        A scalar.
    """
    losses = smoothed_divergence(logits, targets[real], smoothing)
    if reduce == "caption":
        losses = losses / real.sum(dim=1)[:, None].expand_as(real)[real]
    return losses.sum()


def matching_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """The loss of Caption Matching, L_CM, summed over captions: equation 9, or cross entropy of two classes.

    See paper_vs_code: matching-head.

    Args:
        scores: (B, 1) logit of "belongs here", or (B, 2) of "does not", "does".
        labels: (B,) 1 or 0.
    """
    if scores.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(scores[:, 0].float(), labels.float(), reduction="sum")
    return functional.cross_entropy(scores.float(), labels.long(), reduction="sum")


def matching_logit(scores: Tensor) -> Tensor:
    """Logit of "belongs here" from either head, (B,)."""
    return scores[:, 0] if scores.shape[1] == 1 else scores[:, 1] - scores[:, 0]
