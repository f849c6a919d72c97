"""All baselines alike: sizes, what they may and may not see, decoding, training by the shared trainer."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_runs import prepared, tiny

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from reference_model.batch import PAD, SOS, Batch
from reference_model.config import Config, override
from reference_model.embeddings import is_real
from reference_model.registry import named, network_of, networks
from reference_model.run_folder import build_model, load_run
from reference_model.train import train
from reference_model.training.batches import Updates, collate
from reference_model.training.decoding import beam_search, greedy
from reference_model.training.distributed import World
from reference_model.training.trainer import Trainer
from reference_model.training.vocabulary import Vocabulary

Splits = dict[str, Split]
NETWORKS = [network for network in networks().values() if network.build.startswith("baselines.")]
BASELINES = [variant for network in NETWORKS for variant in network.variants]
#: Variants as they are, and with the options of their originals.
CASES = [
    *((variant,) for variant in BASELINES),
    ("m4c-copy", "copying.loss=bce", "cg.label_smoothing=0"),
    ("m4c-copy", "copying.input=pointer"),
    ("m2-tatt", "tatt.encoder_layers=2"),
    ("rstnet-tatt", "tatt.encoder_layers=2"),
]

#: At the paper's sizes and 6,263 characters, worked out by hand from the originals' shapes; RSTNet without its signal.
COUNTS = {
    "updown": 73_142_807,
    "updown-tatt": 78_239_319,
    "m2": 58_417_728,
    "m2-tatt": 63_147_072,
    "rstnet": 58_050_120,
    "rstnet-tatt": 62_260_808,
    "m4c-copy": 86_636_727 + 128 * 1024,  # with learned positions, as the reference model
}

#: The first four losses (tiny sizes, seed 1, one thread), measured on mini-2: changed numerics show.
GOLDEN = {
    "updown": [5.53096, 5.51481, 5.4863, 5.49414],
    "updown-tatt": [5.52027, 5.49895, 5.48862, 5.48941],
    "m2": [5.52061, 5.45893, 5.45864, 5.40893],
    "m2-tatt": [5.50959, 5.48932, 5.47776, 5.38507],
    "rstnet": [5.59601, 5.55879, 5.45889, 5.44555],
    "rstnet-tatt": [5.58311, 5.54009, 5.49275, 5.39621],
    "m4c-copy": [6.0572, 5.87994, 5.83787, 5.66353],
}


def small(variant: str, *overrides: str) -> Config:
    sizes = ["language_model.width=16", "language_model.feed_forward=16"] if variant.startswith("rstnet") else []
    return tiny(variant, *sizes, *overrides)


def model_and_batch(config: Config, splits: Splits, vocabulary: Vocabulary, n: int = 30) -> tuple[Any, Batch]:
    torch.manual_seed(0)
    model = build_model(config, len(vocabulary)).eval()
    return model, collate(prepared(splits["train"], config, vocabulary), np.arange(n))


@pytest.mark.parametrize("variant", BASELINES)
def test_parameter_counts(variant: str) -> None:
    """A bias, gate, norm or table too many; or a layer that is not the original's."""
    config = override(named(variant), ["model.backbone_weights=none"])
    with torch.device("meta"):
        model = build_model(config, 6263)
    found = sum(p.numel() for name, p in model.named_parameters() if not name.startswith("signal."))
    assert found == COUNTS[variant]


def test_parts_of_the_originals() -> None:
    """A total can be right by accident; its parts cannot all be."""
    expected = {
        "m2": {"encoder.0": 3_193_344, "decoder.0": 5_778_432, "encoder.0.attention.memory": 40_960},
        "rstnet": {"encoder.0": 3_153_408, "decoder.0": 4_206_080, "decoder.3": 4_468_736, "relation": 520},
        "updown": {"lstm1": 20_008_000, "lstm2": 12_008_000, "look": 1_024_512, "inputs.project": 2_049_000},
    }
    for variant, parts in expected.items():
        with torch.device("meta"):
            model = build_model(override(named(variant), ["model.backbone_weights=none"]), 6263)
        for prefix, count in parts.items():
            assert sum(p.numel() for name, p in model.named_parameters() if name.startswith(prefix)) == count, prefix


