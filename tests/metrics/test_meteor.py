"""METEOR against the Java program that pycocoevalcap ships (where there is Java), and against its recorded answers."""

import os
import warnings
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from random import Random

import numpy as np
import pytest
from captions import pairs
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocoevalcap.meteor.meteor import Meteor

from benchmark.dataset.mini.lexicon import domains
from benchmark.errors import InputError
from benchmark.metrics import meteor
from benchmark.metrics.alignment import align
from benchmark.metrics.corpus import Corpus
from benchmark.scoring.original import find_java


@pytest.fixture(scope="module")
def original() -> Iterator[Meteor]:
    """The Java program, started once; it takes some seconds to read its paraphrases."""
    try:
        java = find_java()
    except InputError as error:
        warnings.warn(f"METEOR WAS NOT COMPARED WITH THE ORIGINAL: {error}", stacklevel=1)
        pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path(java).parent), prepend=os.pathsep)
        program = Meteor()
    yield program
    program.meteor_p.kill()


def assert_equals_original(original: Meteor, predictions: list[str], references: list[str]) -> None:
    corpus = Corpus.from_captions(predictions=predictions, references=references)
    gts = {i: [" ".join(caption)] for i, caption in enumerate(corpus.references)}
    res = {i: [" ".join(caption)] for i, caption in enumerate(corpus.predictions)}
    total, each = original.compute_score(gts, res)
    statistics = meteor.pair_statistics(corpus.predictions, corpus.references)
    different = np.flatnonzero(np.abs(meteor.segment_scores(statistics) - each) > 1e-12)
    assert [(corpus.predictions[i], corpus.references[i]) for i in different] == []
    assert meteor.aggregate(statistics.sum(axis=0))[0] == pytest.approx(total, abs=1e-12)


