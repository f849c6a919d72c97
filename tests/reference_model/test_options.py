"""Every option of `docs/paper_vs_code.md` does what its row says; configurations are checked, and hashed by content."""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import prepared, tiny

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from reference_model.batch import EOS, PAD, SEP, SOS, UNK, Batch
from reference_model.config import (
    Config,
    GenerationConfig,
    InputConfig,
    MatchingConfig,
    ModelConfig,
    TrainConfig,
    from_dict,
    override,
    paths,
    release,
    to_dict,
)
from reference_model.embeddings import GridCode, ImageTokens, LocationToken, Words, sinusoid
from reference_model.losses import generation_loss, matching_loss
from reference_model.model import ReferenceModel
from reference_model.neighbors import MISSING
from reference_model.registry import named
from reference_model.training.batches import UpdatePlan, Updates, collate
from reference_model.training.inputs import grid_index, info_ids, prepare_picture
from reference_model.training.matching import Negatives, draw_negatives, level_shares, shares_at
from reference_model.training.schedule import rates
from reference_model.training.vocabulary import Vocabulary
from reference_model.transformer import gelu, norm
from reference_model.variants import VARIANTS

Splits = dict[str, Split]


def value(config: Config, path: str) -> Any:
    found = to_dict(config)
    for part in path.split("."):
        found = found[part]
    return found


def differences(a: Config, b: Config) -> dict[str, Any]:
    return {path: value(b, path) for path in paths(a) if value(a, path) != value(b, path)}


# paper_vs_code: neighbours. The rules themselves are tested in test_neighbors.py.


def test_chain_neighbours_reach_the_model_and_level_three(splits: Splits, vocabulary: Vocabulary) -> None:
    """An option that changes the location token and leaves the negatives with the paper's neighbours."""
    for kind in ("chain", "nearest"):
        data = prepared(splits["train"], tiny("full", f"inputs.neighbours={kind}"), vocabulary)
        offsets = data.arrays["box_offsets"]
        chained = 0
        for i in range(data.n_images):
            span = slice(int(offsets[i]), int(offsets[i + 1]))
            n = span.stop - span.start
            chain = [[k - 1, k + 1 if k + 1 < n else MISSING] for k in range(n)]
            own, around = data.arrays["cells"][span][:, 0], data.arrays["cells"][span][:, 1:]
            nearest = data.arrays["nearest"][span]
            for k, sides in enumerate(nearest.tolist()):
                for slot, j in enumerate(sides):
                    assert (around[k, slot] == (own[j] if j != MISSING else -1)).all()
            chained += nearest.tolist() == chain
        assert (chained == data.n_images) == (kind == "chain")


# paper_vs_code: level2, strategy, fixed-mix, redraw
# Negatives on 200 images with 4.8 boxes on average; texts repeat among images, never within one.

COUNTS = np.tile([5, 5, 5, 5, 4], 40)
OFFSETS = np.concatenate([[0], np.cumsum(COUNTS)])
IMAGE = np.repeat(np.arange(len(COUNTS)), COUNTS)
PLACE = np.arange(OFFSETS[-1]) - OFFSETS[IMAGE]
TEXTS = [f"{(7 * image + place) % 29}".encode() for image, place in zip(IMAGE, PLACE, strict=True)]
NEAREST = np.stack([PLACE - 1, np.where(COUNTS[IMAGE] == PLACE + 1, MISSING, PLACE + 1)], axis=1)
BOXES = np.tile(np.arange(OFFSETS[-1]), 25)


def draw(shares: Sequence[float], **settings: Any) -> Negatives:
    image = IMAGE[BOXES]
    return draw_negatives(
        BOXES,
        OFFSETS[image],
        COUNTS[image],
        NEAREST[BOXES],
        lambda box: TEXTS[box],
        len(TEXTS),
        MatchingConfig(strategy="progressive", **settings),
        (shares[0], shares[1], shares[2]),
        np.random.default_rng(7),
    )


def test_level_one_is_never_a_caption_of_the_same_image() -> None:
    """A "negative" that is right teaches the model that right is wrong; texts repeat, so positions are not enough."""
    drawn = draw([1, 0, 0])
    own = [{TEXTS[box] for box in range(OFFSETS[i], OFFSETS[i + 1])} for i in range(len(COUNTS))]
    negative = drawn.levels == 1
    assert all(TEXTS[c] not in own[i] for c, i in zip(drawn.caption[negative], IMAGE[BOXES][negative], strict=True))
    assert (drawn.place == BOXES).all()
    assert len(np.unique(drawn.caption[negative])) > 0.9 * len(TEXTS)
    released = draw([1, 0, 0], redraw=False)
    wrong = [TEXTS[c] in own[i] for c, i, n in zip(released.caption, IMAGE[BOXES], released.levels, strict=True) if n]
    assert 0.1 < np.mean(wrong) < 0.25  # 4.8 of 29 texts
    assert (released.labels[released.levels == 1] == 0).all()


