"""Metrics of the layout tracks: by hand, and what must hold for any layouts."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.layout import JOINT, TRACKS, by_module, load
from benchmark.layout.assignment import assign
from benchmark.layout.corpus import LayoutCorpus
from benchmark.layout.evaluation import LayoutEvaluation
from benchmark.layout.layouts import Layouts

SIZES = (800, 600)

coordinate = st.integers(-20, 120).map(lambda n: n / 100)
box = st.tuples(coordinate, coordinate, coordinate, coordinate).map(
    lambda b: [min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3])]
)
caption = st.text("温和不刺激好用", max_size=5)
element = st.tuples(box, caption)
#: Images with predicted and reference elements; references have at least one.
images = st.lists(
    st.tuples(st.lists(element, max_size=5), st.lists(element, min_size=1, max_size=5)), min_size=1, max_size=4
)

Elements = list[tuple[list[float], str]]


def layouts(elements: list[Elements]) -> Layouts:
    return Layouts.of([[b for b, _ in one] for one in elements], [[c for _, c in one] for one in elements])


def evaluation(pairs: list[tuple[Elements, Elements]]) -> LayoutEvaluation:
    predictions, references = (layouts([pair[side] for pair in pairs]) for side in (0, 1))
    return LayoutEvaluation(LayoutCorpus(predictions, references, np.tile(SIZES, (len(pairs), 1))), JOINT)


def scores(predicted: list[list[float]], expected: list[list[float]]) -> dict[str, float]:
    return evaluation([([(b, "好") for b in predicted], [(b, "好") for b in expected])]).scores


def test_the_registry_is_that_of_the_modules() -> None:
    """A metric printed under the name of another one."""
    for track in TRACKS:
        for module, metrics in by_module(track).items():
            assert tuple(metric.name for metric in metrics) == load(module).NAMES
            assert all(metric.level == "image" for metric in metrics)


@given(st.integers(0, 4), st.integers(0, 4), st.data())
def test_the_assignment_is_the_best(rows: int, columns: int, data: st.DataObject) -> None:
    """A matching that is only good, so that a system's score depends on luck."""
    cells = data.draw(st.lists(st.integers(0, 5), min_size=rows * columns, max_size=rows * columns))
    table = np.array(cells, float).reshape(rows, columns)
    found = assign(table)
    assert len(set(found[1].tolist())) == len(found[0]) == min(rows, columns)
    wide = table if rows <= columns else table.T
    best = max(
        sum(wide[i, j] for i, j in enumerate(p)) for p in permutations(range(max(rows, columns)), min(rows, columns))
    )
    assert table[found].sum() == best


def test_the_assignment_is_that_of_scipy() -> None:
    """Larger tables, which the test with all permutations cannot reach; many equal values."""
    optimize = pytest.importorskip("scipy.optimize")
    random = np.random.default_rng(0)
    for _ in range(200):
        table = np.round(random.random(random.integers(1, 30, 2)) * 20)
        assert table[assign(table)].sum() == table[optimize.linear_sum_assignment(table, maximize=True)].sum()


def test_one_box_by_hand() -> None:
    """The definitions, with numbers that can be checked on paper: an IoU of 1/2 passes three thresholds of five."""
    found = scores([[0.125, 0.125, 0.25, 0.25]], [[0.125, 0.125, 0.375, 0.25]])
    assert found["MaxIoU"] == 50
    assert found["Box F1"] == pytest.approx(60)
    assert found["Match"] == pytest.approx(100 / (1 + 0.3125**2))  # one coordinate of four is 0.125 apart
    assert found["Count error"] == 0
    assert found["Misalignment"] == 0  # a box alone has nothing to be aligned to
    assert found["METEOR F1"] == pytest.approx(60)


def test_two_boxes_by_hand() -> None:
    """Overlap over the number of boxes, and the gap of each box."""
    found = scores([[0.1, 0.1, 0.3, 0.2], [0.2, 0.1, 0.4, 0.2]], [[0.1, 0.1, 0.3, 0.2]])
    assert found["Overlap"] == pytest.approx(100 / 3 / 2)
    assert found["Misalignment"] == 0  # their upper edges are in one line
    assert found["Count error"] == 1
    assert found["Box recall"] == 100
    assert found["Box precision"] == 50
    assert found["Box F1"] == pytest.approx(200 / 3)
    apart = scores([[0.1, 0.1, 0.3, 0.2], [0.5, 0.6, 0.8, 0.75]], [[0.1, 0.1, 0.3, 0.2]])
    assert apart["Misalignment"] == pytest.approx(-2 * np.log10(1 - 0.4) * 100)