def realistic(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Captions of mini; predictions are copies, other captions of the same fact, or beginnings with another end."""
    random = Random(seed)
    facts = [fact for domain in domains() for category in domain.categories for fact in category.points]
    texts = [[*fact.words, *fact.stock] for fact in (*facts, *(m for domain in domains() for m in domain.materials))]
    predictions, references = [], []
    for _ in range(n):
        forms, other = random.choice(texts), random.choice(random.choice(texts))
        reference = random.choice(forms)
        predictions.append(random.choice([reference, random.choice(forms), reference[:2] + other[2:]]))
        references.append(reference)
    return predictions, references


def hostile(n: int, longest: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Repeats of few words, among them those that have synonyms and paraphrases: alignments that outgrow the beam."""
    random = Random(seed)
    alphabets = [
        "好用",
        "好用温和",
        "好",
        "ars",
        "1cb°",
        "1il好",
        "eld",
        "kgmcw",
        "5v好",
        "frhs",
        "tl1d",
        "o0·•a.",
        "好e1id用",
    ]

    def caption(alphabet: str) -> str:
        return "".join(random.choices(alphabet, k=random.randint(1, longest)))

    alphabet_of_each = random.choices(alphabets, k=n)
    return [caption(a) for a in alphabet_of_each], [caption(a) for a in alphabet_of_each]


def test_equals_original_on_realistic_captions(original: Meteor) -> None:
    """Any slip in matching, weights, chunks or the formula."""
    assert_equals_original(original, *realistic(2000))


def test_equals_original_on_made_captions(original: Meteor) -> None:
    """Digits, Latin letters, function words, full-width forms, emoji, empty captions."""
    assert_equals_original(original, *pairs(3000))


def test_equals_original_where_alignments_outgrow_the_beam(original: Meteor) -> None:
    """The best alignment, instead of the one that the original's beam finds."""
    assert_equals_original(original, *hostile(1500, longest=14))


#: White space, control characters, quotes, words in several cases, colliding emoji, words with paraphrases.
ODD = (
    "好用的1iIcCbB°vV5gkmKarsSeEdDlLfh.,，'‘’`“”\"-–—()|$%％％ａＡéÉßẞσΣςİ྾Кк😀🧡🤖🥲👍"
    "\u200b\u3000 \x01\x7f\ufeff\U00010400\U00010428"
)
text = st.text(st.sampled_from(ODD), max_size=9)


@settings(max_examples=150, deadline=None)
@given(captions=st.lists(st.tuples(text, text), min_size=1, max_size=12))
def test_equals_original_on_odd_captions(original: Meteor, captions: list[tuple[str, str]]) -> None:
    """Words that only the original takes for the same, or for none; corpora of empty captions."""
    predictions, references = zip(*captions, strict=True)
    assert_equals_original(original, list(predictions), list(references))


@pytest.mark.slow
def test_equals_original_on_twenty_thousand_images(original: Meteor) -> None:
    """A slip that shows only at the size of the real test split."""
    assert_equals_original(original, *pairs(97_000, seed=1))


@pytest.mark.slow
def test_equals_original_on_many_hostile_captions(original: Meteor) -> None:
    """An order in which choices are tried, or ties are broken, that is right on most captions only."""
    assert_equals_original(original, *hostile(40_000, longest=12, seed=1))
    assert_equals_original(original, *hostile(500, longest=60, seed=2))


#: Pairs and what pycocoevalcap 1.2 answered (meteor-1.5.jar, OpenJDK 17), one corpus.
ANSWERS = [
    ("温和不刺激", "温和不刺激", 1.0),
    ("好用", "好用啊", 0.33520678036654417),
    ("用好", "好用", 0.4),
    ("好，用", "好,用", 0.3287671232876712),  # a full-width comma is a content word
    ("温和的水", "温和的乳霜", 0.320631997697234),
    ("12%", "15%", 0.2666666666666666),
    ("a好", "A好", 1.0),
    ("“好”", '"好"', 1.0),
    ("İ", "\u0fbe", 1.0),  # equal hashes
    ("😀", "🧡", 1.0),  # equal hashes
    ("1", "i", 0.8),  # synonyms
    ("s", "r", 0.6),  # paraphrases
    ("1c", "1b", 0.6),
    ("5", "v", 0.0),  # both at once
    ("k", "gm", 0.0),  # two ways to match: none is worth its chunk
    ("好e", "好dd", 0.26816542429323537),  # ... unless it goes on with one
    ("eeeeeeee", "dddddddd", 0.0),
    ("eeeeeeeee", "ddddddddd", 0.6),  # the empty alignment has fallen off the beam
    ("用好用用", "好好好用好好好用好用用用", 0.16057314563816993),  # three chunks, though two would do
    ("温用用好温用", "温温好好好用好", 0.2531664194003263),
    ("1c", "地1b", 0.14035087719298242),  # the 1 alone: turning it down for the phrase is charged its distance
    ("好1", "好i水好l", 0.19186731194202197),
    ("好1", "地好i水好l", 0.1275277317811361),
    ("leed", "dedd", 0.8),
    ("", "好用", 0.0),
    ("好用", "", 0.0),
    ("", "", 0.0),
    ("\x01好", "好\x02", 1.0),  # control characters at the ends
]


@pytest.mark.parametrize(("prediction", "reference", "score"), ANSWERS)
def test_recorded_answers(prediction: str, reference: str, score: float) -> None:
    """The original's peculiarities, where there is no Java to ask."""
    assert meteor.segment_scores(meteor.pair_statistics([prediction], [reference]))[0] == pytest.approx(
        score, abs=1e-12
    )


def test_recorded_corpus() -> None:
    """The mean of segments, or a corpus without its empty predictions, is another number."""
    predictions, references, scores = zip(*ANSWERS, strict=True)
    statistics = meteor.pair_statistics(predictions, references)
    assert meteor.aggregate(statistics.sum(axis=0))[0] == pytest.approx(0.2756696006559591, abs=1e-12)
    assert abs(np.mean(scores) - 0.2756696006559591) > 0.1


def test_by_hand() -> None:
    """好用 against 好用啊: precision 1, recall 2/3, one chunk of two matches."""
    score = meteor.segment_scores(meteor.pair_statistics(["好用"], ["好用啊"]))[0]
    assert score == pytest.approx(1 / (0.15 / 1 + 0.85 / (2 / 3)) * (1 - 0.6 * (1 / 2) ** 0.2))


def test_statistics_by_hand() -> None:
    """的,好 against 好,吗: two matches of three, one of them a function word; two chunks; a comma weighs 1 for 3."""
    statistics = meteor.pair_statistics(["的,好", "好"], ["好,吗", "好"])
    assert statistics.dtype == np.int64
    assert statistics.tolist() == [[7, 7, 20, 20, 4, 2], [3, 3, 15, 15, 2, 0]]


def test_short_captions_get_the_best_alignment() -> None:
    """A search that loses matches or adds chunks without need: all captions of two words, against brute force."""
    captions = ["".join(words) for n in range(1, 5) for words in product("好用", repeat=n)]
    for prediction, reference in product(captions, repeat=2):
        matches, chunks = align(prediction, reference)
        assert (len(matches), chunks) == _brute_force(prediction, reference), (prediction, reference)


def _brute_force(prediction: str, reference: str) -> tuple[int, int]:
    """Most matches, then fewest chunks."""
    alignments: list[tuple[int, ...]] = [()]  # for each word of the prediction, where it is in the reference, or -2
    for word in prediction:
        places = [[-2, *(j for j, other in enumerate(reference) if other == word and j not in a)] for a in alignments]
        alignments = [(*a, j) for a, choices in zip(alignments, places, strict=True) for j in choices]
    best = min((a.count(-2), sum(j >= 0 and j != i + 1 for i, j in zip((-2, *a), a, strict=False))) for a in alignments)
    return len(prediction) - best[0], best[1]


def assert_counted_as_searched(predictions: list[str], references: list[str]) -> None:
    counted = meteor.pair_statistics(predictions, references)[:, 2:].tolist()
    searched = [[*meteor._searched(*pair)] for pair in zip(predictions, references, strict=True)]
    pairs = zip(predictions, references, counted, searched, strict=True)
    assert [(p, r, c, s) for p, r, c, s in pairs if c != s] == []


def test_what_is_counted_is_what_a_search_finds() -> None:
    """Pairs that are counted many at a time, without the search that the original's answers stand behind: repeats on
    either side, several words with two choices, chunks that only one of the choices joins.
    """
    captions = ["".join(words) for n in range(5) for words in product("好用的", repeat=n)]
    assert_counted_as_searched(*map(list, zip(*product(captions, captions), strict=True)))
    random = Random(5)
    predictions = ["".join(random.choices("温和不刺激皮肤", k=random.randint(1, 10))) for _ in range(4000)]
    assert_counted_as_searched(predictions, ["".join(random.sample(one, len(one))) for one in predictions])
    assert_counted_as_searched(predictions, random.sample(predictions, len(predictions)))


def test_few_pairs_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search for each pair, which is what made METEOR slow."""
    searched = []
    monkeypatch.setattr(meteor, "align", lambda *pair: searched.append(pair) or align(*pair))
    predictions, references = realistic(3000)
    meteor.pair_statistics(predictions, references)
    assert len(searched) < 30


def test_pairs_are_compared_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs that are lost, or counted twice, where one batch ends and the next begins."""
    predictions, references = realistic(200)
    predictions, references = [*predictions, "", "好" * 30, "好用" * 9], [*references, "好", "好" * 29, "用好" * 9]
    expected = meteor.pair_statistics(predictions, references)
    for size in (1, 7, 64, 500):
        monkeypatch.setattr(meteor, "_COMPARISONS", size)
        assert (meteor.pair_statistics(predictions, references) == expected).all(), size


def test_long_repeats_end() -> None:
    """A search without bound: 200 times the same word has more alignments than atoms exist."""
    statistics = meteor.pair_statistics(["好" * 200, "1" * 200], ["好" * 199, "i" * 200])
    assert statistics.tolist() == [[600, 597, 2985, 2985, 398, 1], [600, 200, 2400, 800, 400, 0]]


def test_statistics_do_not_depend_on_what_was_scored_before() -> None:
    """A table of words that is filled as they come must not make their order matter."""
    predictions, references = pairs(300)
    forth = meteor.pair_statistics(predictions, references)
    back = meteor.pair_statistics(predictions[::-1], references[::-1])
    assert (forth == back[::-1]).all()


def test_aggregate_keeps_leading_axes() -> None:
    """The bootstrap hands over many sums at once, as floats."""
    statistics = meteor.pair_statistics(*pairs(60))
    sums = statistics.reshape(3, 4, 5, -1).sum(axis=2)
    values = meteor.aggregate(sums.astype(float))
    assert values.shape == (3, 4, 1)
    assert values[1, 2, 0] == meteor.aggregate(sums[1, 2])[0]