def test_the_character_model_has_its_size() -> None:
    """RSTNet's language model at the paper's sizes: about 3.19 M parameters and a map of 131,584 to the captioner."""
    with torch.device("meta"):
        model = build_model(override(named("rstnet"), ["model.backbone_weights=none"]), 6263)
    sizes = {name: sum(p.numel() for p in child.parameters()) for name, child in model.signal.named_children()}
    assert sizes["project"] == 131_584
    assert round(sizes["language_model"] / 1e6, 2) == 3.19


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_no_logit_depends_on_a_later_character(case: tuple[str, ...], splits: Splits, vocabulary: Vocabulary) -> None:
    """RSTNet's original language signal sees the whole caption in training, and nothing of it at test time."""
    model, batch = model_and_batch(small(*case), splits, vocabulary, 12)
    captions = torch.full((batch.n_boxes, 7), SOS)
    captions[:, 1:] = torch.randint(5, len(vocabulary), (batch.n_boxes, 6))
    before = model.full_logits(batch, captions)
    for t in range(1, 7):
        changed = captions.clone()
        changed[:, t] = 5 + (changed[:, t] - 4) % (len(vocabulary) - 5)
        after = model.full_logits(batch, changed)
        assert torch.allclose(before[:, :t], after[:, :t], atol=1e-5)
        assert not torch.allclose(before[:, t], after[:, t], atol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_stepwise_decoding_equals_the_full_pass(case: tuple[str, ...], splits: Splits, vocabulary: Vocabulary) -> None:
    """A cache that drops a key, a state that is not carried on, a position that is off by one."""
    model, batch = model_and_batch(small(*case), splits, vocabulary, 12)
    captions = torch.full((batch.n_boxes, 7), SOS)
    captions[:, 1:] = torch.randint(5, len(vocabulary), (batch.n_boxes, 6))
    expected = model.full_logits(batch, captions)
    with torch.inference_mode():
        state = model.start(batch)
        for t in range(7):
            assert torch.allclose(model.step(state, captions[:, t], t), expected[:, t], atol=1e-4)


@pytest.mark.parametrize("variant", BASELINES)
def test_one_beam_is_greedy_and_more_beams_find_better(variant: str, splits: Splits, vocabulary: Vocabulary) -> None:
    """A state that is not reordered with its beam continues another caption."""
    model, batch = model_and_batch(small(variant), splits, vocabulary, 12)
    assert beam_search(model, batch, 6, 1) == greedy(model, batch, 6)

    def score(captions: list[list[int]]) -> torch.Tensor:
        found = []
        for i, caption in enumerate(captions):
            row = torch.tensor([[SOS, *caption]]).expand(batch.n_boxes, -1)
            log_p = model.full_logits(batch, row)[i].float()
            log_p[:, [0, 1, 2, 4]] = -torch.inf
            log_p = log_p.log_softmax(dim=1)
            ids = [*caption, 3][: len(caption) + (len(caption) < 6)]
            found.append(sum(float(log_p[t, c]) for t, c in enumerate(ids)) / len(ids))
        return torch.tensor(found)

    with torch.inference_mode():
        assert score(beam_search(model, batch, 6, 4)).mean() > score(greedy(model, batch, 6)).mean()


@pytest.mark.parametrize("variant", BASELINES)
def test_inputs_that_are_given_are_read_and_no_others(variant: str, splits: Splits, vocabulary: Vocabulary) -> None:
    """Rows w/o TAtt that see the product info, boxes that all get one caption, an image that is ignored."""
    model, batch = model_and_batch(small(variant, "model.backbone_weights=none"), splits, vocabulary)
    assert batch.images is not None
    before = model.loss(batch)
    changes = {
        "info": dataclasses.replace(batch, info=batch.info.flip(0)),
        "image": dataclasses.replace(batch, images=255 - batch.images),
        "location": dataclasses.replace(batch, cells=7 - batch.cells, boxes=1 - batch.boxes.roll(2, 1)),
    }
    for name, changed in changes.items():
        seen = not torch.allclose(model.loss(changed), before, rtol=1e-6, atol=1e-6)
        assert seen == (name != "info" or named(variant).inputs.info), name


@pytest.mark.parametrize("variant", BASELINES)
def test_the_loss_is_that_of_the_full_pass(variant: str, splits: Splits, vocabulary: Vocabulary) -> None:
    """States that are given to the wrong caption or position where captions that have ended are left out."""
    model, batch = model_and_batch(small(variant, "cg.label_smoothing=0"), splits, vocabulary)
    given, targets = batch.captions[:, :-1], batch.captions[:, 1:]
    log_p = model.full_logits(batch, given).log_softmax(dim=2).gather(2, targets[..., None]).squeeze(2)
    real = is_real(targets)
    assert len(set(real.sum(dim=1).tolist())) > 2
    assert torch.allclose(model.loss(batch), -log_p[real].sum(), rtol=1e-5)


@pytest.mark.parametrize("variant", BASELINES)
def test_padding_changes_nothing(variant: str, splits: Splits, vocabulary: Vocabulary) -> None:
    """Masks belong before the softmax; a longer batch mate must not move a score."""
    model, batch = model_and_batch(small(variant, "inputs.max_caption=15"), splits, vocabulary)
    wider = dataclasses.replace(
        batch,
        info=torch.nn.functional.pad(batch.info, (0, 9), value=PAD),
        captions=torch.nn.functional.pad(batch.captions, (0, 3), value=PAD),
    )
    assert model.loss(wider).item() == pytest.approx(model.loss(batch).item(), rel=1e-4)


@pytest.mark.parametrize("variant", BASELINES)
def test_repeated_characters_are_kept(variant: str, splits: Splits, vocabulary: Vocabulary) -> None:
    """M2 and Up-Down delete or ban repeated words; Chinese doubles characters all the time (妈妈, 白白净净)."""
    model, batch = model_and_batch(small(variant), splits, vocabulary, 2)
    logits = [torch.nn.functional.one_hot(torch.tensor(c), len(vocabulary)).float() * 9 for c in (7, 7, 7, *[3] * 9)]
    model.step = lambda state, characters, position: logits[position].expand(len(characters), -1).clone()
    assert model.generate(batch) == [[7, 7, 7]] * batch.n_boxes
    assert model.generate(batch, beam=2) == [[7, 7, 7]] * batch.n_boxes


@pytest.mark.parametrize("variant", BASELINES)
def test_one_batch_is_learned_by_heart(variant: str, splits: Splits, vocabulary: Vocabulary) -> None:
    """A network that is not wired up right learns slowly, and never this."""
    config = small(variant, "cg.label_smoothing=0", "model.width=64", "model.feed_forward=64")
    model, batch = model_and_batch(config, splits, vocabulary, 12)
    batch = dataclasses.replace(batch, normaliser=float((batch.captions[:, 1:] != PAD).sum()))
    model.train()
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=5e-3)
    for _ in range(400 if variant.startswith("updown") else 150):
        optimiser.zero_grad()
        loss = model.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimiser.step()
    assert loss.item() < 0.05
    expected = [[c for c in row.tolist() if c > 4] for row in batch.captions]
    assert model.eval().generate(batch) == expected