def test_no_box() -> None:
    """0 / 0, or a prize for saying nothing."""
    found = evaluation([([], [([0.1, 0.1, 0.5, 0.2], "好用")])]).scores
    zero = {name for name, value in found.items() if value == 0}
    assert zero == set(found) - {"MMD", "Count error"}
    assert (found["MMD"], found["Count error"]) == (100, 1)


def test_odd_boxes() -> None:
    """A box without area, one beyond the canvas, one that is both: no error, no NaN, and none of them is valid."""
    odd = [[0.5, 0.5, 0.5, 0.5], [1.2, 0.1, 1.5, 0.2], [2.0, 2.0, 2.0, 2.0], [-1.0, 0.1, 0.0, 0.3]]
    found = scores(odd, [[0.1, 0.1, 0.5, 0.2]])
    assert all(np.isfinite(value) for value in found.values())
    assert (found["Validity"], found["Overlap"], found["Misalignment"]) == (0, 0, 0)
    assert found["Boxes"] == 4


def test_a_caption_in_the_wrong_place_counts_for_nothing() -> None:
    """The right caption in a box that is elsewhere, which a metric of captions alone would praise."""
    reference = [([0.1, 0.1, 0.5, 0.2], "温和不刺激"), ([0.1, 0.7, 0.5, 0.8], "好用")]
    swapped = [(reference[0][0], "好用"), (reference[1][0], "温和不刺激")]
    right, wrong = evaluation([(reference, reference)] * 2).scores, evaluation([(swapped, reference)] * 2).scores
    assert right["METEOR F1"] == 100
    assert wrong["METEOR F1"] == wrong["CIDEr F1"] == 0
    assert wrong["Box F1"] == 100


@settings(max_examples=40, deadline=None)
@given(images, st.randoms(use_true_random=False))
def test_order_changes_nothing(pairs: list[tuple[Elements, Elements]], random: "np.random.Random") -> None:
    """Boxes in another order score otherwise, if only in the last bit: then a receipt depends on chance."""
    shuffled = [(random.sample(a, len(a)), random.sample(b, len(b))) for a, b in pairs]
    first, second = evaluation(pairs), evaluation(shuffled)
    assert first.scores == second.scores
    assert repr(first.intervals(10)) == repr(second.intervals(10))


@settings(max_examples=40, deadline=None)
@given(images, images)
def test_statistics_add_up(a: list[tuple[Elements, Elements]], b: list[tuple[Elements, Elements]]) -> None:
    """A metric that looks at other images than its own: its intervals and slices would be wrong.

    CIDEr may, through the document frequencies of the split, and is left out.
    """
    for module in by_module(JOINT):
        if module == "dense":
            continue
        whole, *halves = (load(module).statistics(evaluation(part).corpus) for part in (a + b, a, b))
        if whole is not None:
            assert whole.tolist() == np.concatenate(halves).tolist(), module


@settings(max_examples=40, deadline=None)
@given(images)
def test_references_score_best(pairs: list[tuple[Elements, Elements]]) -> None:
    """A similarity that something else than the reference itself maximises."""
    own, other = evaluation([(b, b) for _, b in pairs]).scores, evaluation(pairs).scores
    assert own["Match"] == 100
    assert (own["MMD"], own["Count error"]) == (0, 0)
    flat = any(x1 == x2 or y1 == y2 for _, b in pairs for (x1, y1, x2, y2), _ in b)
    if not flat:  # the IoU of a box without area is 0 even with itself
        assert own["MaxIoU"] == pytest.approx(100)
        assert own["Box F1"] == 100
    assert other["Match"] <= 100
    if not flat:
        for name in ("MaxIoU", "Box F1", "Box recall", "Box precision"):
            assert other[name] <= own[name] + 1e-9


def test_mmd_tells_distributions_apart() -> None:
    """A distance that does not see that all boxes stand in one corner, or sees a difference where there is none."""
    random = np.random.default_rng(0)

    def sample(high: float) -> Layouts:
        corners = random.random((200, 3, 2)) * high
        return Layouts.of([[[x, y, x + 0.2, y + 0.05] for x, y in image] for image in corners.tolist()])

    reference = sample(0.8)
    sizes = np.tile(SIZES, (200, 1))
    same, corner = (
        LayoutEvaluation(LayoutCorpus(sample(high), reference, sizes), "layout").scores["MMD"] for high in (0.8, 0.3)
    )
    assert 0 < same < 8
    assert corner > 30
