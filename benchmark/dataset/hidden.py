"""What may be seen of a split whose captions are hidden.

Invariant: captions are neither in the annotations nor in the pictures: every text rectangle is blacked out, and
pictures are encoded again, so that no metadata of the image files remains.
"""

from typing import TYPE_CHECKING

from .schema import SCHEMA, AnnotationRow
from .store import Split

if TYPE_CHECKING:
    from PIL import Image


def hidden_row(row: AnnotationRow) -> AnnotationRow:
    """A row without its captions, and without roles, which tell much of them."""
    kept: AnnotationRow = {key: row[key] for key in SCHEMA.names}  # type: ignore[literal-required,assignment]
    return {**kept, "captions": None}


def hidden_picture(split: Split, row: AnnotationRow) -> "Image.Image":
    """The picture of a row with every text blacked out, those with and those without a caption.

    Raises:
        InputError: if there is no such picture.
    """
    from ..rendering import mask_boxes  # loads fonts, which an export without pictures does not need

    return mask_boxes(split.image(row["image_id"]), [*row["boxes"], *row["masked_boxes"]])
