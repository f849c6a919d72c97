"""`python -m reference_model.pretrain_backbone`: the weights which the small backbone of the mini profile starts from.

The paper's ResNet-50 starts from ImageNet. Its small sister starts from weights trained to name what is on other
pictures of CapOnImage-Mini's generator (synthetic): the product's colour, pattern, proportions, size and kind, what is
around it, and the looks of frame and texts. No picture of the data set's own splits is among them, and texts are
blacked out as everywhere. The weights are shipped with the package (`weights/small_backbone.safetensors`); this command
made them.

Invariant: equal arguments give equal weights on one machine, since the number of threads is fixed.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image
from rich.progress import track
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmark import cli
from benchmark.dataset.mini.build import draw_sample
from benchmark.dataset.mini.samples import Sample, samples
from benchmark.files import replace_when_complete
from benchmark.integrity import seal, seal_metadata
from benchmark.rendering import mask_boxes
from reference_model.backbone import CHANNELS, SHIPPED, Small
from reference_model.embeddings import Pixels

SIDE, HELD_OUT = 64, 500  # pixels of a picture's side; pictures that are not trained on
THREADS = 1
#: What the heads name, in the order of `_shown`.
LABELS = (
    "colour",
    "pattern",
    "stretch",
    "scale",
    "surface",
    "backdrop",
    "prop",
    "ornament",
    "plate",
    "silhouette",
)
#: How much the loss of a label counts; what is hardest to see counts most.
WEIGHTS = {"stretch": 2.0, "scale": 2.0, "silhouette": 3.0}


def main(
    output: Annotated[
        Path,
        cli.to_file(SHIPPED.name, "-o", "--output", help="File of weights to write."),
    ] = SHIPPED,
    images: Annotated[int, typer.Option(help="Number of pictures to draw.")] = 12_000,
    epochs: Annotated[int, typer.Option(help="Number of passes over the pictures.")] = 40,
    seed: Annotated[int, typer.Option(help="Random seed for initialisation and order.")] = 1,
) -> None:
    """Train the small backbone on pictures that belong to no split (about a quarter of an hour on one core).

    Example: `python -m reference_model.pretrain_backbone -o small_backbone.safetensors`
    """
    torch.manual_seed(seed)
    torch.set_num_threads(THREADS)
    made = [sample for _, sample in samples({"backbone": images})]
    pictures = torch.from_numpy(np.stack([_picture(sample) for sample in track(made, "drawing", console=cli.stderr)]))
    labels, sizes = _labels(made)
    weights = torch.tensor([WEIGHTS.get(label, 1.0) for label in LABELS])
    network, heads = Small(), nn.Linear(CHANNELS["small"], sum(sizes))
    optimiser = torch.optim.Adam([*network.parameters(), *heads.parameters()], lr=2e-3)
    batches = (images - HELD_OUT) // 64
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=epochs * batches)
    for _ in track(range(epochs), "training", console=cli.stderr):
        for rows in torch.randperm(images - HELD_OUT)[: batches * 64].view(-1, 64):
            mirrored = bool(torch.rand(()) < 0.5)  # a batch as it is or mirrored, which changes no label
            seen = pictures[rows].flip(3) if mirrored else pictures[rows]
            scores = torch.split(_scores(network, heads, seen), sizes, dim=1)
            losses = [nn.functional.cross_entropy(s, y) for s, y in zip(scores, labels[rows].T, strict=True)]
            loss = (weights * torch.stack(losses)).sum()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    network.eval()
    with torch.inference_mode():
        scores = torch.split(_scores(network, heads, pictures[-HELD_OUT:]), sizes, dim=1)
    right = [float((s.argmax(dim=1) == y).float().mean()) for s, y in zip(scores, labels[-HELD_OUT:].T, strict=True)]
    cli.stdout.print("held out: " + ", ".join(f"{name} {share:.1%}" for name, share in zip(LABELS, right, strict=True)))
    with replace_when_complete(output) as partial:
        save_file(network.state_dict(), partial, metadata=seal_metadata())
        seal(partial)


def _picture(sample: Sample) -> np.ndarray:
    picture = mask_boxes(draw_sample(sample), sample.row["masked_boxes"])
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)).transpose(2, 0, 1)


def _labels(made: list[Sample]) -> tuple[Tensor, list[int]]:
    """Labels of the pictures, (n, 10), and the number of classes of each of the ten."""
    columns = [np.unique(column, return_inverse=True) for column in zip(*map(_shown, made), strict=True)]
    return torch.from_numpy(np.stack([index for _, index in columns], axis=1)), [len(names) for names, _ in columns]


def _shown(sample: Sample) -> tuple[str, ...]:
    """What a picture shows: the colour in half steps of the ring, stretch and scale in quarters of their ranges."""
    product = sample.product
    return (
        str(int(product.colour * 2)),
        product.pattern,
        _quarter((product.stretch + 1) / 2),
        _quarter(product.scale),
        *product.cues,
        str(product.ornament),
        str(product.plate),
        product.category.silhouette,
    )


def _quarter(share: float) -> str:
    return str(min(3, int(share * 4)))


def _scores(network: nn.Module, heads: nn.Module, pictures: Tensor) -> Tensor:
    features: Tensor = network(Pixels()(pictures))
    scores: Tensor = heads(features.mean(dim=(2, 3)))
    return scores


if __name__ == "__main__":
    cli.run(main)
