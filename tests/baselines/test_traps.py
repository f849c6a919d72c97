"""Known traps of the baselines' public code, one test each."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_runs import prepared, tiny

from baselines.m2.model import MemoryAttention
from baselines.m4c.model import copied_log_probabilities, highest_scores, multi_label_losses
from baselines.rstnet.geometry import box_positions, cell_boxes, relations
from baselines.rstnet.language_model import CharacterModel, install
from baselines.rstnet.model import prepare
from baselines.updown.model import AdditiveAttention
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from reference_model.batch import PAD, SEP, SOS, UNK
from reference_model.dry_run import plan_table
from reference_model.embeddings import CAPTION, INFO, sinusoid
from reference_model.measure import Trial, count_flops
from reference_model.run_folder import build_model
from reference_model.training.batches import collate
from reference_model.training.inputs import PreparedSplit
from reference_model.training.vocabulary import Vocabulary

Splits = dict[str, Split]
LM = ("language_model.width=16", "language_model.feed_forward=16", "language_model.epochs=8", "language_model.batch=32")


def built(vocabulary: Vocabulary, variant: str, *overrides: str) -> Any:
    torch.manual_seed(0)
    return build_model(tiny(variant, *overrides), len(vocabulary))


def splits_of(splits: Splits, vocabulary: Vocabulary, *overrides: str) -> dict[str, PreparedSplit]:
    config = tiny("rstnet", *LM, *overrides)
    return {name: prepared(splits[name], config, vocabulary) for name in ("train", "val")}


def test_memory_slots_and_sinusoids_survive_initialisation(vocabulary: Vocabulary) -> None:
    """The Xavier pass over the whole network overwrites both in the original."""
    model = built(vocabulary, "m2", "model.width=64", "m2.memory=400")
    assert torch.equal(model.words.positions, sinusoid(200, 64, authors=False))
    slots = [module for module in model.modules() if isinstance(module, MemoryAttention)]
    for module in slots:
        assert float(module.memory_keys.std()) == pytest.approx(1 / 16, rel=0.05)
        assert float(module.memory_values.std()) == pytest.approx(1 / 400, rel=0.05)


def test_the_language_model_survives_initialisation_and_has_no_dropout(splits: Splits, vocabulary: Vocabulary) -> None:
    """In the original a fresh start re-initialises the pre-trained model, and its dropout stays on."""
    data = splits_of(splits, vocabulary)
    models = [built(vocabulary, "rstnet", *LM) for _ in range(2)]
    notes = [prepare(m, m.config, data, vocabulary, 1) for m in models]
    assert notes[0] == notes[1]
    assert 1 < notes[0]["perplexity"] < len(vocabulary)
    for a, b in zip(*(m.signal.language_model.parameters() for m in models), strict=True):
        assert torch.equal(a, b)
        assert not a.requires_grad
    model = models[0].train()
    assert not any(module.training for module in model.signal.language_model.modules())
    trained = [p for p in model.parameters() if p.requires_grad]
    assert not {id(p) for p in model.signal.language_model.parameters()} & {id(p) for p in trained}


def test_the_language_model_learns_from_training_captions_alone(
    splits: Splits, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal that has read the test captions writes them."""
    data = splits_of(splits, vocabulary)
    model = built(vocabulary, "rstnet", *LM)
    seen: list[torch.Tensor] = []
    original = CharacterModel.loss

    def listen(network: CharacterModel, captions: torch.Tensor) -> torch.Tensor:
        if network.training:
            seen.extend(captions)
        return original(network, captions)

    monkeypatch.setattr(CharacterModel, "loss", listen)
    install(model.signal.language_model, model.config.language_model, data, vocabulary, seed=77)
    train = {data["train"].span("captions", i).tobytes() for i in range(data["train"].n_boxes)}
    assert {row[row != PAD].numpy().astype("<u2").tobytes() for row in seen} == train