@pytest.mark.parametrize("level2", ["caption", "location"])
def test_level_two_is_another_box_of_the_same_image(level2: str) -> None:
    """The paper moves another caption into the box, the release moves the caption into another box."""
    drawn = draw([0, 1, 0], level2=level2)
    moved, still = (drawn.caption, drawn.place) if level2 == "caption" else (drawn.place, drawn.caption)
    negative = drawn.levels == 2
    assert (still == BOXES).all()
    assert (IMAGE[moved] == IMAGE[BOXES]).all()
    assert (moved[negative] != BOXES[negative]).all()
    assert (drawn.labels == (moved == BOXES)).all()
    steps = np.bincount((PLACE[moved] - PLACE[BOXES])[negative & (COUNTS[IMAGE[BOXES]] == 5)] % 5)[1:]
    assert steps / steps.sum() == pytest.approx(0.25, abs=0.02)  # each of the four others equally often


def test_a_moved_location_takes_its_neighbours_along(splits: Splits, vocabulary: Vocabulary) -> None:
    """Another box's place with the old box's neighbours is a place that no image has."""
    data = prepared(splits["train"], tiny("full"), vocabulary)
    swapped = Negatives(np.array([1, 0]), np.array([0, 1]), np.zeros(2, np.int64), np.full(2, 2))
    batch, plain = collate(data, np.arange(2), negatives=swapped), collate(data, np.arange(2))
    assert torch.equal(batch.cells, plain.cells.flip(0))
    assert torch.equal(batch.captions, plain.captions)


def test_level_three_is_the_nearest_previous_or_next() -> None:
    """One side alone, or a box without a side left without a negative."""
    drawn = draw([0, 0, 1])
    negative = drawn.levels == 3
    side = (drawn.caption - BOXES)[negative]
    first, last = PLACE[BOXES] == 0, PLACE[BOXES] + 1 == COUNTS[IMAGE[BOXES]]
    assert set(side) == {-1, 1}
    assert (side[first[negative]] == 1).all()
    assert (side[last[negative]] == -1).all()
    assert np.mean(side[~(first | last)[negative]] == 1) == pytest.approx(0.5, abs=0.02)
    assert negative.mean() == pytest.approx(0.6, abs=0.01)
    released = draw([0, 0, 1], redraw=False)
    asked = (released.caption != BOXES) | (released.labels == 0)
    assert asked.mean() == pytest.approx(0.6 * (1 - 1 / 4.8), abs=0.01)


@pytest.mark.parametrize(("redraw", "share"), [(True, 0.6), (False, 0.6 * (0.3 + 0.7 * (1 - 1 / 4.8)))])
def test_share_of_real_negatives(redraw: bool, share: float) -> None:
    """The release asks for 60 % and gets 51, since a box may draw itself or a side that is not there."""
    drawn = draw(MatchingConfig().fixed_mix, redraw=redraw)
    assert np.mean(drawn.labels == 0) == pytest.approx(share, abs=0.008)
    untouched = drawn.labels == 1
    assert (drawn.caption[untouched] == BOXES[untouched]).all()
    assert (drawn.place[untouched] == BOXES[untouched]).all()
    assert ((drawn.levels == 0) == untouched).all()


@pytest.mark.parametrize("mix", [(0.3, 0.4, 0.3), (0.3, 0.3, 0.4), (1, 0, 0), (0.428571428, 0.571428572, 0)])
def test_levels_have_the_shares_that_are_asked_for(mix: tuple[float, float, float]) -> None:
    """A mix in another order is another row of Table 3."""
    drawn = draw(mix)
    levels = np.bincount(drawn.levels, minlength=4)[1:]
    assert levels / levels.sum() == pytest.approx(mix, abs=0.012)


def test_the_fixed_mix_stays_and_the_progressive_one_moves() -> None:
    """A schedule that does not move, or a fixed mix that does; the paper's is 30:40:30, the release's 30:30:40."""
    fixed = MatchingConfig(strategy="fixed")
    assert {shares_at(fixed, update, 0, 1000) for update in (0, 500, 999)} == {(0.3, 0.4, 0.3)}
    moving = [shares_at(MatchingConfig(strategy="progressive"), update, 0, 1000) for update in (0, 500, 999)]
    assert moving[0][0] > moving[1][0] > moving[2][0]
    assert moving[0][2] < moving[1][2] < moving[2][2]


