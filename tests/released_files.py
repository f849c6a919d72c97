"""Files in the form that the paper's authors released: a small data set with its quirks, and large ones without.

python tests/released_files.py DIRECTORY 500000      # annotations and a test list of that many images
"""

import json
import random
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Box = tuple[int, int, int, int]  # pixels


@dataclass(frozen=True)
class Released:
    """Where the files are."""

    annotations: Path
    names: dict[str, Path]
    images: Path


# Sides are powers of two, so ratios are exact, and width differs from height, so mixing them up shows.
SIZES = {"7_shoe": (512, 256), "a_0.5_b": (256, 512), "cup-1": (256, 256), "lamp": (1024, 256)}

#: image -> [(box in pixels, caption)]: what an importer must find, in this order.
BOXES: dict[str, list[tuple[Box, str]]] = {
    "7_shoe": [((64, 32, 256, 96), "轻便透气"), ((320, 32, 448, 128), "好 穿"), ((0, 128, 512, 256), "一脚蹬")],
    # Two boxes in the same place with two captions: a released prediction file cannot tell them apart.
    "a_0.5_b": [((16, 64, 128, 128), "保湿"), ((16, 64, 128, 128), "不油腻"), ((32, 256, 64, 512), "温和")],
    "cup-1": [((0, 0, 256, 64), "316不锈钢"), ((128, 128, 192, 192), "24小时保温")],
    "lamp": [((256, 64, 512, 128), "护眼"), ((512, 128, 768, 192), "不频闪")],
}
EXTRA_BOX: Box = (8, 8, 24, 16)  # in all_locs of every image: a text without a caption
SPLITS = {"test": ["lamp", "7_shoe", "a_0.5_b"], "val": ["cup-1"]}  # not in the order of the annotations


def box_text(box: Box, size: tuple[int, int], *, pixels: bool) -> str:
    """`x1_y1_x2_y2`, in pixels or as ratios."""
    values = box if pixels else [value / size[i % 2] for i, value in enumerate(box)]
    return "_".join(map(str, values))


def small_records(*, pixels: bool = False) -> dict[str, dict[str, Any]]:
    """Records of the small data set, as the authors' scripts write them."""
    records = {}
    for image_id, boxes in BOXES.items():
        locs = [box_text(box, SIZES[image_id], pixels=pixels) for box, _ in boxes]
        records[image_id] = {
            "info": f"沐芷新款{image_id}|材质棉",
            "all_locs": [box_text(EXTRA_BOX, SIZES[image_id], pixels=pixels), *locs],
            "ocr_locs": locs,
            "ocr_txts": [caption for _, caption in boxes],
            "ocr_colors": ["红"] * len(boxes),
            "url": f'https://shop.example/{image_id}?q={{"}}\\',
        }
    return records


def write_release(
    directory: Path,
    records: Mapping[str, Any] | str | bytes,
    splits: Mapping[str, Iterable[str]],
    sizes: Mapping[str, tuple[int, int]] | None = None,
) -> Released:
    """Write annotations (given as records, or as the file's content), lists and pictures."""
    directory.mkdir(parents=True, exist_ok=True)
    annotations = directory / "ref_captions.json"
    if isinstance(records, Mapping):
        records = json.dumps(records, ensure_ascii=False)
    annotations.write_bytes(records if isinstance(records, bytes) else records.encode())
    names = {}
    for split, ids in splits.items():
        names[split] = directory / f"{split}_names.npy"
        np.save(names[split], np.array(list(ids), dtype=str))
    images = directory / "pictures"
    images.mkdir(exist_ok=True)
    for image_id, size in (sizes or {}).items():
        Image.new("RGB", size, (size[0] % 256, 80, 120)).save(images / f"{image_id}.png")
    return Released(annotations, names, images)


def small_release(directory: Path, *, pixels: bool = False) -> Released:
    """The small data set, whole."""
    return write_release(directory, small_records(pixels=pixels), SPLITS, SIZES)


def released_predictions(
    captions: Mapping[str, list[str]], *, pixels: bool = False, ranks: int = 1
) -> dict[str, Any] | list[dict[str, Any]]:
    """A released test run: captions of each image, in the order of its boxes; from several ranks, with padding."""
    pairs = [
        (f"{image_id}_{box_text(box, SIZES[image_id], pixels=pixels)}", caption)
        for image_id, image_captions in captions.items()
        for (box, _), caption in zip(BOXES[image_id], image_captions, strict=True)
    ]
    if ranks == 1:
        return _run(pairs)
    # torch's DistributedSampler: pad with the first items to a multiple of the ranks, then deal them out.
    pairs += pairs[: -len(pairs) % ranks]
    return [_run(pairs[rank::ranks]) for rank in range(ranks)]


def _run(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    return {"names": [n for n, _ in pairs], "captions": [c for _, c in pairs], "colors": ["红"] * len(pairs)}


def write_large(directory: Path, n_images: int) -> Released:
    """Annotations of many images, in an order that is not that of the list, with near the real statistics."""
    directory.mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)
    ids = [f"O1CN_{i:07d}" for i in range(n_images)]
    released = write_release(directory, {}, {"test": ids})
    rng.shuffle(ids)
    characters = "轻便透气保湿温和不刺激一脚蹬好穿护眼频闪显白百搭"
    with released.annotations.open("w", encoding="utf-8") as file:
        for i, image_id in enumerate(ids):
            locs = []
            for _ in range(rng.randint(2, 8)):
                x, y = rng.random() * 0.6, rng.random() * 0.6
                locs.append(f"{x:.6f}_{y:.6f}_{x + rng.uniform(0.05, 0.4):.6f}_{y + 0.1:.6f}")
            record = {
                "info": "".join(rng.choices(characters, k=35)),
                "all_locs": [*locs, "0.1_0.1_0.2_0.2"],
                "ocr_locs": locs,
                "ocr_txts": ["".join(rng.choices(characters, k=rng.randint(2, 8))) for _ in locs],
                "ocr_colors": ["红"] * len(locs),
                "url": f"https://shop.example/{image_id}",
            }
            file.write(("{" if i == 0 else ", ") + f'"{image_id}": ' + json.dumps(record))
        file.write("}")
    return released


if __name__ == "__main__":
    print(write_large(Path(sys.argv[1]), int(sys.argv[2])))
