"""Build CapOnImage-Mini, the embedded SYNTHETIC data set, in a folder: annotations, pictures, or both.

Invariants:
* the same sizes give the same annotations, and so the same fingerprints, on every machine;
* annotations take seconds and pictures minutes, so either is made without the other.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from random import Random

from PIL import Image
from rich.progress import Progress

from ...cli import stderr
from ...errors import InputError
from ...files import folder_when_complete
from ...processes import end_after, program
from ...rendering import draw_captions
from ..description import write_description
from ..store import SplitWriter
from . import NAME, SIZES, is_mini
from .drawing import Look, draw
from .draws import choose
from .samples import Sample, samples

#: Texts on pictures that get no caption, since the paper's collection pipeline filters digits and Latin letters out.
DECOYS = ("NO.1", "PRO", "24H", "500ML", "SINCE 1998", "A5", "NEW IN", "TOP 10", "X-LINE", "3 IN 1", "MADE WELL", "2.0")


def in_building_order(sizes: dict[str, int]) -> dict[str, int]:
    """Sort splits, evaluation splits first: a train image that repeats one of theirs is redrawn, never theirs."""
    return {split: sizes[split] for split in sorted(sizes, key=("test", "val", "train").index)}


def build(directory: Path, sizes: dict[str, int] = SIZES, *, annotations_only: bool = False) -> None:
    """Write the data set to a folder.

    Args:
        directory: folder of the data set; it appears complete or not at all, and replaces an existing one.
        sizes: split -> number of images. A smaller or larger split is neither a part nor a superset of the default one.
        annotations_only: whether to draw no pictures, which scoring does not need.
    """
    with folder_when_complete(directory) as folder:
        summaries = {}
        with _progress() as bars:
            task = bars.add_task("writing annotations", total=sum(sizes.values()))
            sampled = samples(in_building_order(sizes))
            for split in in_building_order(sizes):
                with SplitWriter(folder, split, roles=True) as writer:
                    for _ in range(sizes[split]):
                        writer.append(next(sampled)[1].row)
                        bars.advance(task)
                summaries[split] = {**writer.summary(), "pictures": not annotations_only}
        if not annotations_only:
            (folder / "images").mkdir()
            draw_pictures(folder / "images", sizes)
        name = NAME if sizes == SIZES else f"{NAME}-resized"
        in_order = {split: summaries[split] for split in sizes}
        write_description(folder, name=name, synthetic=True, splits=in_order)


def draw_pictures(images: Path, sizes: dict[str, int] = SIZES, only: str | None = None, *, texts: bool = True) -> None:
    """Draw the pictures of all splits, or of one, in one process per core.

    Args:
        images: folder to draw into, which exists and is empty.
        sizes: split -> number of images.
        only: split whose pictures are drawn; None for all.
        texts: whether to draw the texts and the plates behind them.

    Raises:
        InputError: if one of the processes fails.
    """
    with _progress() as bars:
        task = bars.add_task("drawing pictures", total=sum(n for split, n in sizes.items() if only in (None, split)))
        for drawn in _draw_in_processes(images, sizes, only, texts):
            bars.update(task, completed=drawn)


def _progress() -> Progress:
    return Progress(console=stderr, disable=not stderr.is_terminal, transient=True)


def is_built(folder: Path) -> bool:
    """Whether a folder is empty, or holds nothing but what `build` once wrote."""
    names = {path.name for path in folder.iterdir()}
    if not names:
        return True
    if not names <= {"dataset.json", "images", *(f"{split}.parquet" for split in SIZES)}:
        return False
    try:
        return is_mini(json.loads((folder / "dataset.json").read_bytes())["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _draw_in_processes(images: Path, sizes: dict[str, int], only: str | None, texts: bool) -> Iterator[int]:
    """Draw pictures in one process per core; yields the number of pictures so far.

    The processes are fresh interpreters that sample the images again, so they share no state with the caller. They
    end with it, since it holds the other end of their stdin; Ctrl-C, which has them killed here, does not reach them.
    """
    n = os.cpu_count() or 1
    root = str(Path(__file__).parents[3])
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    command = [sys.executable, "-m", f"{__package__}.build", str(images), json.dumps([sizes, only, texts]), str(n)]
    with ExitStack() as running:
        processes = [
            running.enter_context(program([*command, str(k)], env=env, stdin=subprocess.PIPE)) for k in range(n)
        ]
        while any(process.poll() is None for process in processes):
            time.sleep(0.2)
            yield sum(1 for _ in images.iterdir())
        if any(process.returncode for process in processes):
            raise InputError(f"a process that draws pictures into {images} failed; its messages are above")


def _draw_share(images: Path, sizes: dict[str, int], only: str | None, texts: bool, n: int, k: int) -> None:
    """Draw every n-th of the pictures, from the k-th on."""
    total = sum(sizes.values()) if only is None else sizes[only]
    wanted = (sample for split, sample in samples(in_building_order(sizes)) if only in (None, split))
    for sample in islice(wanted, k, total, n):
        drawn = draw_sample(sample) if texts else draw_canvas(sample)
        drawn.save(images / f"{sample.image_id}.png", compress_level=4)


def look(sample: Sample) -> Look:
    """What the picture of an image shows."""
    product, layout = sample.product, sample.layout
    surface, backdrop, prop = product.cues
    return Look(
        size=layout.size,
        silhouette=product.category.silhouette,
        colour=product.colour,
        pattern=product.pattern,
        strength=product.strength,
        scale=product.scale,
        stretch=product.stretch,
        surface=surface,
        backdrop=backdrop,
        prop=prop,
        light=product.light,
        style=product.ornament,
        plate=product.plate,
        areas=layout.areas,
    )


def draw_sample(sample: Sample) -> Image.Image:
    """Draw the picture of an image with its texts, as a seller would publish it."""
    random = Random(f"{sample.image_id}/decoys")
    boxes = [*(place.box for place in sample.layout.places), *sample.layout.decoys]
    texts = [*sample.drawn, *(choose(random, DECOYS) for _ in sample.layout.decoys)]
    return draw_captions(draw(look(sample), boxes, picture_seed(sample)), boxes, texts)


def draw_canvas(sample: Sample) -> Image.Image:
    """Draw the picture of an image as it is before anyone puts texts on it, and so without the plates behind them."""
    return draw(look(sample), (), picture_seed(sample))


def picture_seed(sample: Sample) -> int:
    """Random seed of the small differences between pictures."""
    return int(Random(sample.image_id).random() * 2**32)


if __name__ == "__main__":
    end_after(lambda: os.read(sys.stdin.fileno(), 1))
    _sizes, _only, _texts = json.loads(sys.argv[2])
    _draw_share(Path(sys.argv[1]), _sizes, _only, _texts, int(sys.argv[3]), int(sys.argv[4]))
