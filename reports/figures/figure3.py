"""Figure 3: places of each caption type on the image, references beside predictions, and typical captions.

The types come from a fixed type model (`benchmark.metrics.caption_types`). Two floors give the numbers a scale:
`no-locations`, a model that is not told where a box is, and the captions of `full` shuffled over all boxes.

Invariants: the numbers cover all boxes of the split; the maps show the boxes of one random sample of images, the same
in every map; the typical captions are references.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.grid import Cell, Grid, number, write_tables
from benchmark.metrics.caption_types import N_TYPES, TypeModel, jensen_shannon, load_type_model, type_map
from benchmark.metrics.corpus import characters
from reports.figures.drawing import COLOURS, MARKERS, canvas, save, shown
from reports.figures.examples import SEED, sample_images
from reports.figures.material import Material, MissingInputError

SYSTEMS, FLOOR = ("full", "baseline"), "no-locations"
DRAWN, CENTRAL, SHUFFLES = 500, 8, 100
COLUMNS = ("captions", "image_id", "box", "x", "y", "type", "text")
NUMBERS = ("captions", "agreement", "divergence", *(f"type {kind + 1}" for kind in range(N_TYPES)))


def central(model: TypeModel, captions: Sequence[str], most: int = CENTRAL) -> list[list[str]]:
    """Captions nearest to the centroid of each type, the nearest first, without repetition.

    Args:
        model: type model.
        captions: reference captions.
        most: largest number of captions per type.
    """
    distinct = sorted(set(captions))
    distances = model.distances(distinct)
    found = []
    for kind in range(N_TYPES):
        mine = np.flatnonzero(distances.argmin(axis=1) == kind)
        nearest = mine[np.argsort(distances[mine, kind], kind="stable")]
        found.append([distinct[i] for i in nearest[:most]])
    return found


def numbers(types: Mapping[str, np.ndarray], boxes: np.ndarray) -> list[tuple[str, float, float, *tuple[float, ...]]]:
    """Rows of `NUMBERS`, one for each set of captions, then one for the second set, shuffled (mean of `SHUFFLES`).

    Agreement is the per cent of boxes with the type of their reference. Divergence is the Jensen-Shannon divergence of
    the type-by-place maps, from 0 to 1. Shares of the types are in per cent.

    Args:
        types: type of each box's caption, by set of captions; references first.
        boxes: boxes as ratios of the image, shape (n_boxes, 4).
    """
    references, first = list(types)[:2]
    truth = types[references]
    reference_map = type_map(truth, boxes)

    def measured(of: np.ndarray) -> np.ndarray:
        agreement = 100 * float((of == truth).mean())
        shares = 100 * np.bincount(of, minlength=N_TYPES) / len(of)
        return np.array([agreement, jensen_shannon(type_map(of, boxes), reference_map), *shares])

    random = np.random.default_rng(SEED)
    shuffled = np.mean([measured(random.permutation(types[first])) for _ in range(SHUFFLES)], axis=0)
    rows = {**{name: measured(of) for name, of in types.items()}, f"{first}, shuffled": shuffled}
    return [(name, *row.tolist()) for name, row in rows.items()]


def draw(material: Material, folder: Path) -> list[Path]:
    """Write the figure and `figure3_numbers.*`; returns their paths.

    Raises:
        MissingInputError: without the runs, or without a type model for this data set.
    """
    split = material.evaluated
    captionings = {"references": split.captions, **{name: material.captions(name) for name in SYSTEMS}}
    notes = [f"{split.name}; {material.label}", f"{FLOOR}, shuffled: floors; shuffled: mean of {SHUFFLES}, seed {SEED}"]
    try:
        captionings[FLOOR] = material.captions(FLOOR)
    except MissingInputError:
        notes.append(f"no run of {FLOOR}: that floor is missing")
    model = _model(material)
    tokens = {name: [characters(caption) for caption in captions] for name, captions in captionings.items()}
    types = {name: model.assign(captions) for name, captions in tokens.items()}
    measured = numbers(types, split.boxes)
    examples = central(model, tokens["references"])
    images = sample_images(split, DRAWN)
    boxes = np.concatenate([np.arange(split.offsets[i], split.offsets[i + 1]) for i in images])
    x, y = (split.boxes[boxes, :2] + split.boxes[boxes, 2:]).T / 2
    with canvas(2, 3, (4.6, 4.7)) as (figure, axes):
        for axis in axes:
            axis.axis("off")
        for axis, (name, of) in zip(axes, types.items(), strict=False):
            _map(axis, name, x, y, of[boxes])
        _legend(axes[4], examples)
        _table(axes[5], measured)
        title = f"Figure 3: caption types by place, {split.name} ({material.label})"
        note = f"points: boxes of {len(images):,} images drawn by seed; numbers: all {split.n_boxes:,} boxes"
        points = list(_points(split, captionings, types, boxes))
        paths = save(figure, folder, "figure3", title, COLUMNS, points, note)
    grid = Grid("Figure 3: caption types", NUMBERS, notes=notes)
    for row in measured:
        grid.add(*_cells(row))
    return [*paths, *write_tables(folder, "figure3_numbers", [grid], grid.csv())]


def _model(material: Material) -> TypeModel:
    if material.types is None and not material.evaluated.synthetic:
        raise MissingInputError(
            "it needs a type model of this data set: --types FOLDER (made by python -m benchmark.fit_types)"
        )
    try:
        return load_type_model(material.types or "mini")
    except InputError as error:
        raise MissingInputError(*error.problems) from None


def _map(axis: Any, name: str, x: np.ndarray, y: np.ndarray, types: np.ndarray) -> None:
    axis.axis("on")
    for kind in range(N_TYPES):
        mine = types == kind
        axis.scatter(x[mine], y[mine], s=9, c=COLOURS[kind], marker=MARKERS[kind], alpha=0.6, linewidths=0)
    axis.set(
        xlim=(0, 1), ylim=(1, 0), aspect="equal", title=name, xlabel="x, share of the width", ylabel="y, of the height"
    )


def _legend(axis: Any, examples: Sequence[Sequence[str]]) -> None:
    axis.set(xlim=(0, 1), ylim=(0, 1), title="types: most central references")
    for kind, captions in enumerate(examples):
        top = 0.96 - 0.25 * kind
        axis.scatter([0.02], [top], s=60, c=COLOURS[kind], marker=MARKERS[kind])
        axis.text(0.06, top, f"type {kind + 1}", va="center", fontsize=11)
        lines: list[str] = []
        line = ""
        for caption in (shown(caption, 12) for caption in captions):
            if line and len(line) + len(caption) > 30:
                lines, line = [*lines, line], ""
            line += ("  " if line else "") + caption
        axis.text(0.06, top - 0.035, "\n".join([*lines, line][:4]), va="top", fontsize=9, linespacing=1.3)


def _table(axis: Any, measured: Sequence[Sequence[Any]]) -> None:
    axis.set(title="agreement, divergence; shares of types, %")
    heads = ["", "agree\n%", "diver-\ngence", *(str(kind + 1) for kind in range(N_TYPES))]
    cells = [[str(cell) for cell in _cells(row, 1)] for row in measured]
    table = axis.table(cells, colLabels=heads, colWidths=[0.3, 0.13, 0.15, *[0.105] * N_TYPES], loc="upper center")
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    table.scale(1, 1.9)
    for (_, column), cell in table.get_celld().items():
        cell.set(edgecolor="#bbbbbb", linewidth=0.6)
        cell.get_text().set_horizontalalignment("left" if column == 0 else "right")


def _cells(row: Sequence[Any], digits: int = 2) -> list[Cell]:
    name, agreement, divergence, *shares = row
    return [Cell(name), number(agreement, digits), number(divergence, 3), *(number(share, digits) for share in shares)]


def _points(
    split: Split, captionings: Mapping[str, Sequence[str]], types: Mapping[str, np.ndarray], boxes: np.ndarray
) -> Iterator[tuple[object, ...]]:
    centres = (split.boxes[:, :2] + split.boxes[:, 2:]) / 2
    for name, captions in captionings.items():
        for box in boxes.tolist():
            i = int(split.image_of_box[box])
            where = (split.image_ids[i], box - int(split.offsets[i]), *centres[box].tolist())
            yield name, *where, int(types[name][box]) + 1, captions[box]