@pytest.mark.parametrize("variant", ["updown-tatt", "rstnet", "m4c-copy"])
def test_the_trainer_trains_them_unchanged(
    variant: str, splits: Splits, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """Train, predict, score and load again, by the same commands as the reference model."""
    folder = train(
        small(variant, "language_model.epochs=1") if variant == "rstnet" else small(variant),
        splits,
        seed=1,
        runs=tmp_path,
    )
    scores = json.loads((folder / "scores.test.json").read_text())
    assert 0 <= scores["scores"]["BLEU-1"] <= 100
    config, model, _ = load_run(folder)
    assert config.name == variant
    assert type(model).__module__.startswith("baselines.")


@pytest.mark.parametrize("variant", BASELINES)
def test_golden_losses(variant: str, splits: Splits, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """A refactoring that means to change nothing must not move a loss."""
    config = small(variant)
    torch.manual_seed(1)
    model, data = build_model(config, len(vocabulary)), prepared(splits["train"], config, vocabulary)
    world = World(0, 1, torch.device("cpu"))
    run = Trainer(
        model, config, seed=1, data=data, validation=None, vocabulary=vocabulary, folder=tmp_path, world=world
    )
    updates, losses = Updates(run.plan, data), []
    for update in range(4):
        losses.append(float(run.step(run.model, updates[update])))
        run.update += 1
    assert losses == pytest.approx(GOLDEN[variant], rel=1e-3)


@pytest.mark.parametrize("variant", BASELINES)
def test_the_official_recipe_is_a_valid_one(variant: str) -> None:
    """A recipe that names a setting which does not exist."""
    config = override(named(variant), list(network_of(variant).official))
    assert config.hash != named(variant).hash


def test_settings_of_one_baseline_are_refused_by_another() -> None:
    """`m2.memory` on Up-Down would be ignored in silence."""
    with pytest.raises(InputError, match=r"m2\.memory"):
        override(named("updown"), ["m2.memory=20"])
