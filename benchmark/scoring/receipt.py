"""The score receipt: everything needed to trust, cite and recompute the scores of one prediction file.

A receipt never stands in for the predictions: `verify` recomputes it from them and names the first difference.

Invariant: two receipts of the same captions on the same data are equal but for `versions`, whatever the file's line
order, compression or machine.
"""

import hashlib
import json
import math
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..dataset.known import known_split
from ..dataset.store import Split
from ..errors import InputError
from ..metrics import cider
from ..metrics.copying import copy_check
from ..metrics.corpus import MAX_ORDER
from ..metrics.length_fit import BIN_EDGES
from .evaluation import METRIC_VERSION, Evaluation
from .significance import RESAMPLES, SEED

FORMAT = "caponimage-receipt/1"

#: The encoder of caption types which this package ships, trained on mini's training captions.
DEFAULT_ENCODER = "mini"


def signature(split: Split) -> str:
    """One line for papers: data, tokens, metric variants, bootstrap, version; comparable scores have equal ones."""
    return (
        f"caponimage|data:{split.dataset}/{split.name}@{split.fingerprint.hexdigest()[:8]}|tok:char|bleu:1-4"
        f"|meteor:1.5-en-norm|cider-d:n{MAX_ORDER},s{cider.SIGMA:g}|div:char-uni"
        f"|boot:{RESAMPLES},seed{SEED}|v{METRIC_VERSION}"
    )


def make_receipt(
    split: Split,
    evaluation: Evaluation,
    *,
    slices: bool = True,
    copying_from: Split | None = None,
    type_encoder: str | None = None,
) -> dict[str, Any]:
    """The receipt of an evaluation, ready for JSON (floats at full precision, null for undefined numbers).

    Args:
        split: what was evaluated.
        evaluation: of it.
        slices: include scores by slice.
        copying_from: the train split, to include the copy check.
        type_encoder: sentence encoder (see `caption_types.load_encoder`), to include the caption types.
    """
    corpus = evaluation.corpus
    receipt: dict[str, Any] = {
        "format": FORMAT,
        "signature": signature(split),
        "data": {
            "name": split.dataset,
            "split": split.name,
            "synthetic": split.synthetic,
            "images": split.n_images,
            "boxes": split.n_boxes,
            "fingerprint": split.fingerprint.hexdigest(),
            "known_split": known_split(split.fingerprint.hexdigest()),
        },
        "sha256": {
            "predictions": _digest(corpus.predictions),
            "references": _digest(corpus.references),
            "document_frequencies": _digest(_document_frequencies(corpus.references)),
        },
        "scores": evaluation.scores,
        "intervals": evaluation.intervals(),
        "ceilings": {"CIDEr": cider.ceiling(corpus) * 100},
    }
    curve = evaluation.length_curve()
    if curve is not None:
        receipt["length_fit"] = {
            "bins_from": BIN_EDGES,
            "boxes": curve.boxes,
            "predictions": curve.predictions,
            "references": curve.references,
            "distance": curve.distance,
            "spearman": curve.spearman,
        }
    if slices:
        receipt["slices"] = evaluation.slice_scores(split)
    if copying_from is not None:
        infos = [title + attributes for title, attributes in zip(split.titles, split.attributes, strict=True)]
        infos = [infos[i] for i in split.image_of_box.tolist()]
        receipt["copying"] = vars(copy_check(corpus.predictions, infos, copying_from.captions))
    if type_encoder is not None:
        from ..metrics import caption_types  # needs the extra `types`

        receipt["types"] = caption_types.score_types(corpus, split.boxes, encoder=type_encoder)
    receipt["versions"] = {
        "caponimage": __version__,
        "metrics": METRIC_VERSION,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    return plain(receipt)


def plain(value: Any) -> Any:
    """Arrays to lists, tuples to lists, NaN to None: what JSON can hold."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def _digest(captions: Iterable[str]) -> str:
    """SHA-256 of captions, one a line (tokens hold no newline)."""
    return hashlib.sha256("".join(f"{c}\n" for c in captions).encode("utf-8", "surrogatepass")).hexdigest()


def _document_frequencies(references: Sequence[str]) -> list[str]:
    frequencies: Counter[str] = Counter()
    for caption, boxes in Counter(references).items():
        grams = {caption[i : i + n] for n in range(1, MAX_ORDER + 1) for i in range(len(caption) - n + 1)}
        for gram in grams:
            frequencies[gram] += boxes
    return [f"{gram} {boxes}" for gram, boxes in sorted(frequencies.items())]


def read_receipt(path: Path) -> dict[str, Any]:
    """Read a receipt.

    Raises:
        InputError: if the file is no receipt of this format version.
    """
    try:
        receipt = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a receipt: not JSON ({error})") from None
    if not isinstance(receipt, dict) or receipt.get("format") != FORMAT:
        raise InputError(
            f"{path}: not a receipt of format {FORMAT!r}; make one: `python -m benchmark.score preds.jsonl -o {path}`"
        )
    return receipt


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a key that stands there twice the last value would count, and the first would still be read by people."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice in one object")
    return found


def first_difference(stored: Any, recomputed: Any, where: str = "") -> str | None:
    """Where two receipts first differ, in words, bit for bit; None if they agree. `versions` do not count."""
    if isinstance(stored, dict) and isinstance(recomputed, dict):
        for key in [*recomputed, *(key for key in stored if key not in recomputed)]:
            if not where and key == "versions":
                continue
            place = f"{where}.{key}" if where else key
            if key not in stored:
                return f"{place}: missing in the receipt"
            if key not in recomputed:
                return f"{place}: in the receipt, but not recomputed"
            difference = first_difference(stored[key], recomputed[key], place)
            if difference:
                return difference
        return None
    if isinstance(stored, list) and isinstance(recomputed, list) and len(stored) == len(recomputed):
        pairs = enumerate(zip(stored, recomputed, strict=True))
        return next(filter(None, (first_difference(a, b, f"{where}[{i}]") for i, (a, b) in pairs)), None)
    if type(stored) is type(recomputed) and stored == recomputed:
        return None
    return f"{where}: the receipt says {stored!r:.200}, recomputed {recomputed!r:.200}"
