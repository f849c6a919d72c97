"""Accuracy of Caption Matching by level."""

import torch
from tiny_runs import prepared, tiny

from benchmark.dataset.store import Split
from reference_model.model import ReferenceModel
from reference_model.training.vocabulary import Vocabulary
from reports.matching import accuracy


def test_a_model_that_always_says_yes(splits: dict[str, Split], vocabulary: Vocabulary) -> None:
    """Labels the wrong way round, or levels that are counted together."""
    config = tiny("full")
    model = ReferenceModel(config, len(vocabulary)).eval()
    assert model.matching_head is not None
    with torch.no_grad():
        model.matching_head.bias.fill_(100.0)
    data = prepared(splits["val"], config, vocabulary)
    assert accuracy(model, data, config) == [1, 0, 0, 0]
    with torch.no_grad():
        model.matching_head.bias.fill_(-100.0)
    assert accuracy(model, data, config) == [0, 1, 1, 1]
