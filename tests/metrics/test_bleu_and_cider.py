"""BLEU and CIDEr-D against pycocoevalcap, which is the paper's scorer, and against values worked out by hand."""

import math
from collections import Counter

import numpy as np
import pytest
from captions import pairs
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider

from benchmark.metrics import bleu, cider
from benchmark.metrics.corpus import Corpus, _ranks, count_ngrams


def assert_equals_pycocoevalcap(predictions: list[str], references: list[str]) -> None:
    corpus = Corpus.from_captions(predictions=predictions, references=references)
    gts = {i: [" ".join(caption)] for i, caption in enumerate(corpus.references)}
    res = {i: [" ".join(caption)] for i, caption in enumerate(corpus.predictions)}
    total, each = Bleu(4).compute_score(gts, res, verbose=0)
    statistics = bleu.statistics(corpus)
    assert bleu.aggregate(statistics.sum(axis=0)) == pytest.approx(total, abs=1e-12)
    assert np.abs(bleu.aggregate(statistics) - np.array(each).T).max() <= 1e-12
    total, each = Cider().compute_score(gts, res)
    assert cider.aggregate(cider.statistics(corpus).sum(axis=0))[0] == pytest.approx(total, abs=1e-12)
    assert np.abs(cider.segment_scores(corpus) - each).max() <= 1e-12


def test_equals_pycocoevalcap_on_many_captions() -> None:
    """Any slip in counting, clipping, document frequency or length penalty."""
    assert_equals_pycocoevalcap(*pairs(4000))


@pytest.mark.slow
def test_equals_pycocoevalcap_on_twenty_thousand_images() -> None:
    """A slip that shows only at the size of the real test split."""
    assert_equals_pycocoevalcap(*pairs(97_000, seed=1))


text = st.text(st.sampled_from("好用温和的a1.，😀\u200b \u3000"), max_size=9)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(text, text), min_size=1, max_size=6))
def test_equals_pycocoevalcap_on_made_captions(captions: list[tuple[str, str]]) -> None:
    """Empty captions, one-character captions, a corpus of one, all captions equal, white space inside."""
    predictions, references = zip(*captions, strict=True)
    assume(any(reference.split() for reference in references))  # pycocoevalcap crashes without any n-gram
    assert_equals_pycocoevalcap(list(predictions), list(references))


@pytest.mark.parametrize(("length", "score"), [(1, 2.5), (2, 5.0), (3, 7.5), (4, 10.0), (7, 10.0)])
def test_cider_of_a_copy_grows_with_its_length(length: int, score: float) -> None:
    """Orders that a caption does not have count 0: dividing by the orders present would give 10 for all."""
    references = ["温和不刺激皮肤好"[:length], "别的话"]
    corpus = Corpus.from_captions(predictions=references, references=references)
    assert cider.segment_scores(corpus)[0] == pytest.approx(score)


def test_cider_ceiling_is_what_the_references_score() -> None:
    """A ceiling computed apart from the score could drift from it."""
    _, references = pairs(500)
    corpus = Corpus.from_captions(predictions=references, references=references)
    assert cider.ceiling(corpus) == pytest.approx(cider.aggregate(cider.statistics(corpus).sum(axis=0))[0])


def test_cider_penalty_is_in_bigrams() -> None:
    """Taking delta from characters differs when the prediction is empty or of one character."""
    corpus = Corpus.from_captions(predictions=["好", "用"], references=["好用啊", "别的"])
    other = Corpus.from_captions(predictions=["好用啊", "用"], references=["好用啊", "别的"])
    unigram = 1 / math.sqrt(3)  # cosine of one of three equally rare characters
    assert cider.segment_scores(corpus)[0] == pytest.approx(10 / 4 * unigram * math.exp(-(2**2) / 72))
    assert cider.segment_scores(other)[0] == pytest.approx(7.5)


def test_bleu_by_hand() -> None:
    """好用 against 好用吗: both precisions 1, brevity penalty exp(1 - 3/2)."""
    corpus = Corpus.from_captions(predictions=["好用"], references=["好用吗"])
    score = bleu.aggregate(bleu.statistics(corpus))[0]
    assert score[:2] == pytest.approx([math.exp(-0.5)] * 2, abs=1e-8)


def test_ngrams_do_not_cross_captions() -> None:
    """Concatenating all captions to count at once must not invent 和|好."""
    unigrams, bigrams, trigrams, fourgrams = count_ngrams(["温和", "好用", "", "啊"])
    assert [len(o.gram) for o in (unigrams, bigrams, trigrams, fourgrams)] == [5, 2, 0, 0]
    assert bigrams.caption.tolist() == [0, 1]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(min_codepoint=0x30, max_codepoint=0x35), max_size=9), max_size=8))
def test_ngrams_are_counted(captions: list[str]) -> None:
    """Ids that are not in the order of the code points, counts of another caption, spellings of another n-gram."""
    for n, ngrams in enumerate(count_ngrams(captions), 1):
        spelt = ["".join(map(chr, points)) for points in ngrams.points.tolist()]
        assert spelt == sorted(set(spelt))
        for i, caption in enumerate(captions):
            own = slice(*ngrams.offsets[i : i + 2])
            assert (ngrams.caption[own] == i).all()
            found = {spelt[g]: c for g, c in zip(ngrams.gram[own], ngrams.count[own], strict=True)}
            assert found == Counter(caption[k : k + n] for k in range(len(caption) - n + 1))


def test_ranks_of_keys_of_any_size() -> None:
    """Keys that are too large to be sorted together with their places, or so small that they are looked up."""
    random = np.random.default_rng(1)
    for largest in (0, 5, 10**4, 10**9, 2**62):
        keys = random.integers(0, largest + 1, 1000)
        assert (_ranks(keys) == np.unique(keys, return_inverse=True)[1]).all()
    assert len(_ranks(np.zeros(0, np.int64))) == 0


def test_texts_and_pairs_lead_back_to_the_boxes() -> None:
    """A score of one pair that lands on a box with another."""
    predictions, references = ["好", "用", "好", "", "好"], ["好", "", "用", "用", "用"]
    corpus = Corpus.from_captions(predictions=predictions, references=references)
    texts, pairs = corpus.texts, corpus.pairs
    assert len(set(texts.captions)) == len(texts.captions) == 3
    assert len(pairs) == 4
    assert [texts.captions[i] for i in pairs.prediction[pairs.of_box]] == predictions
    assert [texts.captions[i] for i in pairs.reference[pairs.of_box]] == references


def test_white_space_is_no_token() -> None:
    """Ideographic and zero-width blanks: the first is dropped by all metrics, the second kept by all."""
    corpus = Corpus.from_captions(predictions=["好\u3000 用\u200b"], references=["好用"])
    assert corpus.predictions == ["好用\u200b"]
