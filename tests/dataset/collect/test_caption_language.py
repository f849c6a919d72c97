"""Language models: sums, a second calculation by hand, and that no caption speaks for itself."""

import hashlib
import json
import math
import random
import sys
import types
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.dataset.collect.language_model import CausalFolder, KenlmFile, open_model
from benchmark.dataset.collect.ngrams import ALPHABET, CrossFittedNgrams, NgramModel, count
from benchmark.dataset.collect.rules import parse
from benchmark.dataset.store import Split
from benchmark.errors import InputError

BEGIN, END = "\0", "\1"


def window(context: str, character: str) -> int:
    codes = [ord(c) for c in (context.rjust(3, BEGIN))[-3:] + character]
    return sum(code << 16 * place for place, code in enumerate(reversed(codes)))


def by_hand(texts: list[str], context: str, character: str) -> float:
    """The probability of a character after a context, in plain Python: interpolated Kneser-Ney."""
    grams: Counter[str] = Counter()
    for text in texts:
        row = BEGIN * 3 + text + END
        grams.update(row[i - 3 : i + 1] for i in range(3, len(row)))
    tables = [grams]
    for _ in range(3):
        shorter: Counter[str] = Counter()
        for gram, n in tables[-1].items():
            shorter[gram[1:]] += n if gram[1] == BEGIN and len(gram) > 2 else 1
        tables.append(shorter)
    probability = 1 / ALPHABET
    for order, table in enumerate(reversed(tables), 1):
        once, twice = (sum(n == k for n in table.values()) for k in (1, 2))
        discount = min(max(once / (once + 2 * twice) if once else 0.5, 0.1), 0.9)
        before = context.rjust(3, BEGIN)[len(context.rjust(3, BEGIN)) - order + 1 :]
        after = {gram[-1]: n for gram, n in table.items() if gram[:-1] == before}
        if after:
            own = max(after.get(character, 0) - discount, 0)
            probability = (own + discount * len(after) * probability) / sum(after.values())
    return probability


TEXTS = ["温和不刺激", "温和", "不含酒精", "温和不油腻", "持久留香", "a", "🍵茶"]


@given(st.lists(st.text("温和不刺", min_size=1, max_size=5), max_size=8), st.text("温和不久", max_size=4))
@settings(max_examples=50, deadline=None)
def test_probabilities_are_those_calculated_by_hand(texts: list[str], text: str) -> None:
    """A mistake in packing, counting or interpolating, which still gives plausible scores."""
    row = text + END
    expected = [math.log(by_hand(texts, row[:i], character)) for i, character in enumerate(row)]
    assert NgramModel(*count(texts)).score([text]) == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("context", ["", "温", "温和", "温和不", "和不刺激", "没有见过", "🍵"])
@pytest.mark.parametrize("texts", [TEXTS, []])
def test_probabilities_sum_to_one(context: str, texts: list[str]) -> None:
    """Scores that cannot be compared after different contexts."""
    base = window(context.replace("🍵", "\ufffd"), BEGIN)
    windows = np.arange(1, ALPHABET + 1, dtype=np.uint64) + np.uint64(base)
    probabilities = np.exp(NgramModel(*count(texts)).log_probabilities(windows))
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities.min() > 0


def test_characters_of_any_kind() -> None:
    """Characters beyond 16 bits, halves of them, the codes of begin and end, and empty captions."""
    odd = ["🍵", "\ud800", "\0\1", "", "温" * 1000]
    assert np.isfinite(CrossFittedNgrams().score(odd, [""] * 5)).all()
    assert len(CrossFittedNgrams().score([], [])) == 0


def test_no_caption_scores_itself() -> None:
    """A misreading that is likely because the model has learnt it: its score may not depend on its own half."""
    captions = [f"{a}{b}{c}" for a in "温和不刺" for b in "激持久留" for c in "香含酒精"]
    groups = [str(i) for i in range(len(captions))]
    infos = ["温和洗面奶"] * len(captions)
    scores = CrossFittedNgrams().score(captions, infos, groups)
    for i in (0, 17, 40):
        # Alone in its half: the others in it are moved to empty groups' captions, so it alone could speak for itself.
        changed = [
            caption if n == i or half(groups[n]) != half(groups[i]) else "甲乙丙" for n, caption in enumerate(captions)
        ]
        assert CrossFittedNgrams().score(changed, infos, groups)[i] == scores[i]
        # As a model says that has learnt the other half and the titles, and never the caption.
        others = [caption for n, caption in enumerate(captions) if half(groups[n]) != half(groups[i])]
        assert captions[i] not in others
        assert NgramModel(*count([*others, "温和洗面奶"])).score([captions[i]])[0] == scores[i]


def half(group: str) -> int:
    return hashlib.sha256(group.encode()).digest()[0] % 2


def test_captions_of_an_image_do_not_speak_for_each_other() -> None:
    """A word that is misread everywhere in one picture, or in its near-duplicates."""
    zero, one = (next(name for name in "abcdefgh" if half(name) == side) for side in (0, 1))
    captions = ["持久留杳", "清新留杳", "留杳一天", "温和不刺激"]
    together = CrossFittedNgrams().score(captions, [""] * 4, [zero, zero, zero, one])[0]
    assert together == CrossFittedNgrams().score([captions[0], captions[3]], [""] * 2, [zero, one])[0]
    assert together < CrossFittedNgrams().score(captions, [""] * 4, [zero, one, one, one])[0]


