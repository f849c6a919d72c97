"""How likely captions are as language: n-grams learnt from the build itself, or a model from a file or folder.

Invariants:
* scores are in nats per position, 0 at most; a higher one is more likely. They compare within one model alone;
* no caption is scored by a model that has learnt from it, or from another caption of its image: `CrossFittedNgrams`
  learns in two halves, each scored by the other one;
* probabilities of the n-grams sum to one over all characters, whatever was learnt;
* nothing is downloaded, and no code out of a model's folder is run.
"""

import hashlib
import importlib
import importlib.util
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...errors import InputError
from .normalise import compatible
from .rules import Rules

#: Characters of an n-gram. Four of 16 bits each make one number of 64 bits.
ORDER = 4

# Codes that stand for no character: before a text, after it, and for what has no code of 16 bits.
_BEGIN, _END, _UNKNOWN = 0, 1, 0xFFFD

#: Number of codes that can follow: all of 16 bits but `_BEGIN`.
ALPHABET = 2**16 - 1

#: Texts that are counted or scored at a time, which bounds the memory, and longest line of a corpus in characters.
_CHUNK, _LINE = 100_000, 100_000

#: N-grams as sorted numbers, and how often each one counts.
Counts = tuple[np.ndarray, np.ndarray]


class LanguageModel(Protocol):
    """Something that tells how likely captions are.

    Attributes:
        name: what it is, for the signature of a data set; no path of this machine.
    """

    name: str

    def score(self, captions: Sequence[str], infos: Sequence[str], groups: Sequence[str] = ()) -> np.ndarray:
        """Score captions.

        Args:
            captions: all captions of the build.
            infos: the product's texts for each of them.
            groups: the image, or group of related images, of each; if empty, the product's texts stand for it.

        Returns:
            One number a caption, higher for a more likely one.
        """
        ...


def check_model(rules: Rules) -> None:
    """Refuse a language model that cannot be there, without loading it, since it is needed after hours of reading.

    Raises:
        InputError: if its file, folder or package is missing.
    """
    kind, _, place = rules.language_model.partition(":")
    path = Path(place)
    if kind == "kenlm":
        if not path.is_file():
            raise InputError(f"language_model: {path} is no file, expected a model of KenLM over characters")
        _find(
            "kenlm",
            "kenlm:FILE needs the package kenlm, which is not installed; try `pip install kenlm`, or "
            "language_model=ngram",
        )
    if kind == "hf":
        if not path.is_dir():
            raise InputError(
                f"language_model: {path} is no folder, expected one with a causal language model and its tokenizer "
                "(the authors took uer/gpt2-chinese-cluecorpussmall); "
                "try language_model=hf:FOLDER, or language_model=ngram lm_cut=share"
            )
        for name in ("torch", "transformers"):
            _find(
                name,
                f"hf:FOLDER needs {name}, which is not installed; try `pip install 'caponimage[types]'`, or "
                "language_model=ngram",
            )


