"""The score receipt: everything needed to trust, cite and recompute the scores of one prediction file.

A receipt never replaces the predictions: `verify` recomputes it from them and names the first difference.

Invariants:
* two receipts of the same captions on the same data are equal but for `versions`, whatever the file's line order,
  compression or machine;
* a receipt stays valid when metrics are added: it names its metrics, each with its version, and only these are
  compared. The founding metrics cannot be left out;
* only a version that has existed excuses a number from being compared.
"""

import hashlib
import json
import math
import platform
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset.store import Split, known_split
from ..errors import InputError
from ..metrics import METRICS, by_module, cider, load
from ..metrics.copying import copy_check
from ..metrics.corpus import MAX_ORDER, Corpus
from ..metrics.length_fit import BIN_EDGES
from ..strict_json import each_key_once
from ..version import __version__
from .evaluation import EARLIER_METRIC_VERSIONS, METRIC_VERSION, Evaluation
from .significance import RESAMPLES, SEED

FORMAT, LAYOUT_FORMAT = "caponimage-receipt/1", "caponimage-layout-receipt/1"

#: First version of every metric; also the version of the founding metrics in receipts that name no versions.
_FIRST = "1"

#: Metric module -> its section in a receipt, where that does not have the module's name.
_SECTIONS = {"bleu": "copying"}

#: Sections that do not depend on the version of what all metrics share; those that it can change are the others.
_WHATEVER_THE_VERSION = frozenset({"format", "data", "sha256", "metrics", "versions"})

#: Lines of document frequencies made at once, which bounds the memory.
_LINES = 1 << 17

_WHOLE_NUMBER = re.compile("[1-9][0-9]{0,8}")
_MAX_NAMES = 5

#: Caption-type model that this package ships, trained on mini's training captions.
DEFAULT_ENCODER = "mini"


def signature(split: Split, versions: Mapping[str, str] | None = None) -> str:
    """Signature line for papers: data, tokens, metric variants, bootstrap, version; equal if scores are comparable.

    Args:
        split: split that was evaluated.
        versions: version of each metric that was computed; by default all metrics with their present versions.
    """
    about = {"name": split.dataset, "split": split.name, "fingerprint": split.fingerprint.hexdigest()}
    return signature_of(about, {metric.name: metric.version for metric in METRICS} if versions is None else versions)