# paper_vs_code: matching-head


def test_matching_heads(splits: Splits, vocabulary: Vocabulary) -> None:
    """One logit of the state of [SOS], or the release's two classes of its GELU."""
    for head, outputs in (("sigmoid", 1), ("softmax2", 2)):
        torch.manual_seed(0)
        config = tiny("full", f"cm.head={head}")
        model = ReferenceModel(config, len(vocabulary)).eval()
        batch = collate(prepared(splits["train"], config, vocabulary), np.arange(6))
        assert model.matching_head is not None
        seen: list[torch.Tensor] = []
        model.matching_head.register_forward_pre_hook(lambda _, given, seen=seen: seen.append(given[0]))
        assert model.matching_scores(batch).shape == (6, outputs)
        least = seen[0].min().item()
        assert (least > -0.18) == (head == "softmax2")  # GELU's minimum is -0.17


# paper_vs_code: positions


def test_positions_follow_their_formulas() -> None:
    """The release's exponents run to 2, and a pair's sine and cosine differ in wavelength."""
    d, n = 16, 200
    standard, authors = sinusoid(n, d, authors=False), sinusoid(n, d, authors=True)
    for p in (0, 1, 7, 199):
        for channel in range(0, d, 2):
            assert standard[p, channel] == pytest.approx(math.sin(p / 10000 ** (channel / d)), abs=1e-6)
            assert standard[p, channel + 1] == pytest.approx(math.cos(p / 10000 ** (channel / d)), abs=1e-6)
            assert authors[p, channel] == pytest.approx(math.sin(p / 10000 ** (2 * channel / d)), abs=1e-6)
            assert authors[p, channel + 1] == pytest.approx(math.cos(p / 10000 ** (2 * (channel + 1) / d)), abs=1e-6)


def test_positions_are_learned_or_fixed_and_shared() -> None:
    """One table serves info and captions; a fixed one is nothing to train or to store."""
    learned = Words(ModelConfig(width=16), 40)
    assert dict(learned.named_parameters())["positions"].shape == (128, 16)
    for kind in ("sine", "sine_authors"):
        fixed = Words(ModelConfig(width=16, positions=kind), 40)
        assert [name for name, _ in fixed.named_parameters()] == ["table.weight"]
        assert "positions" not in fixed.state_dict()
        assert torch.equal(fixed.positions, sinusoid(200, 16, authors=kind == "sine_authors"))
        shifted = fixed(torch.tensor([[5]]), first=3) - fixed(torch.tensor([[5]]))
        assert torch.allclose(shifted[0, 0], fixed.positions[3] - fixed.positions[0], atol=1e-5)


# paper_vs_code: info-format, vocabulary, lengths


def test_info_with_and_without_separator() -> None:
    """A separator that the release does not have, or one that the longest length does not count."""
    vocabulary = Vocabulary.build(["补水面霜"])
    row: Any = {"title": "面霜", "attributes": "补水"}
    a, b, c, d = vocabulary.encode("面霜补水")
    assert info_ids(row, InputConfig(), vocabulary) == [a, b, SEP, c, d]
    assert info_ids(row, InputConfig(info_format="authors"), vocabulary) == [a, b, c, d]
    assert info_ids(row, InputConfig(max_info=4), vocabulary) == [a, b, SEP, c]
    assert info_ids(row | {"attributes": ""}, InputConfig(), vocabulary) == [a, b]


def test_the_vocabulary_keeps_the_most_frequent(splits: Splits) -> None:
    """A size that cuts the special entries, or common characters for rare ones."""
    assert Vocabulary.build(["丙乙甲", "乙甲", "甲"], 7).entries[5:] == ["甲", "乙"]
    whole = Vocabulary.of_split(splits["train"])
    small = Vocabulary.of_split(splits["train"], 50)
    assert small.entries == whole.entries[:50]
    assert set(small.encode("".join(whole.entries[50:60]))) == {UNK}


def test_the_release_s_length_cuts_captions() -> None:
    """With 10 in all, nine characters lose [EOS], ten also their last; 12 holds what the data hold."""
    vocabulary = Vocabulary.build(["一二三四五六七八九十"])
    for length, kept in ((8, 8), (9, 9), (10, 9)):
        caption = "一二三四五六七八九十"[:length]
        ids = vocabulary.encode(caption)
        cut = vocabulary.encode_caption(caption, 10)
        assert cut == [SOS, *ids[:kept], EOS][:10]
        assert (EOS in cut) == (length == 8)
        assert vocabulary.encode_caption(caption, InputConfig().max_caption) == [SOS, *ids, EOS]