def test_the_language_model_does_not_depend_on_who_comes_first(
    splits: Splits, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First weights and dropout of whichever captioner filled the cache: a run ended with other bits after another."""

    def installed(*overrides: str, variant: str = "rstnet-tatt") -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        data = splits_of(splits, vocabulary, *overrides)
        model = built(vocabulary, variant, *LM, *overrides)
        prepare(model, model.config, data, vocabulary, 1)
        return {name: value.clone() for name, value in model.signal.language_model.state_dict().items()}, torch.rand(1)

    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path / "a"))
    alone, drawn = installed()
    assert same_tensors(installed(variant="rstnet")[0], alone)  # all rows of a seed listen to one
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path / "b"))
    installed("model.layers=3")
    installed("inputs.max_caption=9")  # other positions: once a shape that did not fit the file of the other
    for _ in range(2):  # made, then read
        again, drawn_again = installed()
        assert same_tensors(again, alone)
        assert torch.equal(drawn_again, drawn)


def same_tensors(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_language_models_training_is_in_the_estimates(splits: Splits, vocabulary: Vocabulary) -> None:
    """A plan of an hour before which a language model trains for a day."""
    config = tiny("rstnet", *LM)
    step, steps = Trial.of(config, splits).before()
    n_captions = len(splits["train"].captions)
    assert steps == 8 * -(-n_captions // 32)
    assert count_flops(step) > 0
    for kind, variant in (("zero", "rstnet"), ("zero", "m2")):
        more = [f"language_model.kind={kind}"] if variant == "rstnet" else []
        assert Trial.of(tiny(variant, *more), splits).before()[1] == 0
    labels = [row.texts()[0] for row in plan_table(config, splits).rows]
    assert "before the first update, here" in labels


def test_a_damaged_language_model_is_made_anew(
    splits: Splits, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flipped bit in the cache, and every later run listens to another signal."""
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path))
    data = splits_of(splits, vocabulary)

    def installed() -> dict[str, torch.Tensor]:
        model = built(vocabulary, "rstnet", *LM, "language_model.epochs=1")
        prepare(model, model.config, data, vocabulary, 1)
        return dict(model.signal.language_model.state_dict())

    whole = installed()
    [path] = tmp_path.glob("language_models/*.safetensors")
    content = path.read_bytes()
    for damaged in (content[:-9] + bytes([content[-9] ^ 1]) + content[-8:], content[:200], bytes(len(content))):
        path.write_bytes(damaged)
        assert same_tensors(installed(), whole)


@pytest.mark.parametrize("kind", ["char", "onehot", "zero"])
def test_the_signal_knows_nothing_of_later_characters(kind: str, splits: Splits, vocabulary: Vocabulary) -> None:
    """The original's BERT sees the word that is to be predicted: perfect in training, worthless at test time."""
    model = built(vocabulary, "rstnet", *LM, f"language_model.kind={kind}").eval()
    _check_signal(model, vocabulary)


def test_bert_is_masked_and_has_its_own_ids(splits: Splits, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """A caption's ids are arbitrary rows of BERT's table, and BERT's attention goes both ways."""
    from transformers import BertConfig, BertModel

    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *vocabulary.entries[5:40]]
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(entries), **sizes)).save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(entries), encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    model = built(vocabulary, "rstnet", "language_model.kind=bert", f"language_model.path={tmp_path}").eval()
    install(model.signal.language_model, model.config.language_model, {}, vocabulary, 1)
    ids = model.signal.language_model.ids.tolist()
    assert ids[:5] == [1, 0, 2, 3, 3]  # <unk> <pad> <sos> <eos> <sep>
    assert ids[5:40] == list(range(5, 40))
    assert set(ids[40:]) == {1}
    _check_signal(model, vocabulary, highest=40)


def _check_signal(model: Any, vocabulary: Vocabulary, highest: int | None = None) -> None:
    captions = torch.randint(5, highest or len(vocabulary), (4, 7))
    captions[:, 0] = SOS
    before = model.signal(captions, model.words)
    for t in range(1, 7):
        changed = captions.clone()
        changed[:, t] = 5 + (changed[:, t] - 4) % ((highest or len(vocabulary)) - 5)
        after = model.signal(changed, model.words)
        assert torch.allclose(before[:, :t], after[:, :t], atol=1e-5)
        assert torch.allclose(before[:, t], after[:, t], atol=1e-6) == (model.signal.kind == "zero")


def test_visualness_is_a_share(splits: Splits, vocabulary: Vocabulary) -> None:
    """Weights that do not add up to 1 over image and signal."""
    config = tiny("rstnet-tatt", *LM)
    model = built(vocabulary, "rstnet-tatt", *LM).eval()
    batch = collate(prepared(splits["train"], config, vocabulary), np.arange(20))
    found = model.visualness(batch)
    assert len(found) == int((batch.captions[:, 1:] != PAD).sum())
    assert bool(((found > 0) & (found < 1)).all())


def test_additive_attention_against_a_loop() -> None:
    """Weights of padded characters must be 0 and the others add up to 1: masks belong before the softmax."""
    torch.manual_seed(0)
    attention = AdditiveAttention(6, 4)
    query, values = torch.randn(3, 6), torch.randn(3, 5, 6)
    real = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]], dtype=torch.bool)
    found = attention(query, values, attention.value(values), real)
    for b in range(3):
        n = int(real[b].sum())
        hidden = [torch.tanh(attention.value.weight @ v + attention.query.weight @ query[b]) for v in values[b, :n]]
        weights = torch.stack([attention.score.weight[0] @ h for h in hidden]).softmax(0)
        assert torch.allclose(found[b], sum(w * v for w, v in zip(weights, values[b], strict=False)), atol=1e-5)


