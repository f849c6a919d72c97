"""Learning rates by update (paper_vs_code: rates, batch, optimiser)."""

from reference_model.config import TrainConfig


def rates(train: TrainConfig, width: int, update: int) -> tuple[float, float]:
    """Learning rates of an update.

    Noam: d^-0.5 min(s^-0.5, s warmup^-1.5) with s counted from 1, constant for the backbone; then fine-tuning from
    `finetune_rate`, halved at equal distances in its first quarter of 200,000 updates (or of its own length if
    shorter). Trapezoid (the mini profile): a linear rise, constant, and a linear fall to 0 in the last `fall` of the
    run, the same for the backbone. Drops (recipes of the baselines' authors): a linear rise, then constant but for a
    drop at each of some shares of the run.

    Args:
        train: options of the schedule.
        width: width d of the model.
        update: the update's number, from 0.

    Returns:
        The learning rate of the main parameters, and that of the backbone.
    """
    updates = train.pretrain_updates + train.finetune_updates
    if train.schedule == "trapezoid":
        left = (updates - update) / max(1.0, train.fall * updates)
        rate = train.rate * min(1.0, (update + 1) / train.warmup, left)
        return rate, rate
    if train.schedule == "drops":
        done = update / updates
        rate = train.rate * min(1.0, (update + 1) / train.warmup) * train.drop ** sum(done >= at for at in train.drops)
        return rate, train.backbone_rate or rate
    if update < train.pretrain_updates:
        step = update + 1
        rate = train.rate * width**-0.5 * min(step**-0.5, step * train.warmup**-1.5)
        return rate, train.backbone_rate or rate
    into = update - train.pretrain_updates
    span = min(50_000, train.finetune_updates)
    halvings = min(train.finetune_halvings, into * train.finetune_halvings // span) if span else 0
    return train.finetune_rate / 2**halvings, train.finetune_backbone_rate / 2**halvings