# paper_vs_code: location-bias, grid-map, missing-neighbour


def test_location_bias() -> None:
    """Equation 3 has no biases."""
    for bias in (True, False):
        token = LocationToken(ModelConfig(width=16), InputConfig(neighbours="nearest", location_bias=bias))
        assert ("current.bias" in dict(token.named_parameters())) == bias
        assert ("context.bias" in dict(token.named_parameters())) == bias


def test_grid_maps() -> None:
    """The release takes the nearest grid line, half to even, so cell centres go to every other line."""
    centres = (np.arange(8) + 0.5) / 8
    assert grid_index(centres, 8, "round").tolist() == [0, 2, 2, 4, 4, 6, 6, 7]
    assert grid_index(centres, 8, "floor").tolist() == list(range(8))
    for kind in ("round", "floor"):
        assert grid_index(np.array([0.0, 1.0]), 8, kind).tolist() == [0, 7]


def test_missing_neighbours_are_a_box_in_the_corner_or_learned() -> None:
    """For the release no neighbour is the same as an empty one at the top left."""
    cells = torch.tensor([[[1, 2, 3, 4], [0, 0, 0, 0], [2, 2, 3, 3]], [[1, 2, 3, 4], [-1, -1, -1, -1], [2, 2, 3, 3]]])
    for kind in ("zero", "learned"):
        torch.manual_seed(0)
        config = InputConfig(neighbours="nearest", missing_neighbour=kind)
        token = LocationToken(ModelConfig(width=16), config)
        corner, missing = token(cells, GridCode(8, 16))
        assert torch.allclose(corner, missing) == (kind == "zero")
        assert (token.missing is not None) == (kind == "learned")


# paper_vs_code: label-smoothing, reduce


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduce", ["token", "caption"])
def test_generation_loss_of_an_update(smoothing: float, reduce: str, splits: Splits, vocabulary: Vocabulary) -> None:
    """The option must reach the loss that is trained on: here from all logits, caption by caption."""
    config = tiny("context", f"cg.label_smoothing={smoothing}", f"cg.reduce={reduce}")
    data = prepared(splits["train"], config, vocabulary)
    torch.manual_seed(0)
    model = ReferenceModel(config, len(vocabulary)).eval()
    (batch,) = Updates(UpdatePlan(config, data.n_images, data.n_boxes, 1), data)[0]
    log_p = torch.log_softmax(model.full_logits(batch, batch.captions[:, :-1]), dim=-1)
    v = len(vocabulary)
    captions = []
    for row, targets in zip(log_p, batch.captions[:, 1:].tolist(), strict=True):
        losses = []
        for position, target in zip(row.tolist(), targets, strict=True):
            wanted = {c: smoothing / (v - 2) for c in range(v) if c not in (PAD, target)} | {target: 1 - smoothing}
            if target != PAD:
                losses.append(sum(t * (math.log(t) - position[c]) for c, t in wanted.items() if t))
        captions.append(losses)
    by_caption = np.mean([np.mean(losses) for losses in captions])
    by_token = np.mean([loss for losses in captions for loss in losses])
    assert by_caption != pytest.approx(by_token, rel=1e-4)
    assert model.loss(batch).item() == pytest.approx(by_token if reduce == "token" else by_caption, rel=1e-4)


# paper_vs_code: embed-scale, gelu, norm, feed-forward, colour-head


def test_embedding_scale() -> None:
    """Words and image features times the root of d, or as they are; codes and positions never."""
    words, images = {}, {}
    picture = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    grid = GridCode(8, 16)
    for scale in ("sqrt", "one"):
        torch.manual_seed(0)
        model = ModelConfig(width=16, positions="sine", embed_scale=scale, backbone="small", backbone_weights="none")
        table = Words(model, 40)
        words[scale] = table(torch.arange(5, 9)[None]) - table.positions[:4]
        tokens = ImageTokens(model, InputConfig(image_side=64)).eval()
        images[scale] = tokens(tokens.features(picture), grid) - grid.cells()
    for vectors in (words, images):
        assert torch.allclose(vectors["sqrt"], 4 * vectors["one"], atol=1e-4)


def test_gelus() -> None:
    """The release has the root of pi / 2 where the known formula has that of 2 / pi."""
    x = torch.tensor([-2, -1, -0.5, 0.5, 1, 2])
    assert gelu(x, "authors").tolist() == pytest.approx([-0.005, -0.068, -0.110, 0.390, 0.932, 1.995], abs=6e-4)
    assert gelu(x, "exact").tolist() == pytest.approx([-0.046, -0.159, -0.154, 0.346, 0.841, 1.954], abs=6e-4)


