"""Configurations small enough for a test; one thread, so that losses and weights repeat."""

import torch

from benchmark.dataset.store import Split
from reference_model.config import Config, override
from reference_model.registry import named
from reference_model.training.inputs import PreparedSplit
from reference_model.training.vocabulary import Vocabulary

torch.set_num_threads(1)

TINY = (
    "model.layers=2",
    "model.width=32",
    "model.heads=4",
    "model.feed_forward=48",
    "model.dropout=0",
    "train.pretrain_updates=6",
    "train.finetune_updates=4",
    "train.batch=24",
    "train.grouped=true",
    "train.warmup=2",
    "train.validate_every=5",
    "train.validate_images=6",
    "train.save_every=2",
    "train.log_every=3",
)


def tiny(variant: str = "full", *overrides: str) -> Config:
    """A variant at a size for tests."""
    return override(named(variant, "mini"), [*TINY, *overrides])


def prepared(split: Split, config: Config, vocabulary: Vocabulary, seed: int = 1) -> PreparedSplit:
    """A split ready for batches."""
    return PreparedSplit(split, config.inputs, vocabulary, seed=seed, keep_images=True)
