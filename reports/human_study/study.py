"""Makes a human study: blind pages for the raters, and the key that stays with the organiser.

    STUDY/key.json              which system is on which side; stays with the organiser
    STUDY/pages/rater-N.html    the page that rater N opens from disk; raters are given STUDY/pages/ only
    STUDY/pages/images/         pictures with captions, under names that reveal nothing
    STUDY/pages/chinese.woff    a font for titles, for raters whose machine has none

Invariants:
* nothing under `pages/` tells the systems apart: names, order and sides are digests of the prediction files, which
  raters do not have, so that knowing this code and the seed does not unblind anyone;
* each rater sees every image once, in an order of their own, with each system on the left for half of the images;
* equal arguments give an equal study; the sample of images depends on the data set and the seed, not on the systems;
* collecting answers needs neither data set nor predictions: `key.json` holds all it needs.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from benchmark.dataset.schema import AnnotationRow
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.files import folder_when_complete
from benchmark.metrics import MORE_IS_BETTER
from benchmark.preferences.sample import digest, sampled, shuffled
from benchmark.preferences.votes import AXES
from benchmark.rendering import draw_captions, enlarged, mask_boxes
from benchmark.scoring.evaluation import evaluate
from benchmark.scoring.receipt import plain
from benchmark.webfont import subset_font

FORMAT = "caponimage-human-study/1"

QUESTIONS = AXES
CHOICES = {"left": "left", "same": "indistinguishable", "right": "right"}

_METRICS = {metric.name for metric in MORE_IS_BETTER}


@dataclass(frozen=True)
class Key:
    """Content of `key.json`.

    Attributes:
        study: identifier of the study on pages and in answer files.
        systems: names of systems A and B.
        data: name of the data set, split, whether it is synthetic, seed.
        images: image ids; all arrays below are in this order.
        items: identifiers of the images on the pages.
        raters: for each rater and image, whether system B (1) or A (0) is on the left.
        metrics: for each metric and image, B minus A in table scale; empty where references are hidden.
    """

    study: str
    systems: tuple[str, str]
    data: dict[str, Any]
    images: list[str]
    items: list[str]
    raters: dict[str, list[int]]
    metrics: dict[str, list[float | None]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Key":
        """Read the key of a study.

        Raises:
            InputError: if the folder holds no valid key.
        """
        path = folder / "key.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"no study at {folder}: expected a folder with key.json, as `make` writes it") from None
        except ValueError as error:
            raise InputError(f"{path}: not JSON ({error})") from None
        try:
            if content.pop("format") != FORMAT:
                raise KeyError("format")
            return cls(**content | {"systems": tuple(content["systems"])})
        except (AttributeError, KeyError, TypeError):
            raise InputError(f"{path}: not a key of format {FORMAT!r}; expected the file that `make` wrote") from None


def make(
    split: Split,
    captions: Sequence[Sequence[str]],
    names: Sequence[str],
    folder: Path,
    *,
    images: int = 400,
    raters: int = 5,
    seed: int = 1,
) -> Key:
    """Write a study.

    Args:
        split: split that the captions belong to, with its pictures.
        captions: captions of systems A and B, one per box, each of length n_boxes.
        names: names of the systems; only the key holds them.
        folder: folder of the study; appears complete or not at all.
        images: number of images to sample.
        raters: number of raters, with one page each.
        seed: random seed of the image sample, the sides and the orders.
    """
    chosen = sampled(split.image_ids, images, seed)
    secret = digest("secret", seed, images, split.image_ids, [list(one) for one in captions])
    study = digest("study", secret)[:16]
    files = {i: [f"{digest('file', secret, system, i)[:16]}.jpg" for system in (0, 1)] for i in chosen}
    items = {i: digest("item", secret, i)[:12] for i in chosen}
    b_left: dict[str, dict[str, int]] = {}
    for rater in (f"rater-{n + 1}" for n in range(raters)):
        halves = shuffled(chosen, "side", secret, rater)
        b_left[rater] = {i: place % 2 for place, i in enumerate(halves)}
    key = Key(
        study,
        (names[0], names[1]),
        {"name": split.dataset, "split": split.name, "synthetic": split.synthetic, "seed": seed},
        chosen,
        list(items.values()),
        {rater: [sides[i] for i in chosen] for rater, sides in b_left.items()},
        _metric_differences(split, captions, chosen),
    )
    page = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    ).get_template("page.html.j2")
    with folder_when_complete(folder) as partial:
        pictures = partial / "pages" / "images"
        pictures.mkdir(parents=True)
        texts: dict[str, AnnotationRow] = {}
        for place, row in enumerate(split.rows()):
            image_id = row["image_id"]
            if image_id not in files:
                continue
            texts[image_id] = row
            span = slice(int(split.offsets[place]), int(split.offsets[place + 1]))
            blank = _blank(split, row)
            # Written in the order of their names, so that the times of files do not reveal the systems either.
            for name, system in sorted(zip(files[image_id], captions, strict=True), key=lambda pair: pair[0]):
                draw_captions(blank, row["boxes"], system[span]).save(pictures / name, quality=90, subsampling=0)
        for rater, sides in b_left.items():
            shown = [
                {
                    "item": items[i],
                    "title": texts[i]["title"],
                    "attributes": texts[i]["attributes"],
                    "left": files[i][sides[i]],
                    "right": files[i][1 - sides[i]],
                }
                for i in shuffled(chosen, "order", secret, rater)
            ]
            words = {"format": FORMAT, "study": study, "rater": rater, "questions": QUESTIONS, "choices": CHOICES}
            html = page.render(items=shown, synthetic=split.synthetic, **words)
            (partial / "pages" / f"{rater}.html").write_text(html, encoding="utf-8", errors="replace")
        titles = "".join(row["title"] + row["attributes"] for row in texts.values())
        subset_font(titles + "中", partial / "pages" / "chinese.woff")
        content = json.dumps({"format": FORMAT} | plain(vars(key)), indent=1)
        (partial / "key.json").write_text(content + "\n", encoding="utf-8")
    return key


def _blank(split: Split, row: AnnotationRow) -> Image.Image:
    """The picture with its texts (the reference captions) masked, enlarged so that new captions are sharp."""
    return enlarged(mask_boxes(split.image(row["image_id"]), row["masked_boxes"]))


def _metric_differences(
    split: Split, captions: Sequence[Sequence[str]], chosen: Sequence[str]
) -> dict[str, list[float | None]]:
    """Metrics of each chosen image alone, B minus A, with the whole split's document frequencies."""
    if not split.has_references:
        return {}
    rows = [split.position(image_id) for image_id in chosen]
    of_system = []
    for one in captions:
        evaluation = evaluate(split, one)
        with np.errstate(divide="ignore", invalid="ignore"):
            of_system.append(evaluation.aggregate(evaluation.image_statistics[rows]))
    difference = of_system[1] - of_system[0]
    return {
        name: [float(value) if np.isfinite(value) else None for value in difference[:, i]]
        for i, name in enumerate(evaluation.names)
        if name in _METRICS
    }
