"""Neighbours against a loop that follows the paper's words."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_model.neighbors import MISSING, neighbours

coordinate = st.integers(0, 40).map(lambda n: n / 40)


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, tuple[int, int]]:
    n = draw(st.integers(1, 9))
    corners = draw(st.lists(st.tuples(coordinate, coordinate), min_size=n, max_size=n))
    sides = draw(st.lists(st.tuples(coordinate, coordinate), min_size=n, max_size=n))
    boxes = np.array([[x, y, x + w + 0.01, y + h + 0.01] for (x, y), (w, h) in zip(corners, sides, strict=True)])
    return boxes, (draw(st.sampled_from([256, 320])), 256)


def brute_force(boxes: np.ndarray, size: tuple[int, int], k: int) -> list[list[int]]:
    w, h = size
    key = [(b[0] * w + b[1] * h, b[1] * h, b[0] * w, i) for i, b in enumerate(boxes)]
    centre = [((b[0] * w + b[2] * w) / 2, (b[1] * h + b[3] * h) / 2) for b in boxes]
    found = []
    for i in range(len(boxes)):
        sides = []
        for earlier in (True, False):
            others = [j for j in range(len(boxes)) if j != i and (key[j] < key[i]) == earlier]
            others.sort(key=lambda j: (round(math.dist(centre[i], centre[j]) ** 2, 6), j))
            sides.append([*others, MISSING, MISSING][:k])
        found.append([sides[s][rank] for rank in range(k) for s in (0, 1)])
    return found


@given(images())
def test_nearest_and_top2_follow_the_paper(image: tuple[np.ndarray, tuple[int, int]]) -> None:
    """Previous and next swapped, ties unbroken, ratios for pixels, or a box that is its own neighbour."""
    boxes, size = image
    for kind, k in (("nearest", 1), ("top2", 2)):
        found = neighbours(boxes, size, kind)
        expected = brute_force(boxes, size, k)
        for i, (row, wanted) in enumerate(zip(found.tolist(), expected, strict=True)):
            for a, b in zip(row, wanted, strict=True):
                if a != b:  # only among boxes whose distances differ by rounding alone
                    assert MISSING not in (a, b)
                    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 * size
                    da, db = (math.dist(centres[i], centres[j]) for j in (a, b))
                    assert da == pytest.approx(db, abs=1e-6)


def test_chain_is_the_order_of_the_data_set() -> None:
    """The release's rule has nothing to do with places."""
    boxes = np.array([[0, 0, 0.1, 0.1], [0.8, 0.8, 1, 1], [0.4, 0.4, 0.5, 0.5]])
    assert neighbours(boxes, (256, 256), "chain").tolist() == [[MISSING, 1], [0, 2], [1, MISSING]]


@given(images(), st.integers(0, 5))
def test_random_neighbours_are_two_others_and_repeat(image: tuple[np.ndarray, tuple[int, int]], seed: int) -> None:
    """Neighbours redrawn at test time would make the row a lottery."""
    boxes, size = image
    found = neighbours(boxes, size, "random", seed=f"{seed}")
    assert (found == neighbours(boxes, size, "random", seed=f"{seed}")).all()
    for i, row in enumerate(found.tolist()):
        real = [j for j in row if j != MISSING]
        assert len(set(real)) == len(real) == min(2, len(boxes) - 1)
        assert i not in real