def test_norms() -> None:
    """The unbiased deviation makes the release's output smaller by the root of 1023 / 1024."""
    torch.manual_seed(0)
    x = 3 * torch.randn(20, 1024) + 1
    ratio = norm(1024, "authors")(x).norm(dim=1) / norm(1024, "layernorm")(x).norm(dim=1)
    assert ratio.tolist() == pytest.approx([0.99951] * 20, abs=1e-5)
    assert ratio.tolist() == pytest.approx([math.sqrt(1023 / 1024)] * 20, abs=2e-6)


def test_the_network_s_options_reach_the_network(vocabulary: Vocabulary) -> None:
    """An option that is read nowhere."""

    def built(*settings: str) -> ReferenceModel:
        return ReferenceModel(tiny("full", "model.width=32", *settings), len(vocabulary))

    plain, other = built(), built("model.norm=authors", "model.feed_forward=0", "model.colour_head=true")
    kinds = [{type(m).__name__ for m in model.transformer.modules()} for model in (plain, other)]
    assert ("LayerNorm" in kinds[0], "LayerNorm" in kinds[1]) == (True, False)
    sizes = [dict(model.named_parameters()) for model in (plain, other)]
    assert sizes[0]["transformer.layers.0.expand.weight"].shape == (48, 32)
    assert sizes[1]["transformer.layers.0.expand.weight"].shape == (64, 32)
    assert sizes[1]["colour_head.weight"].shape == (100, 32)
    assert not [name for name in sizes[0] if "colour" in name]
    tokens, mask = torch.randn(1, 4, 32), torch.ones(1, 1, 1, 4, dtype=torch.bool)
    curved = built("model.gelu=authors")
    curved.load_state_dict(plain.state_dict())
    hidden = [model.eval().transformer(tokens, mask)[0] for model in (plain, curved)]
    assert not torch.allclose(*hidden, atol=1e-3)


# paper_vs_code: rates, batch, optimiser


def test_rates_and_optimiser_settings() -> None:
    """The peak stands where the warm-up ends; every number of the recipe can be set."""
    train = override(Config(), ["train.warmup=100", "train.rate=0.5", "train.backbone_rate=0"]).train
    main = [rates(train, 1024, update) for update in range(300)]
    assert max(range(300), key=lambda u: main[u][0]) == 99
    assert main[99][0] == pytest.approx(0.5 * 1024**-0.5 * 100**-0.5)
    assert main[99][0] == main[99][1]
    default = TrainConfig()
    assert (default.batch, default.warmup, default.betas, default.eps) == (400, 4000, (0.9, 0.98), 1e-9)
    assert (default.finetune_betas, default.finetune_rate, default.finetune_backbone_rate) == ((0.9, 0.999), 4e-5, 3e-5)


# paper_vs_code: mask-text, image-side


def test_text_is_blacked_out_or_left() -> None:
    """Left on the picture, the caption can be read off it."""
    picture = Image.new("RGB", (256, 256), "white")
    masked = [[0.25, 0.25, 0.75, 0.75]]
    dark = prepare_picture(picture, masked, InputConfig())
    assert (dark[:, 70:185, 70:185] == 0).all()
    assert (dark[:, :60] == 255).all()
    assert (prepare_picture(picture, masked, InputConfig(mask_text=False)) == 255).all()


def test_the_grid_changes_resolution_or_not() -> None:
    """In the release a coarser grid is also a smaller picture, which no sweep can then tell apart."""
    picture = Image.new("RGB", (300, 256))
    for grid, side, pixels in ((8, 0, 256), (4, 0, 128), (4, 256, 256)):
        inputs = InputConfig(grid=grid, image_side=side)
        prepared_picture = prepare_picture(picture, [], inputs)
        assert prepared_picture.shape == (3, pixels, pixels)
        model = ModelConfig(width=16, backbone="small", backbone_weights="none")
        tokens = ImageTokens(model, inputs)
        features = tokens.features(torch.tensor(prepared_picture)[None])
        assert tokens(features, GridCode(grid, 16)).shape == (1, grid * grid, 16)


# paper_vs_code: task-mix, step-count


def test_tasks_at_random_or_in_turn() -> None:
    """A cycle that is drawn at random, or a share that is not kept."""
    plans = {
        kind: UpdatePlan(tiny("full", f"cm.batches={kind}", "train.pretrain_updates=400"), 100, 480, 1)
        for kind in ("random", "cycle")
    }
    matching = {kind: [update for update in range(400) if plan.is_matching(update)] for kind, plan in plans.items()}
    assert matching["cycle"] == list(range(3, 400, 4))
    assert len(matching["random"]) == pytest.approx(100, abs=30)
    assert matching["random"] != matching["cycle"]


