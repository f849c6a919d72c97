"""Beams in the order of the matching head."""

import numpy as np
import torch
from tiny_runs import prepared, tiny

from benchmark.dataset.store import Split
from reference_model.model import ReferenceModel
from reference_model.training.batches import collate
from reference_model.training.decoding import beam_search, search_beams
from reference_model.training.vocabulary import Vocabulary
from reports.rerank import matching_scores, orders

Splits = dict[str, Split]


def model_of(vocabulary: Vocabulary) -> ReferenceModel:
    torch.manual_seed(1)
    model = ReferenceModel(tiny("full"), len(vocabulary)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def test_beams_come_best_first_and_are_different(splits: Splits, vocabulary: Vocabulary) -> None:
    """A list of beams whose first is not the caption of beam search, or one caption several times."""
    model = model_of(vocabulary)
    batch = collate(prepared(splits["val"], tiny("full"), vocabulary), np.arange(12), sos=True)
    found = search_beams(model, batch, 6, 4)
    assert [captions[0] for captions, _ in found] == beam_search(model, batch, 6, 4)
    for captions, means in found:
        assert means == sorted(means, reverse=True)
        assert len(set(map(tuple, captions))) == 4


def test_a_caption_is_scored_with_its_own_box(splits: Splits, vocabulary: Vocabulary) -> None:
    """Captions that are compared with the box beside theirs; padding that a shorter caption sees."""
    model, data = model_of(vocabulary), prepared(splits["val"], tiny("full"), vocabulary)
    captions = [[[7, 8, 9], [9]], [[6, 6], [5, 7, 9, 11]], [[8], [10, 12]]]
    together = matching_scores(model, data, np.arange(3), captions)
    for box in range(3):
        for beam in range(2):
            alone = matching_scores(model, data, np.array([box]), [[captions[box][beam]]])
            np.testing.assert_allclose(together[box, beam], alone[0, 0], rtol=1e-4)
    assert len(set(together.ravel().round(4).tolist())) == 6


def test_each_order_puts_its_own_caption_first(splits: Splits) -> None:
    """Orders that are swapped, or a bound that is none."""
    split = splits["val"]
    captions = [["无", caption, "没有"] for caption in split.captions]
    likely = np.tile([-1.0, -2.0, -1.5], (split.n_boxes, 1))
    fitting = np.tile([-3.0, -4.0, -0.1], (split.n_boxes, 1))
    found = {name: set(places.tolist()) for name, places in orders(split, captions, likely, fitting).items()}
    assert list(found.values()) == [{0}, {2}, {2}, {1}]
