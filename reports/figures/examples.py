"""Figures 5 and A9: captions of systems and references drawn on images that a rule chooses, never a person.

Figure 5 shows the images with the largest gain of full over baseline in CIDEr (mean over the image's boxes, document
frequencies of the whole split), those with the largest loss, and a random sample; of equal gains the image that comes
first in the split is taken. Figure A9 shows full on a random sample. Samples order images by SHA-256 of seed and id.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from benchmark.dataset.store import Split
from benchmark.metrics import cider
from benchmark.metrics.corpus import Corpus
from benchmark.rendering import mask_boxes, side_by_side
from reports.figures.drawing import canvas, save, shown
from reports.figures.material import Material

SEED = 12345
EACH, DRAWN = 3, 12  # images per rule in Figure 5; images in Figure A9
COLUMNS = ("rule", "image_id", "box", "captions", "text", "image_CIDEr")


def image_cider(split: Split, captions: Sequence[str]) -> np.ndarray:
    """Mean CIDEr over each image's boxes, in table scale (a hundredfold), shape (n_images,)."""
    corpus = Corpus.from_captions(predictions=captions, references=split.captions, offsets=split.offsets)
    sums = np.add.reduceat(100 * cider.segment_scores(corpus), split.offsets[:-1])
    return np.asarray(sums / np.diff(split.offsets))


def sample_images(split: Split, n: int, seed: int = SEED) -> list[int]:
    """Positions in the split of a random sample of `n` images; equal seeds give equal samples."""
    return sorted(range(split.n_images), key=lambda i: sha256(f"{seed} {split.image_ids[i]}".encode()).digest())[:n]


def images_by_rule(split: Split, difference: np.ndarray, each: int = EACH) -> dict[str, list[int]]:
    """Choose images by three rules: largest gain, largest loss, random sample.

    Args:
        split: split to choose from.
        difference: score of each image, first system minus second, shape (n_images,).
        each: number of images per rule.

    Returns:
        Positions of the chosen images in the split, by rule.
    """
    rounded = np.round(difference, 9)  # rounding errors must not break ties
    return {
        "largest gain": np.argsort(-rounded, kind="stable")[:each].tolist(),
        "largest loss": np.argsort(rounded, kind="stable")[:each].tolist(),
        f"random, seed {SEED}": sample_images(split, each),
    }


def draw_figure5(material: Material, folder: Path) -> list[Path]:
    """Write Figure 5; returns its files."""
    split = material.evaluated
    systems = {name: material.captions(name) for name in ("full", "baseline")}
    scores = {name: image_cider(split, captions) for name, captions in systems.items()}
    rules = images_by_rule(split, scores["full"] - scores["baseline"])
    # The sheet is filled row by row, with one rule in each column.
    places = [(rule, rules[rule][k]) for k in range(min(map(len, rules.values()))) for rule in rules]
    title = f"Figure 5: full and baseline, {split.name}, by per-image CIDEr, full - baseline ({material.label})"
    return _sheets(split, systems, scores, places, folder, "figure5", title)


def draw_figure_a9(material: Material, folder: Path) -> list[Path]:
    """Write Figure A9; returns its files."""
    split = material.evaluated
    systems = {"full": material.captions("full")}
    scores = {name: image_cider(split, captions) for name, captions in systems.items()}
    places = [(f"random, seed {SEED}", i) for i in sample_images(split, DRAWN)]
    title = f"Figure A9: full, {split.name}, images drawn by seed ({material.label})"
    return _sheets(split, systems, scores, places, folder, "figureA9", title)


def _sheets(
    split: Split,
    systems: Mapping[str, Sequence[str]],
    scores: Mapping[str, np.ndarray],
    places: Sequence[tuple[str, int]],
    folder: Path,
    name: str,
    title: str,
) -> list[Path]:
    captionings = {"references": split.captions, **systems}
    wanted = {i for _, i in places}
    masked = {i: row["masked_boxes"] for i, row in enumerate(split.rows()) if i in wanted}
    rows: list[tuple[object, ...]] = []
    across = min(3, len(places))
    size = (2.1 * len(captionings), 2.75)
    with canvas(-(-len(places) // across), across, size) as (figure, axes):
        for axis in axes:
            axis.axis("off")
        for axis, (rule, i) in zip(axes, places, strict=False):
            span = slice(int(split.offsets[i]), int(split.offsets[i + 1]))
            image_id = split.image_ids[i]
            mine = {of: captions[span] for of, captions in captionings.items()}
            picture = mask_boxes(split.image(image_id), masked[i])
            sheet = side_by_side(picture, split.boxes[span], mine, scale=256 / min(picture.size))
            axis.imshow(np.asarray(sheet), interpolation="antialiased")
            values = ", ".join(f"{of} {score[i]:.0f}" for of, score in scores.items())
            axis.set_title(f"{rule}: {shown(image_id, 24)}\nCIDEr: {values}", fontsize=9)
            rows += [
                (rule, image_id, k, of, text, float(scores[of][i]) if of in scores else "")
                for of, texts in mine.items()
                for k, text in enumerate(texts)
            ]
        return save(figure, folder, name, title, COLUMNS, rows, "black without text: masked, no caption was asked for")
