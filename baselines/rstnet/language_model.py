"""The language signal of RSTNet: a causal character model of captions, trained once, then frozen.

Shapes: B captions, T characters, W width, V vocabulary.

Invariants:
* it learns from TRAINING captions alone, without noise of dropout once frozen;
* the signal at a character knows this character and the ones before, never one after it: a signal that has seen the
  next character (the original masks nothing) is a leak that is gone at test time;
* its weights are installed after the captioner's initialisation, and saved with the captioner;
* they are a pure function of what decides them (options, captions, seed, processor): a fresh model is made and trained
  with random numbers of its own, so all rows that want the same language model share one, whichever run was there
  before, and nothing of it moves the random numbers of the run;
* they are kept in the cache, and one of many processes trains while the others wait for the lock of the cache;
* it is trained on the device that its weights are on.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import Progress
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from baselines.attention import causal_mask
from baselines.rstnet.config import LanguageModelOptions, RSTNetConfig
from benchmark.cache import cached
from benchmark.cli import note, stderr
from benchmark.errors import InputError
from benchmark.integrity import check_seal, seal, seal_metadata
from reference_model.batch import PAD
from reference_model.embeddings import is_real
from reference_model.processor import this_processor
from reference_model.training.inputs import PreparedSplit
from reference_model.training.vocabulary import Vocabulary
from reference_model.transformer import LayerCache, Transformer

FORMAT = 3


class CharacterModel(nn.Module):
    """A causal transformer over captions, with tied output."""

    def __init__(self, options: LanguageModelOptions, vocabulary_size: int, length: int) -> None:
        super().__init__()
        self.width = options.width
        self.table = nn.Embedding(vocabulary_size, options.width)
        self.positions = nn.Parameter(torch.empty(length, options.width))
        self.transformer = Transformer(
            layers=options.layers,
            width=options.width,
            heads=options.heads,
            feed_forward=options.feed_forward,
            dropout=0.1,
        )
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))
        self.drop = nn.Dropout(0.1)
        nn.init.normal_(self.table.weight, std=options.width**-0.5)
        nn.init.normal_(self.positions, std=0.5)

    def forward(self, characters: Tensor, first: int = 0, cache: list[LayerCache] | None = None) -> Tensor:
        """Normalised hidden states of characters that start at position `first`; (B, T) to (B, T, W)."""
        n = characters.shape[1]
        x = self.table(characters) * math.sqrt(self.width) + self.positions[first : first + n]
        mask = causal_mask(n, x.device) if cache is None else x.new_ones(1, 1, 1, first + n, dtype=torch.bool)
        return self.transformer(self.drop(x), mask, cache)

    def loss(self, captions: Tensor) -> Tensor:
        """Negative log-likelihood of every real character but the first, (N,)."""
        targets = captions[:, 1:]
        wanted = is_real(targets)
        logits = nn.functional.linear(self(captions[:, :-1])[wanted], self.table.weight, self.bias)
        return nn.functional.cross_entropy(logits, targets[wanted], reduction="none")


class BertModel(nn.Module):
    """A local BERT as causal language model; a character is looked up in BERT's own vocabulary."""

    def __init__(self, path: str, vocabulary_size: int) -> None:
        super().__init__()
        from transformers import AutoModel

        try:
            self.bert = AutoModel.from_pretrained(path, is_decoder=True, add_pooling_layer=False, local_files_only=True)
        except (OSError, ValueError) as error:
            raise InputError(
                f"language_model.path={path}: no BERT there ({str(error).splitlines()[0]:.120}); expected a folder "
                "with config.json, vocab.txt and the weights of bert-base-chinese"
            ) from None
        self.width = int(self.bert.config.hidden_size)
        self.path = path
        self.ids: Tensor
        self.register_buffer("ids", torch.zeros(vocabulary_size, dtype=torch.long))

    def use(self, vocabulary: Vocabulary) -> None:
        """Token ids of a vocabulary's characters; special characters map to the tokenizer's own special tokens."""
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self.path, local_files_only=True)
        names = {"<sos>": "[CLS]", "<eos>": "[SEP]", "<sep>": "[SEP]", "<unk>": "[UNK]", "<pad>": "[PAD]"}
        known = tokenizer.convert_tokens_to_ids([names.get(entry, entry) for entry in vocabulary.entries])
        self.ids.copy_(torch.tensor(known))

    def forward(self, characters: Tensor) -> Tensor:
        """Hidden states of characters, (B, T) to (B, T, W)."""
        return self.bert(input_ids=self.ids[characters]).last_hidden_state