def test_copies_of_a_character_add_up() -> None:
    """Split over vocabulary and copies, the likeliest character loses to a second one; padding is never copied."""
    scores = torch.log(torch.tensor([[0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.5]]))
    copies = torch.log(torch.tensor([[0.4, 0.4, 9.0, 9.0]]))
    characters = torch.tensor([[5, 5, PAD, SEP]])
    allowed = torch.tensor([[True, True, False, False]])
    p = copied_log_probabilities(scores, copies, characters, allowed).exp()
    expected = torch.tensor([[0.1, 0.1, 0.1, 0.1, 0.1, 0.2 + 0.8, 0.5]]) / 2
    assert torch.allclose(p, expected / expected.sum() * p.sum(), atol=1e-6)
    assert float(p.sum()) == pytest.approx(1, abs=1e-5)
    assert int(p.argmax()) == 5


def test_padding_and_separators_are_never_copied(splits: Splits, vocabulary: Vocabulary) -> None:
    """Product info is full of both."""
    config = tiny("m4c-copy")
    model = built(vocabulary, "m4c-copy").eval()
    batch = collate(prepared(splits["train"], config, vocabulary), np.arange(20))
    state = model.start(dataclasses.replace(batch, info=torch.nn.functional.pad(batch.info, (0, 3), value=PAD)))
    special = (state.pointed.characters == PAD) | (state.pointed.characters == SEP)
    assert bool(special.any())
    assert not bool((state.pointed.allowed & special).any())
    share = model.copied_share(batch)
    assert bool(((share >= 0) & (share <= 1)).all())
    assert float(share.max()) > 0


def test_sigmoids_of_the_original_want_the_entry_and_every_copy() -> None:
    """A copy of the target that is pushed down; padding that is wanted; a best copy that is not what is written."""
    scores = torch.tensor([[0.5, -1.0, 0.3, 2.0, -0.2, 1.5, 0.1], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])
    copies = torch.tensor([[0.7, 3.0, 9.0, -1.0], [-2.0, 0.2, 9.0, 0.1]])
    characters = torch.tensor([[5, 6, PAD, 5], [6, 6, PAD, 5]])
    allowed = characters != PAD
    targets = torch.tensor([5, 6])
    found = multi_label_losses(scores, copies, characters, allowed, targets)
    for n in range(2):
        each = [(float(score), character == targets[n]) for character, score in enumerate(scores[n])]
        each += [
            (float(score), character == targets[n])
            for score, character in zip(copies[n], characters[n].tolist(), strict=True)
            if character != PAD
        ]
        expected = sum(np.log1p(np.exp(-score if wanted else score)) for score, wanted in each)
        assert float(found[n]) == pytest.approx(expected, rel=1e-5)
    best = highest_scores(scores, copies, characters, allowed)
    assert best[0].tolist() == pytest.approx([0.5, -1.0, 0.3, 2.0, -0.2, 1.5, 3.0])
    assert best[1].tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])


@pytest.mark.parametrize("reduce", ["token", "caption"])
def test_the_loss_of_sigmoids_is_summed_over_the_batch(reduce: str, splits: Splits, vocabulary: Vocabulary) -> None:
    """An option that is accepted and trains with the softmax, or forgets how captions are weighted."""
    overrides = ("copying.loss=bce", "cg.label_smoothing=0", f"cg.reduce={reduce}")
    model = built(vocabulary, "m4c-copy", *overrides).eval()
    batch = collate(prepared(splits["train"], tiny("m4c-copy"), vocabulary), np.arange(12))
    hidden, pointed = model._states(batch, batch.captions[:, :-1])
    logits, copies = model.logits(hidden), model._copies(hidden, pointed)
    expected = 0.0
    for b, targets in enumerate(batch.captions[:, 1:]):
        real = targets[targets != PAD]
        losses = [
            multi_label_losses(
                logits[b, t : t + 1], copies[b, t : t + 1], pointed.characters[b : b + 1], pointed.allowed[b : b + 1], c
            )
            for t, c in enumerate(real[:, None])
        ]
        expected += float(sum(losses)) / (len(real) if reduce == "caption" else 1)
    assert float(model.loss(batch)) * batch.normaliser == pytest.approx(expected, rel=1e-4)
    with pytest.raises(InputError, match=r"cg.label_smoothing: got 0.1, expected 0 with copying.loss=bce"):
        tiny("m4c-copy", "copying.loss=bce")


