"""Boxes on the pixels of a picture, and the roughness of pictures."""

import numpy as np

#: Red, green and blue of a grey level in 32,768ths, as OpenCV 4 and 5 weigh them in pictures of 8 bits.
_GREY = np.array([9798, 19235, 3735])


def covered(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which pixels lie under at least one box; edges of boxes are moved to the nearest edges of pixels.

    Args:
        boxes: ratios within the canvas, shape (n_boxes, 4).
        size: width and height in pixels.

    Returns:
        bool, shape (height, width).
    """
    mask = np.zeros((size[1], size[0]), bool)
    for x1, y1, x2, y2 in np.rint(boxes * np.array(size * 2)).astype(np.int64).tolist():
        mask[y1:y2, x1:x2] = True
    return mask


def grey(picture: np.ndarray) -> np.ndarray:
    """Grey levels of a picture; uint8, shape (height, width, 3) to (height, width)."""
    return ((picture.astype(np.int64) @ _GREY + (1 << 14)) >> 15).astype(np.uint8)


def sobel(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sobel's derivatives in x and y, 3 x 3, mirrored at the edges without repeating them; int64, as the levels' shape.

    A side of one pixel has no neighbour to mirror, so it is repeated.
    """
    mode = "reflect" if min(levels.shape) > 1 else "edge"
    p = np.pad(levels.astype(np.int64), 1, mode=mode)  # type: ignore[call-overload]
    columns = p[:-2] + 2 * p[1:-1] + p[2:]
    rows = p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]
    return columns[:, 2:] - columns[:, :-2], rows[2:] - rows[:-2]


def roughness(picture: np.ndarray, *, as_published: bool = False) -> np.ndarray:
    """Length of the gradient of each pixel over the largest of the picture, in steps of 1/255 (PosterLayout, eval.py).

    Args:
        picture: uint8, shape (height, width, 3).
        as_published: whether to compute as the published code, whose derivatives are numbers of 8 bits: what is below 0
            becomes 0, what is above 255 becomes 255, and squares are taken modulo 256, so steep edges often vanish.

    Returns:
        float64 in [0, 1], shape (height, width); 0 for a picture of one colour.
    """
    x, y = sobel(grey(picture))
    if as_published:
        x, y = (np.clip(side, 0, 255) ** 2 % 256 for side in (x, y))
        squares = (x + y) % 256
    else:
        squares = x**2 + y**2
    length = np.sqrt(squares / 2)
    # Pillow, with which the published code rounds, takes 32 bits and cuts the fraction off.
    levels = (length / max(float(length.max()), 2.0**-52) * 255).astype(np.float32)
    return np.floor(levels.astype(np.float64)) / 255
