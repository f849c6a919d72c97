"""The network: what it may and may not see, and that its shortcuts change nothing."""

import dataclasses

import numpy as np
import pytest
import torch
from tiny_runs import prepared, tiny

from benchmark.dataset.store import Split
from reference_model.batch import EOS, PAD, SOS, Batch
from reference_model.config import Config
from reference_model.model import ReferenceModel
from reference_model.training.batches import collate
from reference_model.training.decoding import beam_search, greedy
from reference_model.training.vocabulary import Vocabulary
from reference_model.transformer import generation_mask, matching_mask
from reference_model.variants import VARIANTS

Splits = dict[str, Split]


def model_and_batch(
    config: Config, splits: Splits, vocabulary: Vocabulary, n: int = 30
) -> tuple[ReferenceModel, Batch]:
    torch.manual_seed(0)
    model = ReferenceModel(config, len(vocabulary)).eval()
    data = prepared(splits["train"], config, vocabulary)
    return model, collate(data, np.arange(n))


@pytest.mark.parametrize("full", [False, True])
def test_masks_against_a_loop(full: bool) -> None:
    """A caption position that sees a later one, a prefix that sees the caption, a padded key that is seen."""
    torch.manual_seed(1)
    prefix, caption = torch.rand(4, 6) > 0.3, torch.rand(4, 5) > 0.3
    found = (matching_mask if full else generation_mask)(prefix, caption).expand(4, 1, 11, 11)
    real = torch.cat([prefix, caption], dim=1)
    for b in range(4):
        for q in range(11):
            for k in range(11):
                allowed = bool(real[b, k]) and (full or k < 6 or (q >= 6 and k <= q))
                assert bool(found[b, 0, q, k]) == allowed


def test_no_logit_depends_on_a_later_character(splits: Splits, vocabulary: Vocabulary) -> None:
    """The classic leak: training loss falls to nothing, and generated captions are noise."""
    model, batch = model_and_batch(tiny(), splits, vocabulary)
    captions = torch.full((batch.n_boxes, 8), SOS)
    captions[:, 1:] = torch.randint(5, len(vocabulary), (batch.n_boxes, 7))
    before = model.full_logits(batch, captions)
    for t in range(1, 8):
        changed = captions.clone()
        changed[:, t] = 5 + (changed[:, t] - 4) % (len(vocabulary) - 5)
        after = model.full_logits(batch, changed)
        assert torch.equal(before[:, :t], after[:, :t])
        assert not torch.allclose(before[:, t], after[:, t])


def test_prefix_states_do_not_depend_on_the_caption(splits: Splits, vocabulary: Vocabulary) -> None:
    """If they did, decoding with a cached prefix would be another function than training."""
    model, batch = model_and_batch(tiny(), splits, vocabulary)
    prefix, real = model.prefix(batch)
    alone = model.transformer(prefix, real[:, None, None, :])
    tokens = torch.cat([prefix, model.captions(batch.captions)], dim=1)
    together = model.transformer(tokens, generation_mask(real, batch.captions != PAD))
    assert torch.allclose(alone, together[:, : prefix.shape[1]], atol=1e-5)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("keep", [slice(40, None), slice(38, 39), slice(0, 1), slice(None)])
def test_positions_that_are_not_kept_are_not_missed(
    full: bool, keep: slice, splits: Splits, vocabulary: Vocabulary
) -> None:
    """The last layer skips positions that nobody asks for; a kept one must still see them."""
    model, batch = model_and_batch(tiny(), splits, vocabulary)
    prefix, real = model.prefix(batch)
    tokens = torch.cat([prefix, model.captions(batch.captions)], dim=1)
    mask = (matching_mask if full else generation_mask)(real, batch.captions != PAD)
    everything, some = model.transformer(tokens, mask), model.transformer(tokens, mask, keep=keep)
    assert torch.allclose(some, everything[:, keep], atol=1e-5)

    upstream = torch.randn_like(some)
    parameters = list(model.transformer.layers.parameters())
    expected = torch.autograd.grad(everything[:, keep], parameters, upstream)
    for a, b in zip(torch.autograd.grad(some, parameters, upstream, allow_unused=True), expected, strict=True):
        assert a is None or torch.allclose(a, b, rtol=1e-3, atol=1e-4)