def install(
    network: nn.Module | None,
    options: LanguageModelOptions,
    splits: Mapping[str, PreparedSplit],
    vocabulary: Vocabulary,
    seed: int,
) -> dict[str, Any]:
    """Give a captioner's language model its weights, trained now or earlier from the same captions.

    Args:
        network: the language model of a captioner, freshly built; None if it has none.
        options: options of the language model.
        splits: `train`, whose captions are all that is learned from; `val`, if there, decides when to stop.
        vocabulary: vocabulary of the run.
        seed: random seed for first weights, data order and dropout.

    Returns:
        A note on it: perplexity on the validation captions, number of epochs.
    """
    if isinstance(network, BertModel):
        network.use(vocabulary)
    if not isinstance(network, CharacterModel):
        return {"language_model": options.kind}
    captions = {name: splits[name].arrays["captions"].tobytes() for name in ("train", "val") if name in splits}
    decides = {
        "format": FORMAT,
        "options": asdict(options),
        "captions": {name: hashlib.sha256(content).hexdigest() for name, content in captions.items()},
        "shapes": [list(network.table.weight.shape), list(network.positions.shape)],
        "seed": seed,
        "processor": this_processor(network.bias.device).kind,
    }
    key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:20]

    device = network.bias.device

    def make(path: Path) -> None:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(int(key, 16) % 2**63)
            fresh = CharacterModel(options, len(network.table.weight), len(network.positions)).to(device)
            found = _train(fresh, options, splits["train"], splits.get("val"), seed)
        save_file(fresh.state_dict(), path, metadata=seal_metadata(note=json.dumps(found)))
        seal(path)

    def read(path: Path) -> dict[str, Any]:
        check_seal(path)
        with safe_open(path, framework="pt") as file:
            network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 (no mapping)
            return dict(json.loads(file.metadata()["note"]))

    found = cached(f"language_models/{key}.safetensors", read, make)
    network.requires_grad_(False).eval()
    return found


def _train(
    network: CharacterModel,
    options: LanguageModelOptions,
    train: PreparedSplit,
    validation: PreparedSplit | None,
    seed: int,
) -> dict[str, Any]:
    """Train with Adam and a cosine to 0; the weights of the epoch with the lowest validation perplexity stay."""
    random = torch.Generator().manual_seed(seed)
    device = network.bias.device
    captions = _table(train).to(device)
    held_out = _table(validation).to(device) if validation is not None else captions[:0]
    network.requires_grad_(True)
    optimiser = _optimiser(network, options)
    steps = n_updates(options, len(captions))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total_steps=steps, pct_start=0.05)
    kept, perplexities = dict(network.state_dict()), [math.inf]
    note(
        f"training the language model: {len(captions):,} captions, at most {options.epochs} epochs, on {device} (once)"
    )
    with Progress(console=stderr, disable=not stderr.is_terminal, transient=True) as bars:
        bar = bars.add_task("language model", total=steps)
        for _ in range(options.epochs):
            network.train()
            order = torch.randperm(len(captions), generator=random).to(device)
            for first in range(0, len(order), options.batch):
                _update(network, optimiser, captions[order[first : first + options.batch]])
                schedule.step()
                bars.advance(bar)
            perplexity = _perplexity(network, held_out if len(held_out) else captions[: options.batch])
            if perplexity >= perplexities[-1]:
                break
            perplexities.append(perplexity)
            kept = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(kept)
    return {
        "language_model": "char",
        "perplexity": perplexities[-1],
        "epochs": len(perplexities) - 1,
        "validated": len(held_out) > 0,
    }


def _optimiser(network: CharacterModel, options: LanguageModelOptions) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), lr=options.rate, betas=(0.9, 0.98))


def _update(network: CharacterModel, optimiser: torch.optim.Optimizer, captions: Tensor) -> None:
    loss = network.loss(captions.long()).mean()
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def n_updates(options: LanguageModelOptions, n_captions: int) -> int:
    """Number of updates of the training on so many captions, if it is not stopped early."""
    return options.epochs * math.ceil(n_captions / options.batch)


def trial(config: RSTNetConfig, data: PreparedSplit, vocabulary_size: int) -> tuple[Callable[[], object], int]:
    """One update of the training on a split, to be measured, and how many there are at most; see `Network.trial`."""
    options = config.language_model
    if options.kind != "char":
        return (lambda: None), 0
    network = CharacterModel(options, vocabulary_size, config.inputs.max_caption).train()
    offsets = data.arrays["caption_offsets"]
    captions = _padded(data.arrays["captions"], offsets[: 1 + min(options.batch, data.n_boxes)])
    return partial(_update, network, _optimiser(network, options), captions), n_updates(options, data.n_boxes)


def _table(data: PreparedSplit) -> Tensor:
    """All captions of a split, padded, [SOS] to [EOS]; int32, (n, T)."""
    return _padded(data.arrays["captions"], data.arrays["caption_offsets"])


def _padded(characters: np.ndarray, offsets: np.ndarray) -> Tensor:
    lengths = np.diff(offsets)
    table = np.full((len(lengths), lengths.max(initial=0)), PAD, np.int32)
    table[np.arange(table.shape[1]) < lengths[:, None]] = characters[: offsets[-1]]
    return torch.from_numpy(table)


@torch.inference_mode()
def _perplexity(network: CharacterModel, captions: Tensor) -> float:
    network.eval()
    losses = [network.loss(captions[first : first + 1024].long()) for first in range(0, len(captions), 1024)]
    return math.exp(float(torch.cat(losses).mean()))
