"""`python -m benchmark.fit_types`: fit and store the caption-type model of a data set (k-means).

With `--train-encoder` a small character BERT is trained first, on the captions of the TRAIN split alone and their
roles; the type model of mini, which the package ships, was made this way. Needs the extra `types`.
"""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated

import typer

from . import cli
from .dataset import open_dataset
from .dataset.schema import EVALUATED_SPLITS
from .errors import InputError
from .files import check_outputs, folder_when_complete
from .metrics.caption_types import fit_type_model
from .metrics.corpus import characters

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_LAYERS, _WIDTH, _HEADS, _POSITIONS = 2, 80, 4, 16
_BATCH, _TEMPERATURE, _LEARNING_RATE = 256, 0.1, 1e-3


def main(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write the type model to.")],
    data: cli.Data = None,
    encoder: Annotated[
        str | None, typer.Option(help="Sentence encoder: name or folder of a SentenceTransformer.")
    ] = None,
    train_encoder: Annotated[
        bool, typer.Option(help="Train a small encoder on the captions of the train split.")
    ] = False,
    steps: Annotated[int, typer.Option(help="Training steps of --train-encoder, 256 captions each.", min=1)] = 200,
    seed: Annotated[int, typer.Option(help="Random seed for encoder training and k-means.", min=0, max=2**32 - 1)] = 0,
) -> None:
    """Fit four caption types by k-means on the reference captions of val and test.

    Example::

        python -m benchmark.fit_types --data DIR --encoder bert-base-chinese -o bert
        python -m benchmark.score preds.jsonl --data DIR --types --encoder bert
    """
    if (encoder is None) == (not train_encoder):
        raise InputError("give either --encoder NAME or --train-encoder")
    if output.exists() and not (output.is_dir() and {p.name for p in output.iterdir()} <= {"encoder", "types.json"}):
        raise InputError(f"-o {output}: it holds something else than a type model; take another folder")
    splits = open_dataset(data)
    read = [split.directory for split in splits.values()]
    check_outputs({"-o": output}, [*read, Path(encoder) if encoder and Path(encoder).is_dir() else None])
    needed = [*EVALUATED_SPLITS, *(["train"] if train_encoder else [])]
    if missing := [name for name in needed if name not in splits]:
        raise InputError(f"the data set has no split {', '.join(missing)}; types are fitted on {', '.join(needed)}")
    if train_encoder:
        roles = splits["train"].roles
        if roles is None:
            raise InputError("--train-encoder needs a data set with caption roles, such as mini; use --encoder")
        # The three selling points of a list differ only in their place, so they are one class.
        roles = ["selling point" if role.endswith("point") else role for role in roles]
        transformer = train([characters(c) for c in splits["train"].captions], roles, steps=steps, seed=seed)
    references = [characters(caption) for name in EVALUATED_SPLITS for caption in splits[name].captions]
    with folder_when_complete(output) as partial:
        if train_encoder:
            transformer.save(str(partial / "encoder"), create_model_card=False)
        model = fit_type_model(encoder or "encoder", references, partial, seed=seed)
    for kind in range(len(model.centroids)):
        golden = [caption for caption, its in model.golden.items() if its == kind]
        cli.say(f"type {kind}: {' '.join(golden[:12])}")


def train(captions: Sequence[str], roles: Sequence[str], *, steps: int, seed: int) -> "SentenceTransformer":
    """Train a small BERT over characters whose sentence embeddings reflect the roles of captions.

    It learns to classify the role of a caption from the mean of its characters' states. Equal seeds give equal weights
    only with an equal number of threads, so mini's trained weights are part of the package.

    Args:
        captions: captions of the train split.
        roles: role of each caption, such as "brand" or "scene".
        steps: number of training steps of 256 captions each.
        seed: random seed for initialisation and batches.
    """
    import torch
    from rich.progress import track
    from torch.nn.functional import cross_entropy, normalize

    torch.manual_seed(seed)
    random = Random(seed)
    kinds = sorted(set(roles))
    transformer = _untrained("".join(captions))
    head = torch.nn.Linear(_WIDTH, len(kinds))
    parameters = [*transformer.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=steps)
    transformer.train()
    for _ in track(range(steps), "training the encoder", console=cli.stderr):
        drawn = [random.randrange(len(captions)) for _ in range(_BATCH)]
        inputs = transformer.preprocess([captions[i] for i in drawn])
        embeddings = normalize(transformer(inputs)["sentence_embedding"])
        wanted = torch.tensor([kinds.index(roles[i]) for i in drawn])
        loss: torch.Tensor = cross_entropy(head(embeddings) / _TEMPERATURE, wanted)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return transformer.eval()


def _untrained(text: str) -> "SentenceTransformer":
    import tempfile

    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel
    from transformers.models.bert import BertTokenizer

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(text))]
    tokenizer = BertTokenizer(vocab={token: i for i, token in enumerate(tokens)}, model_max_length=_POSITIONS)
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
        words = Transformer(folder, max_seq_length=_POSITIONS)
    return SentenceTransformer(modules=[words, Pooling(_WIDTH, "mean")], device="cpu")


if __name__ == "__main__":
    cli.run(main)