def test_copied_characters_are_read_as_their_place_in_product_info(splits: Splits, vocabulary: Vocabulary) -> None:
    """A copy that is read as a word; a separator or an unknown character that is taken for a copy."""
    config = tiny("m4c-copy", "copying.input=pointer")
    model = built(vocabulary, "m4c-copy", "copying.input=pointer").eval()
    batch = collate(prepared(splits["train"], config, vocabulary), np.arange(12))
    info = batch.info[batch.image_of_box]
    given = batch.captions[:, :-1].clone()
    given[:, 2], given[:, 3], given[:, 4] = SEP, UNK, info[:, 5]
    info[:, 7] = UNK
    found = model._as_read(model.captions(given), given, info)
    segments, words = model.segments.weight, model.words
    copied = 0
    for b, t in np.ndindex(*given.shape):
        character = int(given[b, t])
        token = words.table.weight[character] * words.scale + words.positions[t] + segments[CAPTION]
        if character in info[b].tolist() and character not in (PAD, SEP, UNK):
            token = token + words.positions[info[b].tolist().index(character)] + segments[INFO]
            copied += 1
        assert torch.allclose(found[b, t], token, atol=1e-6)
    assert copied >= batch.n_boxes
    same = built(vocabulary, "m4c-copy").eval()
    assert not torch.allclose(model.full_logits(batch, given), same.full_logits(batch, given), atol=1e-4)


@pytest.mark.parametrize("variant", ["m2-tatt", "rstnet-tatt"])
def test_layers_encode_product_info_for_each_image_alone(variant: str, splits: Splits, vocabulary: Vocabulary) -> None:
    """Layers that are built and not used; padding, or another image's product info, that is read along."""
    model = built(vocabulary, variant, "tatt.encoder_layers=2").eval()
    batch = collate(prepared(splits["train"], tiny(variant), vocabulary), np.arange(12))
    x, real = model.inputs.info(batch, model.words)
    found = model.info_encoder((x, real))[0]
    for i in range(len(x)):
        expected = x[i, real[i]]
        for layer in model.info_encoder.layers:
            attention, heads = layer.attention, layer.attention.heads
            query, key, value = (
                linear(expected).unflatten(1, (heads, -1))
                for linear in (attention.query, attention.key, attention.value)
            )
            looked = []
            for h in range(heads):
                scores = query[:, h] @ key[:, h].T / key.shape[2] ** 0.5
                looked.append(scores.softmax(dim=1) @ value[:, h])
            expected = layer.norm(expected + attention.output(torch.cat(looked, dim=1)))
            forward = layer.feed_forward
            expected = forward.norm(expected + forward.contract(forward.expand(expected).relu()))
        assert torch.allclose(found[i, real[i]], expected, atol=1e-5)
    before = model.full_logits(batch, batch.captions)
    with torch.no_grad():
        model.info_encoder.layers[1].feed_forward.contract.weight.mul_(3)
    assert not torch.allclose(model.full_logits(batch, batch.captions), before, atol=1e-5)
    with pytest.raises(InputError, match=r"tatt.encoder_layers: got 2, expected 0 with inputs.info=false"):
        tiny(variant, "tatt.encoder_layers=2", "inputs.info=false")


def test_relations_against_the_formula() -> None:
    """Four log ratios of two boxes, at eight wave lengths: one pair worked out by hand."""
    a, b = torch.tensor([[0.0, 0.0, 0.5, 0.25]]), torch.tensor([[0.5, 0.5, 1.0, 1.0]])
    found = relations(a, b)[0, 0]
    deltas = [np.log(0.5 / 1.5), np.log(0.625 / 1.25), np.log(1.5 / 1.5), np.log(1.25 / 1.5)]
    angles = [100 * 1000 ** (-k / 8) * delta for delta in deltas for k in range(8)]
    assert np.allclose(found[:32].numpy(), np.sin(angles), atol=1e-3)
    assert np.allclose(found[32:].numpy(), np.cos(angles), atol=1e-3)
    itself = relations(a, a)[0, 0]
    assert np.allclose(itself[:8].numpy(), np.sin([100 * 1000 ** (-k / 8) * np.log(1e-3) for k in range(8)]), atol=1e-3)


def test_positions_of_cells_count_from_one_as_the_original() -> None:
    """Cell i of g has (i + 1) / g of a circle, y before x, sines on even channels."""
    positions = box_positions(cell_boxes(4, torch.device("cpu")), 16, 0.25)
    assert positions.shape == (16, 16)
    y, x = 2, 1
    expected = []
    for place in (y, x):
        for k in range(4):
            angle = (place + 1) / 4 * 2 * np.pi / 10000 ** (2 * (2 * k // 2) / 8)
            expected += [np.sin(angle), np.cos(angle)]
    assert np.allclose(positions[4 * y + x].numpy(), expected, atol=1e-5)
