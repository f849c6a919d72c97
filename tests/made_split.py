"""A small made data set for tests: random boxes and captions, categories, three image sizes."""

from pathlib import Path
from random import Random

from captions import offsets, pairs

from benchmark.dataset.description import write_description
from benchmark.dataset.schema import AnnotationRow
from benchmark.dataset.store import Split, SplitWriter, open_directory


def made_split(directory: Path, n_boxes: int = 400, seed: int = 0, name: str = "test") -> tuple[Split, list[str]]:
    """A split on disk, and predictions for it, one per box."""
    random = Random(seed)
    predictions, references = pairs(n_boxes, seed)
    cuts = offsets(n_boxes, seed)
    with SplitWriter(directory, name) as writer:
        for i, (first, last) in enumerate(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)):
            boxes = []
            for _ in range(first, last):
                x, y = random.random() * 0.6, random.random() * 0.6
                boxes.append([x, y, x + 0.05 + random.random() * 0.3, y + 0.05 + random.random() * 0.3])
            row: AnnotationRow = {
                "image_id": f"{name}_{i:04d}",
                "width": random.choice([256, 320, 384]),
                "height": 256,
                "title": "沐芷新款保湿面霜",
                "attributes": "成分烟酰胺",
                "category": random.choice(["面霜", "口红", "台灯"]),
                "boxes": boxes,
                "captions": references[first:last],
                "masked_boxes": boxes,
            }
            writer.append(row)
    write_description(directory, name="made", synthetic=True, splits={name: writer.summary()})
    return open_directory(directory)[name], predictions