def signature_of(data: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    """Make a signature from the `data` of a receipt and the version of each of its metrics."""
    recipes = "".join(f"|{recipe}" for recipe in _recipes(versions))
    return (
        f"caponimage|data:{data['name']}/{data['split']}@{data['fingerprint'][:8]}|tok:char{recipes}"
        f"|boot:{RESAMPLES},seed{SEED}|v{METRIC_VERSION}"
    )


def _recipes(versions: Mapping[str, str]) -> list[str]:
    """For each module, the recipe of its founding metrics, then the metrics that the recipe does not cover.

    These are every metric that was added later, and every one whose version was raised, unless all founding metrics of
    the module were raised to the same version, which is then appended to the recipe: `cider-d:n4,s6,v2`.
    """
    found = []
    for module, metrics in by_module().items():
        present = [metric for metric in metrics if metric.name in versions]
        founding = {versions[metric.name] for metric in present if metric.founding}
        recipe = getattr(load(module), "RECIPE", "")
        common = founding.pop() if recipe and len(founding) == 1 else _FIRST
        if recipe and any(metric.founding for metric in present):
            found.append(recipe if common == _FIRST else f"{recipe},v{common}")
        for metric in present:
            version = versions[metric.name]
            if version != (common if metric.founding else None):
                found.append(f"{metric.key}:v{version}")
    return found


def make_receipt(
    split: Split,
    evaluation: Evaluation,
    *,
    slices: bool = True,
    copying_from: Split | None = None,
    type_encoder: str | None = None,
) -> dict[str, Any]:
    """Make the receipt of an evaluation, ready for JSON (floats at full precision, null for undefined numbers).

    Args:
        split: split that was evaluated.
        evaluation: evaluation of the predictions on that split.
        slices: whether to include scores by slice.
        copying_from: train split, to include the copy check.
        type_encoder: caption-type model (see `caption_types.load_type_model`), to include the caption types.
    """
    corpus = evaluation.corpus
    versions = {metric.name: metric.version for part in evaluation.parts for metric in part.metrics}
    receipt: dict[str, Any] = {
        "format": FORMAT,
        "signature": signature(split, versions),
        "data": about(split),
        "sha256": {
            "predictions": captions_digest(corpus.predictions),
            "references": captions_digest(corpus.references),
            "document_frequencies": _document_frequencies_digest(corpus),
        },
        "metrics": versions,
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
    receipt["versions"] = versions_of(METRIC_VERSION)
    return plain(receipt)


def about(split: Split) -> dict[str, Any]:
    """The section `data` of a receipt."""
    return {
        "name": split.dataset,
        "split": split.name,
        "synthetic": split.synthetic,
        "images": split.n_images,
        "boxes": split.n_boxes,
        "fingerprint": split.fingerprint.hexdigest(),
        "known_split": known_split(split.fingerprint.hexdigest()),
    }


def versions_of(metrics: str) -> dict[str, str]:
    """The section `versions` of a receipt, which is never compared but for the version of what metrics share."""
    return {
        "caponimage": __version__,
        "metrics": metrics,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def plain(value: Any) -> Any:
    """Convert a value to what JSON can hold: arrays and tuples to lists, NaN to None."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def captions_digest(captions: Iterable[str]) -> str:
    """SHA-256 of captions, one a line (tokens hold no newline)."""
    return hashlib.sha256("\n".join([*captions, ""]).encode("utf-8", "surrogatepass")).hexdigest()


def _document_frequencies_digest(corpus: Corpus) -> str:
    """SHA-256 of lines `<n-gram> <boxes>`, sorted by code points, of the n-grams that references hold.

    Lines are laid out as rows of code points, with -1 where a row has none, and turned into text all at once.
    """
    rows = []
    for ngrams, boxes in zip(corpus.ngrams, corpus.document_frequencies, strict=True):
        held = np.flatnonzero(boxes)
        order = np.full((len(held), MAX_ORDER + 1), -1, np.int64)
        order[:, : ngrams.points.shape[1]] = ngrams.points[held]
        order[:, -1] = boxes[held]
        rows.append(order)
    table = np.concatenate(rows)
    table = table[_sorted_places(table[:, :-1])]
    digest = hashlib.sha256()
    for first in range(0, len(table), _LINES):
        digest.update(_lines(table[first : first + _LINES]))
    return digest.hexdigest()


def _sorted_places(rows: np.ndarray) -> np.ndarray:
    """Order of rows of code points, of which -1 is the smallest."""
    seen = np.bincount(rows.reshape(-1) + 1) > 0
    ranks = np.cumsum(seen)[rows + 1]
    base = int(seen.sum()) + 1
    if base ** rows.shape[1] >= 1 << 63:  # a row does not fit into one number
        return np.lexsort(rows.T[::-1])
    keys = np.zeros(len(rows), np.int64)
    for column in ranks.T:
        keys = keys * base + column
    return np.argsort(keys)


def _lines(table: np.ndarray) -> bytes:
    """Rows of code points, the last column of which is a number, as lines of UTF-8."""
    points, numbers = table[:, :-1], table[:, -1:]
    powers = 10 ** np.arange(len(str(numbers.max())))[::-1]
    digits = np.where(numbers >= powers, numbers // powers % 10 + ord("0"), -1)
    blank, end = (np.full_like(numbers, ord(sign)) for sign in " \n")
    characters = np.concatenate([points, blank, digits, end], axis=1)
    text = characters[characters >= 0].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    return text.encode("utf-8", "surrogatepass")


def read_receipt(path: Path, formats: Collection[str] = (FORMAT,)) -> dict[str, Any]:
    """Read a score receipt.

    Args:
        path: the file.
        formats: formats that are accepted; by default that of captions for given boxes.

    Raises:
        InputError: if the file is not a receipt of these formats.
    """
    try:
        receipt = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=each_key_once)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a receipt: not JSON ({error})") from None
    if not isinstance(receipt, dict) or receipt.get("format") not in formats:
        raise InputError(
            f"{path}: not a receipt of format {FORMAT!r}; `python -m benchmark.score PREDS -o scores.json` makes one"
        )
    return receipt


def metric_versions(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """Version of each metric in a receipt; an old receipt that names no versions has the founding metrics."""
    versions = receipt.get("metrics")
    return versions if isinstance(versions, dict) else {metric.name: _FIRST for metric in METRICS if metric.founding}


def later_metrics(receipt: Mapping[str, Any]) -> list[str]:
    """Names of metrics that are not in a receipt since they were added later; this is no difference."""
    present = metric_versions(receipt)
    return [metric.name for metric in METRICS if not metric.founding and metric.name not in present]


def other_versions(receipt: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Metrics that a receipt has in an earlier version: name -> (version in the receipt, present version).

    `first_difference` ignores their values, so a receipt with such a metric is not confirmed. A version that has never
    existed is no earlier one.
    """
    versions = metric_versions(receipt)
    pairs = {metric.name: (versions.get(metric.name, metric.version), metric.version) for metric in METRICS}
    return {name: (then, now) for name, (then, now) in pairs.items() if 0 < _whole_number(then) < int(now)}


def _whole_number(version: Any) -> int:
    """A version as a number; 0 if it is not written as a whole number from 1."""
    return int(version) if isinstance(version, str) and _WHOLE_NUMBER.fullmatch(version) else 0


def _unknown_metrics(receipt: Mapping[str, Any]) -> list[str]:
    """Metrics of a receipt that are not in the registry, or in a later version than there, in printable form."""
    present = {metric.name: int(metric.version) for metric in METRICS}
    unknown = []
    for name, version in metric_versions(receipt).items():
        if name not in present:
            unknown.append(ascii(name[:40])[1:-1])
        elif _whole_number(version) > present[name]:
            unknown.append(f"{name} version {version}")
    return unknown


def version_problem(receipt: Mapping[str, Any]) -> str | None:
    """Why the versions in a receipt prevent its confirmation, as place and reason; None if they do not.

    Either it has another version of what all metrics share, or metrics that only a newer package can have. Earlier
    versions of single metrics are no such problem: `other_versions` lists them.
    """
    common = _common_version(receipt)
    if common != METRIC_VERSION:
        return (
            f"versions.metrics: got {common!r:.40}, expected {METRIC_VERSION!r}, the version of what all metrics share "
            "(tokens, data, bootstrap); score again"
        )
    if unknown := _unknown_metrics(receipt):
        names = ", ".join(unknown[:_MAX_NAMES]) + (", ..." if len(unknown) > _MAX_NAMES else "")
        return f"metrics: the receipt has metrics that this version does not know: {names}; update the package"
    return None


def _common_version(receipt: Mapping[str, Any]) -> Any:
    """The version of what all metrics share, as a receipt says it; None if it does not."""
    versions = receipt.get("versions")
    return versions.get("metrics") if isinstance(versions, dict) else None


def first_difference(stored: dict[str, Any], recomputed: dict[str, Any]) -> str | None:
    """Describe the first difference, down to the last bit, of a receipt from a recomputed one; None if they agree.

    Versions come first (`version_problem`), then `metrics`, since the signature and all numbers follow from these. Not
    compared are metrics that the stored receipt does not have (`later_metrics`) or has in an earlier version
    (`other_versions`), all that depends on `versions.metrics` where that is an earlier one, and the rest of `versions`.
    """
    common = _common_version(stored)
    earlier = common != METRIC_VERSION and common in EARLIER_METRIC_VERSIONS
    if not earlier and (problem := version_problem(stored)):
        return problem
    others, later = other_versions(stored), later_metrics(stored)
    named = {module: {metric.name for metric in metrics} for module, metrics in by_module().items()}
    changed = {_SECTIONS.get(module, module) for module, names in named.items() if names.intersection(others)}
    unknown = {_SECTIONS.get(module, module) for module, names in named.items() if names.issubset(later)}
    if earlier:
        changed |= recomputed.keys() - _WHATEVER_THE_VERSION
    expected = without(recomputed, {*others, *later}, changed | unknown)
    versions = {name: others.get(name, (now,))[0] for name, now in recomputed["metrics"].items() if name not in later}
    if not earlier:
        expected["signature"] = signature_of(recomputed["data"], versions)
    metrics = expected.pop("metrics")
    if "metrics" in stored:
        expected = {"metrics": metrics, **expected}
    return difference(without(stored, others, changed), expected)


def without(receipt: Mapping[str, Any], names: Collection[str], sections: Collection[str]) -> dict[str, Any]:
    """Copy of a receipt without some metrics, wherever they occur, and without some whole sections."""
    kept = {key: value for key, value in receipt.items() if key not in sections}
    depths = {"metrics": 1, "scores": 1, "intervals": 1, "ceilings": 1, "slices": 3}
    return {key: _pruned(value, names, depths.get(key, 0)) for key, value in kept.items()}


def _pruned(value: Any, names: Collection[str], depth: int) -> Any:
    """Copy of a nested mapping without the keys `names` at level `depth`; unchanged if there is no such level."""
    if not depth or not isinstance(value, dict):
        return value
    if depth == 1:
        return {key: item for key, item in value.items() if key not in names}
    return {key: _pruned(item, names, depth - 1) for key, item in value.items()}


def difference(stored: Any, recomputed: Any, where: str = "") -> str | None:
    """Describe the first difference of two receipts down to the last bit, but for `versions`; None if they agree."""
    if isinstance(stored, dict) and isinstance(recomputed, dict):
        for key in [*recomputed, *(key for key in stored if key not in recomputed)]:
            if not where and key == "versions":
                continue
            place = f"{where}.{key}" if where else key
            if key not in stored:
                return f"{place}: missing in the receipt"
            if key not in recomputed:
                return f"{place}: in the receipt, but not recomputed"
            found = difference(stored[key], recomputed[key], place)
            if found:
                return found
        return None
    if isinstance(stored, list) and isinstance(recomputed, list) and len(stored) == len(recomputed):
        pairs = enumerate(zip(stored, recomputed, strict=True))
        return next(filter(None, (difference(a, b, f"{where}[{i}]") for i, (a, b) in pairs)), None)
    if type(stored) is type(recomputed) and stored == recomputed:
        return None
    return f"{where}: the receipt says {stored!r:.200}, recomputed {recomputed!r:.200}"