def test_what_the_schedule_counts() -> None:
    """Every update, or those of Caption Matching alone; then it ends near a quarter."""
    settings = ("train.pretrain_updates=4000", "cm.time_scale=false", "cm.batches=cycle")
    every = UpdatePlan(tiny("full", *settings), 100, 480, 1)
    own = UpdatePlan(tiny("full", *settings, "cm.step=cm_only"), 100, 480, 1)
    assert own.level_shares(3999) == pytest.approx(every.level_shares(999))


# The presets

RELEASE = {
    "model.norm": "authors",  # norm
    "model.gelu": "authors",  # gelu
    "model.positions": "sine_authors",  # positions
    "model.colour_head": True,  # colour-head
    "inputs.neighbours": "chain",  # neighbours
    "inputs.max_caption": 10,  # lengths
    "inputs.info_format": "authors",  # info-format
    "inputs.vocabulary": 6389,  # vocabulary
    "cm.strategy": "fixed",  # strategy
    "cm.fixed_mix": [0.3, 0.3, 0.4],  # fixed-mix
    "cm.redraw": False,  # redraw
    "cm.level2": "location",  # level2
    "cm.head": "softmax2",  # matching-head
    "train.precision": "fp32",  # precision
}

#: What paper and release share, or what the paper leaves open: the release's side is the default.
SHARED = {
    "inputs.location_bias": True,  # location-bias
    "cg.label_smoothing": 0.1,  # label-smoothing
    "cg.reduce": "token",  # reduce
    "model.embed_scale": "sqrt",  # embed-scale
    "train.schedule": "noam",  # rates
    "train.batch": 400,  # batch
    "train.betas": [0.9, 0.98],  # optimiser
    "inputs.mask_text": True,  # mask-text
    "inputs.grid_map": "round",  # grid-map
    "inputs.missing_neighbour": "zero",  # missing-neighbour
    "inputs.max_info": 60,  # lengths
    "cm.batches": "random",  # task-mix
    "model.feed_forward": 2048,  # feed-forward
    "inputs.image_side": 0,  # image-side
    "model.batch_norm": "local",  # batch-norm
}


def test_the_release_preset_sets_every_row() -> None:
    """A preset that says "as released" and forgets a row, or touches what is none."""
    full = named("full")
    assert differences(full, release(full)) == RELEASE
    assert {path: value(release(full), path) for path in SHARED} == SHARED
    assert release(release(full)) == release(full)


def test_the_release_preset_keeps_the_variant() -> None:
    """The release's `baseline` must not be given neighbours, nor `context` a Caption Matching."""
    assert value(release(named("baseline")), "inputs.neighbours") == "none"
    assert value(release(named("context")), "cm.strategy") == "none"
    assert value(release(named("no-image")), "inputs.image") is False


def test_the_released_model_trains_and_writes(splits: Splits, vocabulary: Vocabulary) -> None:
    """Options that work one by one may not work together."""
    config = release(tiny("full", "cm.batches=cycle"))
    data = prepared(splits["train"], config, vocabulary)
    model = ReferenceModel(config, len(vocabulary))
    updates = Updates(UpdatePlan(config, data.n_images, data.n_boxes, 1), data)
    batches: list[Batch] = [updates[update][0] for update in (0, 3)]
    assert [batch.labels is None for batch in batches] == [True, False]
    for batch in batches:
        loss = model.loss(batch)
        loss.backward()
        assert math.isfinite(loss.item())
    assert all(len(ids) <= 9 for ids in model.eval().generate(batches[0]))


# The page that explains the rows

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "paper_vs_code.md"


def test_the_page_names_options_that_exist() -> None:
    """Documentation of an option that was renamed sends its reader into an error message."""
    page = PAGE.read_text(encoding="utf-8")
    options = re.findall(r"`((?:model|inputs|cg|cm|train)\.[a-z_0-9]+=[^`]+)`", page)
    assert len(options) > 25
    for option in options:
        override(Config(), [option])
    assert set(re.findall(r"`((?:model|inputs|cg|cm|train)\.[a-z_0-9]+)=", page)) <= set(paths(Config()))


