"""How likely captions are as language: n-grams learnt from the build itself, or a model from a file or folder.

Invariants:
* scores are in nats per position, 0 at most; a higher one is more likely. They compare within one model alone;
* no caption is scored by a model that has learnt from it, or from another caption of its image (`ngrams`);
* nothing is downloaded, and no code out of a model's folder is run.
"""

import hashlib
import importlib
import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...errors import InputError
from ...integrity import sha256_of
from .ngrams import CrossFittedNgrams
from .rules import Rules


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
        self.name = f"kenlm:{path.name}@{sha256_of(path)[:16]}"

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


def _folder_sha256(folder: Path) -> str:
    """SHA-256 of the files in a folder, names included."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()
