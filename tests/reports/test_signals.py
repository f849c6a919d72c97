"""Visualness of RSTNet and the share that M4C copies, over a whole split."""

import pytest
import torch
from tiny_runs import prepared, tiny

from baselines.m4c.model import M4CCaptioner
from baselines.rstnet.model import RSTNet, RSTNetDecoderLayer
from benchmark.dataset.store import Split
from reference_model.training.vocabulary import Vocabulary
from reports import signals


def test_a_pointer_that_is_shut_copies_nothing(splits: dict[str, Split], vocabulary: Vocabulary) -> None:
    """A share of vocabulary and copies the wrong way round, or one of padding."""
    config = tiny("m4c-copy")
    model = M4CCaptioner(config, len(vocabulary)).eval()
    data = prepared(splits["val"], config, vocabulary)
    assert 0 < signals.mean_share(model, data) < 1
    with torch.no_grad():
        model.pointer_query.weight.zero_()
        model.pointer_query.bias.zero_()
        open_share = signals.mean_share(model, data)
        # The same scores for every copy, far below all of the vocabulary.
        model.pointer_query.bias.fill_(100.0)
        model.pointer_key.weight.zero_()
        model.pointer_key.bias.fill_(-100.0)
    assert signals.mean_share(model, data) < 1e-6 < open_share


def test_batches_do_not_change_the_mean(
    splits: dict[str, Split], vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mean of means, in which the characters of a small last batch count more."""
    config = tiny("rstnet")
    model = RSTNet(config, len(vocabulary)).eval()
    assert isinstance(model.decoder[-1], RSTNetDecoderLayer)
    data = prepared(splits["val"], config, vocabulary)
    whole = signals.mean_share(model, data)
    assert 0 < whole < 1
    monkeypatch.setattr(signals, "BOXES", 7)
    assert signals.mean_share(model, data) == pytest.approx(whole, abs=1e-5)