def test_random_strings_are_unlikely(embedded: dict[str, Split]) -> None:
    """An AUC of at least .93 (measured: .98), with random captions of the same characters and lengths in the build."""
    real = [str(caption) for caption in embedded["val"].captions]
    draw, alphabet = random.Random(1), sorted(set("".join(real)))
    made = ["".join(draw.choice(alphabet) for _ in caption) for caption in real]
    both = real + made
    scores = CrossFittedNgrams().score(both, [""] * len(both), [str(i) for i in range(len(both))])
    ranks = np.argsort(np.argsort(scores))
    n = len(real)
    assert (ranks[:n].sum() - n * (n - 1) / 2) / (n * len(made)) >= 0.93


def test_titles_and_corpus_are_learnt(tmp_path: Path) -> None:
    """A corpus file that is named and not read; a model of which the signature does not say what it has learnt."""
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\ufeff这款面霜温和不刺激，很好用。\r\n" * 3, encoding="utf-8")
    model = open_model(parse([f"corpus={corpus}"]))
    plain = open_model(parse([]))
    assert model
    assert plain
    captions, infos = ["温和不刺激", "持久留香"], ["", ""]
    assert model.score(captions, infos)[0] > plain.score(captions, infos)[0]
    assert plain.score(captions, ["温和不刺激面霜"] * 2)[0] > plain.score(captions, infos)[0]
    assert plain.name == "ngram:4"
    assert model.name.startswith("ngram:4+")
    assert str(tmp_path) not in model.name


def test_missing_files(tmp_path: Path) -> None:
    """A traceback for a model that is not there."""
    (tmp_path / "latin1.txt").write_bytes("温\n".encode() + b"\xff\xfe\n")
    for assignment, told in {
        f"corpus={tmp_path / 'no.txt'}": "expected a text file",
        f"corpus={tmp_path / 'latin1.txt'}": "not UTF-8",
        f"language_model=hf:{tmp_path / 'no'}": "is no folder",
        f"language_model=kenlm:{tmp_path / 'no'}": "is no file",
    }.items():
        with pytest.raises(InputError, match=told):
            open_model(parse([assignment]))
    assert open_model(parse("language_model=off")) is None


def test_kenlm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Natural logarithms of a mean over characters and end, from the decimal ones of a sum; a sentence if missing."""
    path = tmp_path / "a.arpa"
    path.write_text("model")
    monkeypatch.setitem(sys.modules, "kenlm", None)
    with pytest.raises(InputError, match="not installed; try `pip install kenlm`"):
        open_model(parse([f"language_model=kenlm:{path}"]))

    class Model:
        def __init__(self, path: str) -> None:
            pass

        def score(self, text: str, bos: bool, eos: bool) -> float:
            return -1.0 * (len(text.split()) + eos)

    monkeypatch.setitem(sys.modules, "kenlm", types.SimpleNamespace(Model=Model))
    assert KenlmFile(path).score(["温和", "持久留香"], ["", ""]) == pytest.approx([-math.log(10)] * 2)


@pytest.fixture
def causal_folder(tmp_path: Path) -> Path:
    """A folder as that of the authors' model: a GPT-2 with the vocabulary of a BERT; random weights, tiny."""
    transformers = pytest.importorskip("transformers")
    import torch

    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"温和不刺激持久留香"]
    folder = tmp_path / "gpt2-tiny"
    config = transformers.GPT2Config(vocab_size=len(words), n_embd=8, n_layer=1, n_head=1, n_positions=32)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    return folder


@pytest.mark.slow
def test_the_released_formula(causal_folder: Path) -> None:
    """Mean over the characters from the second on of (logit - highest logit), by hand; [UNK] for every character."""
    import torch
    import transformers

    captions = ["温和不刺激", "持久", "留香", "持久", "温"]
    model = CausalFolder(causal_folder)
    scores = model.score(captions, [""] * 5)
    reference = transformers.GPT2LMHeadModel.from_pretrained(causal_folder).eval()
    words = (causal_folder / "vocab.txt").read_text(encoding="utf-8").split()
    for caption, score in zip(captions[:4], scores, strict=False):
        ids = [words.index(character) for character in caption]
        with torch.no_grad():
            logits = reference(torch.tensor([ids])).logits[0]
        places = [float(logits[i - 1, ids[i]] - logits[i - 1].max()) for i in range(1, len(ids))]
        assert score == pytest.approx(sum(places) / len(places), abs=1e-5)
    assert scores[4] == 0
    assert model.name.startswith("hf:gpt2-tiny@")
    with pytest.raises(InputError, match="knows less than half"):
        model.score(["甲乙丙"], [""])


@pytest.mark.slow
def test_folders_that_hold_no_model(causal_folder: Path, tmp_path: Path) -> None:
    """A traceback, or a model with random weights in the place of missing ones."""
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="holds no causal language model"):
        CausalFolder(empty)
    from safetensors.torch import load_file, save_file

    weights = load_file(causal_folder / "model.safetensors")
    del weights["transformer.ln_f.weight"]
    save_file(weights, causal_folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"weights are missing: transformer\.ln_f\.weight"):
        CausalFolder(causal_folder)
    (causal_folder / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match="holds no causal language model"):
        CausalFolder(causal_folder)


def test_memory_is_bounded_by_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts and scores that depend on how many texts are taken at a time."""
    whole, scores = count(TEXTS * 3), NgramModel(*count(TEXTS)).score(TEXTS)
    monkeypatch.setattr("benchmark.dataset.collect.ngrams._CHUNK", 2)
    parts = count(TEXTS * 3)
    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))
    assert np.array_equal(NgramModel(*count(TEXTS)).score(TEXTS), scores)
