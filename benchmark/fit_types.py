"""`python -m benchmark.fit_types`: fit the caption types of a data set once, to be used ever after.

With `--train-encoder` a small character BERT is trained first, on the captions of the TRAIN split only; this is how the
type model of mini, which the package ships, was made. Needs the extra `types`.
"""

from collections import defaultdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.errors import InputError
from benchmark.metrics.caption_types import fit_type_model
from benchmark.metrics.tokens import characters

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_LAYERS, _WIDTH, _HEADS, _POSITIONS = 2, 96, 4, 16
_BATCH, _TEMPERATURE, _LEARNING_RATE = 256, 0.05, 1e-3


def main(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the type model.")],
    data: Annotated[
        str | None, typer.Option(help="Data set folder, or mini. [default: $CAPONIMAGE_DATA, else mini]")
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="SentenceTransformer name or folder.")] = None,
    train_encoder: Annotated[bool, typer.Option(help="Train a small encoder on the train split's captions.")] = False,
    steps: Annotated[int, typer.Option(help="Training steps, with --train-encoder.")] = 400,
    seed: Annotated[int, typer.Option(help="Of training and of k-means.")] = 0,
) -> None:
    """Fit four caption types by k-means on the reference captions of val and test.

    Example::

        python -m benchmark.fit_types --encoder bert-base-chinese --data DIR -o types-bert
        python -m benchmark.score preds.jsonl --data DIR --types --encoder types-bert
    """
    if (encoder is None) == (not train_encoder):
        raise InputError("give one of --encoder NAME and --train-encoder")
    splits = open_dataset(data)
    if train_encoder:
        transformer = train(sorted({characters(c) for c in splits["train"].captions}), steps=steps, seed=seed)
        transformer.save(str(output / "encoder"), create_model_card=False)
        encoder = "encoder"
    assert encoder is not None
    references = [characters(caption) for name in ("val", "test") for caption in splits[name].captions]
    model = fit_type_model(encoder, references, output, seed=seed)
    for kind in range(len(model.centroids)):
        golden = [caption for caption, its in model.golden.items() if its == kind]
        cli.stdout.print(f"type {kind}: {' '.join(golden[:12])}", markup=False)


def train(captions: list[str], *, steps: int, seed: int) -> "SentenceTransformer":
    """A small BERT over characters, trained so that captions which share a character bigram lie close together.

    Contrastive loss over in-batch negatives (temperature 0.05). Bit-repeatable only at a fixed number of threads, so
    the weights are shipped rather than the recipe trusted.

    Args:
        captions: distinct training captions.
        steps: batches of 256 pairs.
        seed: of initialisation and pairs.
    """
    import torch
    from rich.progress import track
    from sentence_transformers import SentenceTransformer, models
    from torch.nn.functional import cross_entropy

    torch.manual_seed(seed)
    random = Random(seed)
    partners: dict[str, list[str]] = defaultdict(list)
    for caption in captions:
        for i in range(len(caption) - 1):
            partners[caption[i : i + 2]].append(caption)
    groups = [group for group in partners.values() if len(group) > 1]
    transformer = _untrained("".join(captions), models, SentenceTransformer)
    optimiser = torch.optim.AdamW(transformer.parameters(), lr=_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=steps)
    transformer.train()
    for _ in track(range(steps), "training the encoder"):
        pairs = [random.sample(random.choice(groups), 2) for _ in range(_BATCH)]
        left, right = (
            torch.nn.functional.normalize(transformer(transformer.tokenize(list(side)))["sentence_embedding"])
            for side in zip(*pairs, strict=True)
        )
        loss = cross_entropy(left @ right.T / _TEMPERATURE, torch.arange(_BATCH))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return transformer.eval()


def _untrained(text: str, models: Any, sentence_transformer: Any) -> Any:
    import tempfile

    from transformers import BertConfig, BertModel, BertTokenizerFast

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(text))]
    tokenizer = BertTokenizerFast(vocab={token: i for i, token in enumerate(tokens)}, model_max_length=_POSITIONS)
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=_WIDTH,
        num_hidden_layers=_LAYERS,
        num_attention_heads=_HEADS,
        intermediate_size=2 * _WIDTH,
        max_position_embeddings=_POSITIONS,
    )
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        BertModel(config).save_pretrained(folder)
        words = models.Transformer(folder, max_seq_length=_POSITIONS)
    return sentence_transformer(modules=[words, models.Pooling(_WIDTH, "mean")], device="cpu")


if __name__ == "__main__":
    cli.run(main)