def _find(package: str, missing: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise InputError(f"language_model: {missing}")


def open_model(rules: Rules) -> LanguageModel | None:
    """The language model that rules name; None if they name none.

    Raises:
        InputError: if its file, folder or package is missing or cannot be used.
    """
    check_model(rules)
    kind, _, place = rules.language_model.partition(":")
    if kind == "off":
        return None
    if kind == "kenlm":
        return KenlmFile(Path(place))
    if kind == "hf":
        return CausalFolder(Path(place))
    return CrossFittedNgrams(Path(rules.corpus) if rules.corpus else None)


@dataclass(frozen=True)
class NgramTable:
    """Counts of the n-grams of one order, and of what follows their contexts.

    Attributes:
        keys, counts: the n-grams as numbers, sorted, and how often each one counts.
        contexts, totals, kinds: what stands before their last character, sorted; the sum of the counts after it, and
            how many different characters follow it.
        discount: what is taken off each count.
    """

    keys: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    kinds: np.ndarray
    discount: float


class NgramModel:
    """An n-gram model of characters: interpolated, with absolute discounts and continuation counts (Kneser-Ney).

    Args:
        keys, counts: the n-grams of the highest order, sorted, and how often each one occurs; see `count`.
    """

    def __init__(self, keys: np.ndarray, counts: np.ndarray) -> None:
        self.tables: list[NgramTable] = []  # from the highest order to the lowest
        for order in range(ORDER, 0, -1):
            if order < ORDER:
                keys, counts = _shorter(keys, counts, order)
            self.tables.append(_table(keys, counts))

    def log_probabilities(self, windows: np.ndarray) -> np.ndarray:
        """Natural logarithm of the probability of each window's last character after the ones before."""
        probability = np.full(len(windows), 1 / ALPHABET)
        for order, table in zip(range(1, ORDER + 1), reversed(self.tables), strict=True):
            keys = windows & _mask(order)
            count = _look_up(table.keys, table.counts, keys)
            total = _look_up(table.contexts, table.totals, keys >> np.uint64(16))
            kinds = _look_up(table.contexts, table.kinds, keys >> np.uint64(16))
            left = np.maximum(count - table.discount, 0) + table.discount * kinds * probability
            probability = np.where(total > 0, left / np.maximum(total, 1), probability)
        return np.log(probability)

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """Mean of the log-probabilities of each text's characters and of its end."""
        scores = [np.empty(0)]
        for some in _chunks(texts):
            lengths = np.array([len(text) for text in some]) + 1
            logs = self.log_probabilities(_windows(some))
            scores.append(np.add.reduceat(logs, np.cumsum(lengths) - lengths) / lengths)
        return np.concatenate(scores)


def count(texts: Iterable[str]) -> Counts:
    """The n-grams of the highest order in texts, as sorted numbers, and how often each one occurs."""
    counted: Counts = np.empty(0, np.uint64), np.empty(0, np.int64)
    for some in _chunks(texts):
        counted = add_counts(counted, np.unique(_windows(some), return_counts=True))
    return counted


def add_counts(*parts: Counts) -> Counts:
    """The sum of several counts."""
    keys, places = np.unique(np.concatenate([keys for keys, _ in parts]), return_inverse=True)
    weights = np.concatenate([counts for _, counts in parts])
    return keys, np.bincount(places, weights, len(keys)).astype(np.int64)


class CrossFittedNgrams:
    """The default: n-grams learnt from the build's own captions and titles, and from a corpus if there is one.

    The captions are cut in two halves by their groups, and each half is scored by a model of the other half, of all
    titles and of the corpus. Titles are written by people, so an image's own one may speak for its captions.

    Args:
        corpus: a text file in UTF-8, such as reviews or news in the captions' language.

    Raises:
        InputError: if the corpus cannot be read.
    """

    def __init__(self, corpus: Path | None = None) -> None:
        self.name = f"ngram:{ORDER}"
        self._corpus = count(_pieces(_lines(corpus))) if corpus else count([])
        if corpus:
            self.name += f"+{_sha256(corpus)[:16]}"

    def score(self, captions: Sequence[str], infos: Sequence[str], groups: Sequence[str] = ()) -> np.ndarray:
        """Score captions; see `LanguageModel`."""
        groups = groups or [info or caption for info, caption in zip(infos, captions, strict=True)]
        halves = [_half(group) for group in groups]
        common = add_counts(self._corpus, count(_pieces(dict.fromkeys(infos))))
        scores = np.zeros(len(captions))
        for half in (0, 1):
            others = [caption for caption, place in zip(captions, halves, strict=True) if place != half]
            model = NgramModel(*add_counts(common, count(others)))
            own = [i for i, place in enumerate(halves) if place == half]
            scores[own] = model.score([captions[i] for i in own])
        return scores


class KenlmFile:
    """An n-gram model of KenLM over characters: mean natural log-probability of the characters and the end.

    Args:
        path: file of the model, in ARPA or KenLM's own form, whose words are single characters; see `check_model`.

    Raises:
        InputError: if the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        kenlm: Any = importlib.import_module("kenlm")
        try:
            self._model = kenlm.Model(str(path))
        except (OSError, RuntimeError) as error:
            raise InputError(f"language_model: {path} is no model of KenLM ({error!s:.200})") from None
        self.name = f"kenlm:{path.name}@{_sha256(path)[:16]}"

    def score(self, captions: Sequence[str], infos: Sequence[str], groups: Sequence[str] = ()) -> np.ndarray:
        """Score captions; see `LanguageModel`."""
        logs = [self._model.score(" ".join(caption), bos=True, eos=True) for caption in captions]
        return np.array([log * math.log(10) / (len(caption) + 1) for log, caption in zip(logs, captions, strict=True)])


class CausalFolder:
    """A causal language model from a folder, through transformers, with the formula of the released scripts.

    The score is the mean over the characters from the second one on of (logit of the character - highest logit). A
    caption that is a single token has no such place: it scores 0.

    Args:
        path: the folder, as `save_pretrained` makes it, tokenizer included; see `check_model`.

    Raises:
        InputError: if the folder cannot be used.
    """

    def __init__(self, path: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        options = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(str(path), **options)
            found: Any = AutoModelForCausalLM.from_pretrained(str(path), output_loading_info=True, **options)
            self._model, loaded = found
            if loaded["missing_keys"]:  # they would be random numbers
                raise ValueError(f"weights are missing: {', '.join(map(str, sorted(loaded['missing_keys'])))}")
        except Exception as error:  # whatever a broken folder raises, which transformers does not say
            raise InputError(f"language_model: {path} holds no causal language model ({error!s:.200})") from None
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model.to(self._device).eval()
        self.name = f"hf:{path.resolve().name}@{_folder_sha256(path)[:16]}"
        self._path = path

    def score(self, captions: Sequence[str], infos: Sequence[str], groups: Sequence[str] = ()) -> np.ndarray:
        """Score captions; see `LanguageModel`."""
        different = list(dict.fromkeys(captions))
        tokens = [self._tokenizer.encode(caption, add_special_tokens=False) for caption in different]
        unknown = sum(ids.count(self._tokenizer.unk_token_id) for ids in tokens)
        if 2 * unknown > sum(map(len, tokens)):
            raise InputError(
                f"language_model: the tokenizer in {self._path} knows less than half of the captions' characters; "
                "expected a model of their language, with its own vocabulary"
            )
        scores = dict.fromkeys(different, 0.0)
        by_length: dict[int, list[int]] = {}
        for i, ids in enumerate(tokens):
            by_length.setdefault(len(ids), []).append(i)
        for length, places in by_length.items():
            for start in range(0, len(places) if length > 1 else 0, 64):
                some = places[start : start + 64]
                for i, value in zip(some, self._means([tokens[i] for i in some]), strict=True):
                    scores[different[i]] = value
        return np.array([scores[caption] for caption in captions])

    def _means(self, tokens: list[list[int]]) -> list[float]:
        """The scores of texts of the same number of tokens."""
        import torch

        with torch.inference_mode():
            ids = torch.tensor(tokens, device=self._device)
            logits = self._model(input_ids=ids).logits[:, :-1].float()
            own = logits.gather(2, ids[:, 1:, None])[..., 0]
            return (own - logits.amax(2)).mean(1).tolist()


def _half(group: str) -> int:
    """The half of a group, which adding other images does not change."""
    return hashlib.sha256(group.encode("utf-8", "surrogatepass")).digest()[0] & 1


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(texts)
    while some := list(islice(remaining, _CHUNK)):
        yield some


def _windows(texts: Sequence[str]) -> np.ndarray:
    """The n-grams that end at the characters of texts and at their ends, as numbers; the last character is lowest."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    codes[(codes > 0xFFFF) | (codes <= _END)] = _UNKNOWN
    margin = ORDER - 1
    starts = np.cumsum(lengths + margin + 1) - (lengths + 1)  # of each text in the row of all of them
    row: np.ndarray = np.full(int((lengths + margin + 1).sum()), _BEGIN, dtype=np.uint64)
    shift = starts - (np.cumsum(lengths) - lengths)
    row[np.arange(len(codes)) + np.repeat(shift, lengths)] = codes
    row[starts + lengths] = _END
    ends = np.flatnonzero(row != _BEGIN)
    windows: np.ndarray = np.zeros(len(ends), dtype=np.uint64)
    for back in range(margin, -1, -1):
        windows = (windows << np.uint64(16)) | row[ends - back]
    return windows


def _shorter(keys: np.ndarray, counts: np.ndarray, order: int) -> Counts:
    """N-grams of an order from those one longer: counted by how many different characters stand before each.

    Before the start of a text there is nothing to differ, so what begins there keeps its own count.
    """
    first = (keys >> np.uint64(16 * (order - 1))) & np.uint64(0xFFFF)
    weights = np.where((first == _BEGIN) & (order > 1), counts, 1)
    return add_counts((keys & _mask(order), weights))


def _table(keys: np.ndarray, counts: np.ndarray) -> NgramTable:
    contexts, places = np.unique(keys >> np.uint64(16), return_inverse=True)
    totals = np.bincount(places, counts, len(contexts))
    kinds = np.bincount(places, minlength=len(contexts))
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    discount = once / (once + 2 * twice) if once else 0.5
    return NgramTable(keys, counts, contexts, totals, kinds, min(max(discount, 0.1), 0.9))


def _mask(order: int) -> np.uint64:
    return np.uint64(2 ** (16 * order) - 1)


def _look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The value of each wanted key; 0 where there is none."""
    if not len(keys):
        return np.zeros(len(wanted))
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0).astype(float)


def _pieces(texts: Iterable[str]) -> Iterator[str]:
    """What stands between punctuation and blanks in texts."""
    for text in texts:
        for piece in re.findall(r"\w+", text):
            yield compatible(piece)


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text file, long ones in parts."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            while line := file.readline(_LINE):
                number += line.endswith("\n")
                yield line
    except OSError as error:
        raise InputError(f"corpus: {path}: {error.strerror}; expected a text file") from None
    except UnicodeDecodeError:
        raise InputError(f"corpus: {path}: not UTF-8 after line {number}; save the file as UTF-8") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder_sha256(folder: Path) -> str:
    """SHA-256 of the files in a folder, names included."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        digest.update(f"{path.name} {_sha256(path)}\n".encode())
    return digest.hexdigest()