def test_comments_name_rows_of_the_page() -> None:
    """A comment that sends its reader to a row that is gone, or a setting that does not say what it is about."""
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \|.*\|([^|]*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert len(rows) == 34
    named_keys: dict[str, set[str]] = {}
    for path in [
        path for folder in ("reference_model", "baselines", "tests") for path in (ROOT / folder).rglob("*.py")
    ]:
        for keys in re.findall(r"paper_vs_code: ([a-z0-9-]+(?:, [a-z0-9-]+)*)", path.read_text(encoding="utf-8")):
            named_keys.setdefault(path.name, set()).update(keys.split(", "))
    assert set().union(*named_keys.values()) <= rows.keys()
    with_setting = {key for key, other in rows.items() if re.search(r"`(?:model|inputs|cg|cm|train)\.", other)}
    assert named_keys["config.py"] == with_setting


# Configurations


def test_every_bad_setting_is_named() -> None:
    """One error a run, for a command line with five."""
    with pytest.raises(InputError) as refused:
        override(Config(), ["model.layer=4", "nonsense", "model=3", "inputs.grid=8"])
    assert len(refused.value.problems) == 3
    for word in ("model.layer=4", "nonsense", "model=3"):
        assert any(word in problem for problem in refused.value.problems)
    bad = {
        "model.layers=many": "model.layers",
        "model.norm=batch": "layernorm or authors",
        "inputs.image=perhaps": "inputs.image",
        "cm.fixed_mix=1,0": "cm.fixed_mix",
        "train.batch=1.5": "train.batch",
        "train.rate=fast": "train.rate",
    }
    with pytest.raises(InputError) as refused:
        override(Config(), list(bad))
    assert len(refused.value.problems) == len(bad)
    assert all("got" in problem and "expected" in problem for problem in refused.value.problems)
    for words in bad.values():
        assert any(words in problem for problem in refused.value.problems)


def test_problems_name_the_group_and_the_setting_that_was_meant() -> None:
    """`layers: got 0` where several networks in one run have layers, or 76 names for one that is misspelt."""
    bad = ["model.layers=0", "train.batch=0", "model.layrs=3", "cm.fixed_mix=a,b,c", "inputs.image=maybe"]
    with pytest.raises(InputError) as refused:
        override(Config(), bad)
    assert sorted(refused.value.problems) == [
        "cm.fixed_mix: got 'a,b,c', expected 3 numbers with commas between them",
        "inputs.image: got 'maybe', expected true or false",
        "model.layers: got 0, expected at least 1",
        "model.layrs=3: no such setting; did you mean model.layers?",
        "train.batch: got 0, expected at least 1",
    ]
    with pytest.raises(InputError, match=r"^inputs\.pool: got 3, expected a divisor of grid \(8\)$"):
        override(Config(), ["inputs.pool=3"])


def test_every_kind_of_problem_comes_at_once() -> None:
    """An unknown name, a wrong type and impossible values in several groups."""
    bad = {
        "model.layers.deep=3": "model.layers.deep",
        "model.layer=4": "model.layer=4",
        "train.batch=1.5": "train.batch",
        "cg.label_smoothing=2": "label_smoothing",
        "cm.negatives=2": "negatives",
        "cm.share=2": "share",
    }
    with pytest.raises(InputError) as refused:
        override(Config(), list(bad))
    assert len(refused.value.problems) == len(bad)
    for words in bad.values():
        assert any(words in problem for problem in refused.value.problems)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("model.heads=3", "model.width"),
        ("model.layers=0", "layers"),
        ("model.dropout=2", "dropout"),
        ("model.dropout=nan", "dropout"),
        ("inputs.pool=3", "inputs.pool"),
        ("inputs.max_caption=2", "max_caption"),
        ("cm.negatives=-0.1", "negatives"),
        ("cm.fixed_mix=0.5,0.5,0.5", "cm.fixed_mix"),
        ("cm.fixed_mix=2,-1,0", "cm.fixed_mix"),
        ("cm.fixed_mix=nan,0.5,0.5", "cm.fixed_mix"),
        ("cg.label_smoothing=1.1", "label_smoothing"),
        ("train.batch=0", "batch"),
    ],
)
def test_impossible_values_are_refused(setting: str, words: str) -> None:
    """Hours into a run is late to learn that the heads do not divide the width."""
    with pytest.raises(InputError, match=words):
        override(Config(), [setting])


def test_no_neighbours_without_a_location() -> None:
    """An ablation that would quietly be another one."""
    with pytest.raises(InputError, match=r"inputs\.neighbours"):
        override(named("context"), ["inputs.location=false"])