def test_caption_matching_sees_the_whole_caption(splits: Splits, vocabulary: Vocabulary) -> None:
    """Judged from [SOS] under the generation mask, a caption could not be told from any other."""
    model, batch = model_and_batch(tiny(), splits, vocabulary)
    changed = batch.captions.clone()
    changed[:, 2] = 5 + (changed[:, 2] - 4) % (len(vocabulary) - 5)
    assert not torch.allclose(model.matches(batch), model.matches(dataclasses.replace(batch, captions=changed)))


def test_padding_changes_nothing(splits: Splits, vocabulary: Vocabulary) -> None:
    """Text is padded to the batch, not to 60; a longer batch mate must not move a score."""
    model, batch = model_and_batch(tiny(), splits, vocabulary)
    wider = dataclasses.replace(
        batch,
        info=torch.nn.functional.pad(batch.info, (0, 9), value=PAD),
        captions=torch.nn.functional.pad(batch.captions, (0, 4), value=PAD),
    )
    assert model.loss(wider).item() == pytest.approx(model.loss(batch).item(), rel=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_grouped_and_per_caption_batches_are_the_same_mathematics(
    variant: str, splits: Splits, vocabulary: Vocabulary
) -> None:
    """The CNN once per image, its grid shared by the boxes: same loss, same gradients as once per caption."""
    config = tiny(variant)
    torch.manual_seed(0)
    model = ReferenceModel(config, len(vocabulary))
    data = prepared(splits["train"], config, vocabulary)
    losses, gradients = [], []
    for group in (True, False):
        model.zero_grad()
        loss = model.loss(collate(data, np.arange(30), group=group))
        loss.backward()
        losses.append(loss.item())
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert torch.allclose(gradients[0], gradients[1], rtol=1e-3, atol=1e-4)


def test_a_model_without_locations_cannot_tell_boxes_apart(splits: Splits, vocabulary: Vocabulary) -> None:
    """Table 2's `no-locations`: one caption for all boxes of an image, or something leaks."""
    model, batch = model_and_batch(tiny("no-locations"), splits, vocabulary)
    for image in range(int(batch.image_of_box.max()) + 1):
        mine = [ids for ids, i in zip(model.generate(batch), batch.image_of_box.tolist(), strict=True) if i == image]
        assert all(ids == mine[0] for ids in mine)


@pytest.mark.parametrize(
    ("variant", "part"), [("no-image", "images"), ("no-info", "info"), ("no-locations", "cells"), ("baseline", "cells")]
)
def test_variants_do_not_see_what_they_go_without(
    variant: str, part: str, splits: Splits, vocabulary: Vocabulary
) -> None:
    """An ablation that still sees its input would make the input look worthless."""
    model, batch = model_and_batch(tiny(variant), splits, vocabulary)
    other = {
        "images": None,
        "info": batch.info.flip(0),
        "cells": (batch.cells + 1) % 8,
    }[part]
    if variant == "baseline":  # sees its own box, but no neighbours
        context, _ = model_and_batch(tiny("context"), splits, vocabulary)
        assert context.location.context is not None
        assert model.location.context is None
        assert batch.cells.shape[1] == 1
        return
    changed = dataclasses.replace(batch, **{part: other})
    assert model.loss(batch).item() == model.loss(changed).item()


@pytest.mark.parametrize("variant", ["baseline", "full", "no-image"])
def test_cached_decoding_equals_the_full_pass(variant: str, splits: Splits, vocabulary: Vocabulary) -> None:
    """The released cache drops one key: its decoder is another function than the one that was trained."""
    model, batch = model_and_batch(tiny(variant), splits, vocabulary)
    captions = torch.full((batch.n_boxes, 6), SOS)
    captions[:, 1:] = torch.randint(5, len(vocabulary), (batch.n_boxes, 5))
    full = model.full_logits(batch, captions)
    state = model.start(batch)
    for t in range(6):
        assert torch.allclose(model.step(state, captions[:, t], t), full[:, t], atol=1e-4)


class Scripted:
    """A model whose logits depend on the characters so far in a known way."""

    def __init__(self, size: int, length: int) -> None:
        torch.manual_seed(3)
        self.tables = [2 * torch.randn(size, size) for _ in range(length)]

    def start(self, batch: Batch) -> "ScriptedState":
        return ScriptedState()

    def step(self, state: "ScriptedState", characters: torch.Tensor, position: int) -> torch.Tensor:
        return self.tables[position][characters].clone()


class ScriptedState:
    def reorder(self, rows: torch.Tensor) -> None:
        pass


def test_beam_search_finds_the_best_caption(splits: Splits, vocabulary: Vocabulary) -> None:
    """Against every caption there is, in a small world: with enough beams nothing better exists."""
    size, length = 9, 3
    world = Scripted(size, length)
    _, batch = model_and_batch(tiny("no-image"), splits, vocabulary, n=2)
    found = beam_search(world, batch, length, size**length)[0]

    best: tuple[float, list[int]] = (-np.inf, [])

    def walk(written: list[int], score: float) -> None:
        nonlocal best
        ended = bool(written) and written[-1] == EOS
        if ended or len(written) == length:
            caption = [c for c in written if c != EOS]
            best = max(best, (score / len(written), caption))
            return
        logits = world.tables[len(written)][written[-1] if written else SOS].clone()
        logits[[0, PAD, SOS, 4]] = -torch.inf
        log_p = torch.log_softmax(logits, 0).tolist()
        for c in range(size):
            if log_p[c] > -np.inf:
                walk([*written, c], score + log_p[c])

    walk([], 0.0)
    assert found == best[1]


def test_one_beam_is_greedy(splits: Splits, vocabulary: Vocabulary) -> None:
    """Two searches that disagree where they must not."""
    model, batch = model_and_batch(tiny(), splits, vocabulary)
    torch.nn.init.normal_(model.output_bias, std=3)
    assert greedy(model, batch, 11) == beam_search(model, batch, 11, 1)


def test_captions_hold_no_special_characters(splits: Splits, vocabulary: Vocabulary) -> None:
    """<unk> in a caption scores as five characters."""
    model, batch = model_and_batch(tiny(), splits, vocabulary)
    torch.nn.init.normal_(model.output_bias, std=5)
    with torch.no_grad():
        model.output_bias[[0, 1, 2, 4]] = 50
    for ids in greedy(model, batch, 11) + beam_search(model, batch, 11, 3):
        assert len(ids) <= 11
        assert not set(ids) & {0, 1, 2, 3, 4}


@pytest.mark.parametrize("variant", ["full", "no-image"])
def test_one_batch_is_learned_by_heart(variant: str, splits: Splits, vocabulary: Vocabulary) -> None:
    """A model that cannot overfit one batch has a disconnected part, or a mask too many."""
    config = tiny(variant)
    torch.manual_seed(0)
    model = ReferenceModel(config, len(vocabulary)).train()
    data = prepared(splits["train"], config, vocabulary)
    batch = collate(data, np.arange(12))
    batch = dataclasses.replace(batch, normaliser=float((batch.captions[:, 1:] != PAD).sum()))
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(300):
        optimiser.zero_grad()
        loss = model.loss(batch)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.02
    wanted = [[i for i in row if i not in (SOS, EOS, PAD)] for row in batch.captions.tolist()]
    assert model.eval().generate(batch) == wanted
