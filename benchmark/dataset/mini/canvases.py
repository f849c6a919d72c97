"""What mini's generator knows of the images of a split beyond their rows: canvases and the masks of products."""

from collections.abc import Callable
from functools import lru_cache
from itertools import islice

from PIL import Image

from ...errors import InputError
from .. import canvas_folder
from ..description import read_description
from ..store import Split
from .build import draw_canvas, in_building_order, look, picture_seed
from .drawing import draw_mask
from .samples import Sample, samples


@lru_cache(maxsize=3)
def samples_of(split: Split) -> list[Sample]:
    """Sample the images of a split again, in its order (2 ms of a core each, and the splits built before it).

    Raises:
        InputError: if the rows of the split are not what the generator makes today.
    """
    stated = read_description(split.directory)["splits"]
    sizes = in_building_order({name: facts["images"] for name, facts in stated.items()})
    before = list(sizes)[: list(sizes).index(split.name)]
    first = sum(sizes[name] for name in before)
    made = [sample for _, sample in islice(samples(sizes), first, first + split.n_images)]
    boxes = [list(place.box) for sample in made for place in sample.layout.places]
    if [sample.image_id for sample in made] != split.image_ids or boxes != split.boxes.tolist():
        raise InputError(
            f"the rows of {split.dataset}/{split.name} in {split.directory} are not those of mini's generator, so it "
            "does not know where their products are; give a folder of maps instead"
        )
    return made


def product_mask(sample: Sample) -> Image.Image:
    """Where the products of an image are, also behind what stands before them; mode L, 255 on a product."""
    return draw_mask(look(sample), picture_seed(sample))


def canvases_of(split: Split) -> Callable[[int], Image.Image]:
    """Function from the number of an image to its canvas, RGB.

    Those of the embedded data set are drawn once, into the cache (minutes); others whenever they are asked for.
    """
    from ...pictures import read_picture

    if split.draw is None:
        made = samples_of(split)
        return lambda image: draw_canvas(made[image])
    folder = canvas_folder(split)
    return lambda image: read_picture(folder / f"{split.image_ids[image]}.png")