def test_from_dict_names_every_problem() -> None:
    """A configuration file of an older version, or edited by hand."""
    content = to_dict(Config())
    assert from_dict(content, Config) == Config()
    del content["model"]["layers"], content["profile"]
    content["cm"]["fixed_mix"] = [0.3, "0.4", 0.3]
    content["train"]["batch"] = True
    content["inputs"] = {"image": 1} | {k: v for k, v in content["inputs"].items() if k != "image"}
    content["cg"] = [0.1]
    content["extra"] = 1
    with pytest.raises(InputError) as refused:
        from_dict(content, Config)
    for words in (
        "model.layers: missing",
        "profile: missing",
        "cm.fixed_mix: got [0.3, '0.4', 0.3], expected 3 numbers",
        "train.batch: got True",
        "inputs.image: got 1",
        "cg: got [0.1], expected a mapping",
        "extra: no such setting",
    ):
        assert any(words in problem for problem in refused.value.problems), words
    assert len(refused.value.problems) == 7
    for junk in (None, [], "x", 3):
        with pytest.raises(InputError, match="expected a mapping"):
            from_dict(junk, Config)  # type: ignore[arg-type]


def another(config: Config, path: str) -> Config:
    """The configuration with one field changed to some other value that it may have."""
    old = value(config, path)
    *groups, name = path.split(".")
    owner: Any = config
    for group in groups:
        owner = getattr(owner, group)
    literals = get_args(get_type_hints(type(owner))[name])
    candidates = [o for o in literals if isinstance(o, str) and o != old]
    if isinstance(old, bool):
        candidates = [str(not old)]
    elif isinstance(old, list):
        candidates = [",".join(map(str, reversed(old))), "0.2,0.4,0.4"]
    elif isinstance(old, int | float):
        candidates = [str(2 * old), str(old + 1), str(type(old)(0.5))]
    elif not candidates:
        candidates = [f"{old}x"]
    for candidate in candidates:
        try:
            changed = override(config, [f"{path}={candidate}"])
        except InputError:
            continue
        if changed != config:
            return changed
    raise AssertionError(f"no other value for {path}")


@pytest.mark.parametrize("path", paths(Config()))
def test_the_hash_sees_everything_but_the_name(path: str) -> None:
    """Two different runs in one folder; or one run trained twice because it is called something else."""
    config = named("baseline")
    changed = another(config, path)
    assert (changed.hash == config.hash) == (path in ("name", "profile"))


@pytest.mark.parametrize(
    ("variant", "setting"), [("m4c-copy", "copying.input=pointer"), ("m2-tatt", "tatt.encoder_layers=1")]
)
def test_a_setting_that_came_later_leaves_runs_what_they_were(variant: str, setting: str) -> None:
    """A new option that makes all stored runs unreadable, or puts runs with and without it into one folder."""
    config = named(variant, "mini")
    stored: dict[str, Any] = to_dict(config)
    group, name = setting.partition("=")[0].split(".")
    for later in ("loss", "input"):
        stored.get("copying", {}).pop(later, None)
    stored.pop("tatt", None)
    assert name not in stored.get(group, {})
    assert from_dict(stored, type(config)) == config
    decides = {key: value for key, value in stored.items() if key not in ("name", "profile")}
    assert config.hash == hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]
    changed = override(config, [setting])
    assert changed.hash != config.hash
    assert from_dict(to_dict(changed), type(config)) == changed


def test_the_hash_is_of_the_content() -> None:
    """A hash that depends on the order of keys, on how a number is written, or on the process."""
    config = named("full", "mini")
    shuffled = {key: to_dict(config)[key] for key in sorted(to_dict(config), reverse=True)}
    assert from_dict(shuffled, Config).hash == config.hash
    assert override(config, ["train.clip=1"]).hash == override(config, ["train.clip=1.0"]).hash
    assert re.fullmatch(r"[0-9a-f]{12}", config.hash)
    hashes = {name: named(name).hash for name in VARIANTS}
    assert len(set(hashes.values())) == len(hashes)


def test_defaults_are_the_paper_s() -> None:
    """The paper's printed numbers: section 5.1 and section 4."""
    config = named("full")
    assert (config.model.layers, config.model.width, config.model.heads, config.inputs.grid) == (6, 1024, 8, 8)
    assert (config.train.pretrain_updates, config.train.warmup, config.cm.share) == (200_000, 4000, 0.25)
    assert (config.cm.negatives, config.cm.fixed_mix) == (0.6, (0.3, 0.4, 0.3))
    assert isinstance(config.cg, GenerationConfig)


def test_the_paper_s_equations_are_found_where_they_are_computed() -> None:
    """A reader of the paper who looks for equation 3 and finds it in a comment somewhere else, or nowhere."""
    functions = {
        1: ImageTokens.forward,
        2: GridCode.boxes,
        3: LocationToken.forward,
        4: Words.forward,
        5: generation_loss,
        6: level_shares,
        7: level_shares,
        8: level_shares,
        9: matching_loss,
    }
    for number, function in functions.items():
        assert f"equation {number}" in (function.__doc__ or ""), number
