"""The characters a model knows: one vocabulary for captions and product info, built from the training split alone."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.files import replace_when_complete
from benchmark.metrics.corpus import characters
from reference_model.batch import EOS, SOS, SPECIALS, UNK


class Vocabulary:
    """Characters and their ids; special ones first, then by frequency (ties in code point order)."""

    def __init__(self, entries: Sequence[str]) -> None:
        self.entries = list(entries)

    @classmethod
    def build(cls, texts: Iterable[str], size: int = 0) -> "Vocabulary":
        """The vocabulary of all characters of some texts, or of the most frequent ones.

        Args:
            texts: captions and product info of the training split, any order.
            size: number of entries, special ones included; 0: all.
        """
        counts = Counter[str]()
        for text in texts:
            counts.update(characters(text))
        ordered = sorted(counts, key=lambda character: (-counts[character], character))
        return cls([*SPECIALS, *ordered][: size or None])

    @classmethod
    def of_split(cls, train: Split, size: int = 0) -> "Vocabulary":
        """The vocabulary of a training split, read some images at a time."""
        return cls.build(train.texts(), size)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the entries, 64 hex digits; checkpoints bear it."""
        return hashlib.sha256(json.dumps(self.entries).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {entry: i for i, entry in enumerate(self.entries)}

    def encode(self, text: str) -> list[int]:
        """Ids of the characters of a text; unknown ones are <unk>."""
        return [self._ids.get(character, UNK) for character in characters(text)]

    def encode_caption(self, caption: str, length: int) -> list[int]:
        """[SOS] characters [EOS], cut to a length (the release's 10 loses the [EOS] of long captions)."""
        return [SOS, *self.encode(caption), EOS][:length]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids without special ones."""
        return "".join(self.entries[i] for i in ids)

    def save(self, path: Path) -> None:
        """Write the entries as a JSON list."""
        with replace_when_complete(path) as partial:
            partial.write_text(json.dumps(self.entries, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read a vocabulary that `save` wrote.

        Raises:
            InputError: if the file is no vocabulary.
        """
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: no vocabulary ({error}); is this the folder of a run?") from None
        known = isinstance(entries, list) and all(isinstance(entry, str) for entry in entries)
        if not known or tuple(entries[: len(SPECIALS)]) != SPECIALS:
            raise InputError(f"{path}: no vocabulary of this program (it starts with {SPECIALS})")
        return cls(entries)
