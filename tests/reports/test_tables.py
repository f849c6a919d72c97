"""Tables: cells by hand, ties by brute force, files that any content leaves intact."""

import csv
import io
import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from made_split import made_split
from made_systems import measured, spoilt, system

from benchmark.dataset.store import Split
from reports.experiments import Table, TableRow, tables
from reports.tables.measured import Measured
from reports.tables.scores import caveats, copying_grid, long_csv, score_grid, tie_letters


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return made_split(tmp_path_factory.mktemp("made"), n_boxes=600)[0]


@pytest.fixture(scope="module")
def rows(split: Split) -> list[Measured]:
    table = {row.id: row for row in tables("paper")["table2"].rows}
    found = [system(table["T2-base"], split, 0.5, (1, 2)), system(table["T2-full"], split, 0.2, (3, 4))]
    found.append(replace(found[0], row=table["T2-m4c"]))
    return [*found, measured(table["T2-human"], split, [split.captions])]


def test_cells(rows: list[Measured], split: Split) -> None:
    """Mean and deviation by hand; the paper's printed number; the difference of the two."""
    table = tables("paper")["table2"]
    grid = score_grid(table, {"test": rows}, ["SYNTHETIC DATA"])
    lines = {line[0]: line for line in grid.texts()}
    column = grid.columns.index("test Exact")
    cider = grid.columns.index("test CIDEr")
    right = [100 * np.mean([a == b for a, b in zip(c, split.captions, strict=True)]) for c in rows[1].captions]
    assert lines["full"][column] == f"{np.mean(right):.2f} ± {np.std(right, ddof=1):.2f}"
    assert lines["full"][1] == "2"
    place = [line[0] for line in grid.texts()].index("full")
    paper, difference = grid.rows[place + 1], grid.rows[place + 2]
    assert (paper.kind, difference.kind) == ("paper", "difference")
    assert (grid.texts()[place + 1][0], paper.cells[cider].number, paper.cells[column].number) == (
        "· paper",
        345.41,
        None,
    )
    assert difference.cells[cider].number == rows[1].score("CIDEr")[0] - 345.41
    assert str(difference.cells[cider]) == f"{rows[1].score('CIDEr')[0] - 345.41:+.2f}"
    assert lines["human"][cider] == "-"
    assert lines["human"][grid.columns.index("test Div@1")] != "-"
    assert "SYNTHETIC DATA" in grid.notes
    assert "one run: baseline; M4C w/o copying" in grid.notes


def test_both_splits_stand_side_by_side(rows: list[Measured]) -> None:
    """The paper's layout; a row without a run on one split keeps its place."""
    table = tables("paper")["table2"]
    grid = score_grid(table, {"val": rows[:1], "test": rows}, [])
    assert len(grid.columns) == 2 + 2 * len(table.metrics)
    assert all(len(line) == len(grid.columns) for line in grid.texts())


def differing(resampled: list[np.ndarray], scores: list[tuple[float, float]], seeds: int) -> set[tuple[int, int]]:
    """Pairs that differ: the step-down max-T test as its authors write it down, pair by pair, and two seed errors."""
    pairs = list(combinations(range(len(scores)), 2))
    studentised, statistic = {}, {}
    for a, b in pairs:
        observed = scores[a][0] - scores[b][0]
        deviations = resampled[a] - resampled[b] - observed
        error = math.sqrt(np.mean(deviations**2))
        studentised[a, b], statistic[a, b] = np.abs(deviations) / error, abs(observed) / error
    p, found = 0.0, set()
    for place, pair in enumerate(ordered := sorted(pairs, key=lambda pair: -statistic[pair])):
        largest = np.max([studentised[other] for other in ordered[place:]], axis=0)
        p = max(p, (1 + np.sum(largest >= statistic[pair])) / (1 + len(largest)))
        (a, sd_a), (b, sd_b) = (scores[k] for k in pair)
        if p < 0.05 and abs(a - b) > 2 * math.sqrt(sd_a**2 / seeds + sd_b**2 / seeds):
            found.add(pair)
    return found


def test_letters_are_the_largest_groups_without_a_difference(split: Split) -> None:
    """By brute force over all groups: rows share a letter if and only if no two of the group differ."""
    shares = (0.1, 0.12, 0.14, 0.16, 0.18, 0.5)
    rows = [system(f"r{i}", split, share, (i, i + 10)) for i, share in enumerate(shares)]
    letters = tie_letters(rows)
    names = rows[0].names

    i = names.index("CIDEr")
    differ = differing([row.resampled[:, i] for row in rows], [row.score("CIDEr") for row in rows], seeds=2)

    def tied(a: int, b: int) -> bool:
        return (a, b) not in differ

    members = range(len(rows))
    groups = [
        set(g) for n in range(2, 7) for g in combinations(members, n) if all(tied(a, b) for a, b in combinations(g, 2))
    ]
    largest = [g for g in groups if not any(g < other for other in groups)]
    found: dict[str, set[int]] = {}
    for i in members:
        for letter in letters.get((f"r{i}", "CIDEr"), ""):
            found.setdefault(letter, set()).add(i)
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, largest))
    assert 2 <= len(largest) < len(groups)


def test_rows_that_are_one_run_are_no_tie(rows: list[Measured]) -> None:
    """Baseline and M4C without copying would always be "not different"."""
    assert ("T2-base", "CIDEr") not in tie_letters(rows)


def test_csv_holds_everything_at_full_precision(rows: list[Measured]) -> None:
    """A reader who computes with the table must not compute with two decimals."""
    table = tables("paper")["table2"]
    lines = list(csv.DictReader(io.StringIO(long_csv(table, {"test": rows}, {"T2-full": "abc"}))))
    assert len(lines) == len(rows) * len(rows[0].names)
    line = next(line for line in lines if (line["row"], line["metric"]) == ("T2-full", "CIDEr"))
    mean, deviation = rows[1].score("CIDEr")
    assert (float(line["mean"]), float(line["deviation"]), line["paper"]) == (mean, deviation, "345.41")
    assert (line["configuration"], line["seeds"], line["split"]) == ("abc", "2", "test")


def test_caveats(split: Split) -> None:
    """Scaled-down numbers on synthetic data must say so; the paper's setting on real data must not."""
    assert [label.partition(":")[0] for label in caveats("mini", split)] == ["SCALED DOWN", "SYNTHETIC DATA"]
    assert caveats("paper", replace(split, synthetic=False)) == []


def test_copying(split: Split) -> None:
    """Captions cut from the title are copied; their first direction counts the title's characters as guesses."""
    title = split.titles[0]
    copied = measured(TableRow("A6", "full", "full"), split, [[title[:4]] * split.n_boxes])
    table = Table("tablea6", "Table A6", (copied.row,), (), ("test",))
    first, second, paper = copying_grid(table, [copied], split, []).texts()
    info = len(title + split.attributes[0])
    assert first[3] == f"{4 / info:.3f}"
    assert second[3:] == ["1.000"] * 4
    assert paper[3:] == ["0.032", "0.021", "0.013", "0.007"]


def test_the_same_bits(split: Split) -> None:
    """Tables that cannot be rebuilt from the same predictions cannot be checked."""
    table = Table("table2", "t", (TableRow("a", "a", "context"), TableRow("b", "b", "full")), ("CIDEr", "Div@1"))

    def build() -> str:
        rows = [measured(row, split, [spoilt(split, 0.3, seed) for seed in (1, 2)]) for row in table.rows]
        return score_grid(table, {"test": rows}, []).markdown() + long_csv(table, {"test": rows}, {})

    assert build() == build()
