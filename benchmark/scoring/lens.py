"""Score predictions under other recipes that papers use for the same metrics (option `--lens`).

Such differences cause most confusion about scores in this field, so the official recipe is marked and the others are
shown beside it. Metrics work with any tokenisation, since every distinct token gets a code point of its own.
"""

import math
from collections.abc import Callable, Sequence

from ..dataset.store import Split
from ..grid import Grid, number
from ..metrics import bleu, cider, diversity, meteor
from ..metrics.corpus import Corpus
from .evaluation import evaluate

_FIRST_PRIVATE = 0xF0000  # planes 15 and 16: 131,068 code points without a meaning


def lens_table(split: Split, captions: Sequence[str]) -> Grid:
    """Table of the scores of the same predictions under each recipe; `*` marks the official one."""
    grid = Grid("recipe lens (* official)", ["metric", "recipe", "score"])
    rows: list[tuple[str, str, float]] = []
    evaluation = evaluate(split, captions)
    corpus = evaluation.corpus
    tokenisers: list[tuple[str, Callable[[str], list[str]] | None]] = [
        ("tok:char *", list),
        ("tok:word (jieba)", _jieba()),
        ("tok:blank (a Chinese phrase is one token, as for PTB)", str.split),
    ]
    for name, tokenise in tokenisers:
        if tokenise is None:
            grid.notes.append("tok:word needs the package jieba: pip install 'caponimage[lens]'")
            continue
        scores = _accuracy(_retokenised(split, captions, tokenise))
        rows += [(metric, name, value) for metric, value in scores.items()]
    rows.sort(key=lambda row: row[0])

    mean_cider = math.fsum(cider.segment_scores(corpus, clipped=False)) / corpus.n_boxes * 100
    segments = meteor.segment_scores(evaluation.meteor_statistics)
    bigrams = diversity.per_image(corpus, 2, denominator="n-grams")
    rows += [
        ("CIDEr", "CIDEr-D: clipped, length penalty *", evaluation.scores["CIDEr"]),
        ("CIDEr", "CIDEr: no clipping, no length penalty", mean_cider),
        ("METEOR", "from summed statistics *", evaluation.scores["METEOR"]),
        ("METEOR", "mean of segments", math.fsum(segments) / corpus.n_boxes * 100),
        ("Div@2", "over characters *", evaluation.scores["Div@2"]),
        ("Div@2", "over bigrams", math.fsum(bigrams) / corpus.n_images * 100),
    ]
    for metric, recipe, value in rows:
        grid.add(metric, recipe, number(value))
    return grid


def _accuracy(corpus: Corpus) -> dict[str, float]:
    values = bleu.aggregate(bleu.statistics(corpus).sum(axis=0)) * 100
    scores = dict(zip(bleu.NAMES, values.tolist(), strict=True))
    scores["CIDEr"] = math.fsum(cider.segment_scores(corpus)) / corpus.n_boxes * 100
    return scores


def _retokenised(split: Split, captions: Sequence[str], tokenise: Callable[[str], list[str]]) -> Corpus:
    points: dict[str, str] = {}

    def encode(caption: str) -> str:
        return "".join(points.setdefault(t, chr(_FIRST_PRIVATE + len(points))) for t in tokenise(caption))

    return Corpus([encode(c) for c in captions], [encode(c) for c in split.captions], split.offsets)


def _jieba() -> Callable[[str], list[str]] | None:
    try:
        import jieba
    except ImportError:
        return None
    # Left to itself, jieba loads its dictionary from a file of the temporary folder, whoever has put that there.
    words = jieba.Tokenizer()
    words.FREQ, words.total = words.gen_pfdict(words.get_dict_file())
    words.initialized = True
    return lambda caption: words.lcut("".join(caption.split()))
