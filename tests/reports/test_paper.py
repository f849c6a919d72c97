"""The paper's numbers: against cells typed by hand, and against each other where the paper prints a run twice."""

from itertools import chain

import pytest

from benchmark import paper
from reports.experiments import tables


@pytest.mark.parametrize(
    ("table", "row", "split", "metric", "printed"),
    [
        ("table2", "full", "test", "CIDEr", 345.41),
        ("table2", "full", "val", "BLEU-1", 41.77),
        ("table2", "updown_wo_tatt", "test", "Div@2", 39.51),
        ("table2", "rstnet_w_tatt", "val", "METEOR", 17.28),
        ("table2", "human", "test", "Div@1", 89.91),
        ("table2", "human", "test", "CIDEr", None),
        ("table2", "full", "test", "Exact", None),
        ("table2", None, "test", "CIDEr", None),
        ("table3", "2", "test", "BLEU-4", 28.48),
        ("table3", "4", "val", "CIDEr", 347.3),
        ("tablea5", "w/ two random", "test", "CIDEr", 283.73),
        ("tablea5", "w/ top-2 nearest", "test", "Div@2", 60.34),
        ("figure4", None, "test", "CIDEr", None),
    ],
)
def test_cells(table: str, row: str | None, split: str, metric: str, printed: float | None) -> None:
    """A column or split taken for its neighbour."""
    assert paper.value(table, row, split, metric) == printed


def test_runs_that_the_paper_prints_twice() -> None:
    """Table 3's first and last row are Table 2's context and full; A5's top-1 nearest is context."""
    shared = ("BLEU-1", "BLEU-4", "METEOR", "CIDEr")
    for split in ("val", "test"):
        for metric in shared:
            assert paper.value("table3", "1", split, metric) == paper.value("table2", "context", split, metric)
            assert paper.value("table3", "5", split, metric) == paper.value("table2", "full", split, metric)
    for metric in ("BLEU-1", "BLEU-4", "CIDEr", "Div@1", "Div@2"):
        a5 = paper.value("tablea5", "w/ top-1 nearest", "test", metric)
        assert a5 == paper.value("table2", "context", "test", metric)


def test_every_row_of_ours_is_one_of_the_papers() -> None:
    """A misspelt key would leave the paper's column empty without a word."""
    for table in tables("paper").values():
        keys = [row.paper for row in table.rows if row.paper is not None]
        assert len(set(keys)) == len(keys)
        for key, split in ((key, split) for key in keys for split in table.splits):
            assert any(paper.value(table.name, key, split, metric) is not None for metric in table.metrics)
        content = paper.numbers().get(table.name.replace("tablea", "tableA"), {})
        assert len(keys) == len(content.get("rows", []))
    with pytest.raises(KeyError):
        paper.value("table2", "fulll", "test", "CIDEr")


def test_copying_falls_with_the_order() -> None:
    """Table A6: 0.032, 0.021, 0.013, 0.007."""
    assert [paper.copying(n) for n in range(1, 5)] == [0.032, 0.021, 0.013, 0.007]


def test_tables_1_and_4() -> None:
    """Numbers of two rows swapped; Table 4 is consistent: the two shares add up to 100."""
    data_sets = {row["dataset"]: row for row in paper.numbers()["table1"]["rows"]}
    assert len(data_sets) == 6
    assert (data_sets["TextCaps"]["n_images_raw"], data_sets["TextCaps"]["avg_len"]) == ("28K", 12.4)
    assert data_sets["CapOnImage"]["n_texts_raw"] == "10.07M"
    assert paper.preferences()["diversity"] == (34.5, 65.5)
    for question, (base, full) in paper.preferences().items():
        assert base + full == pytest.approx(100)
        assert full - base == pytest.approx(paper.numbers()["table4"]["rows"][question][2])


def test_nothing_is_missing_from_table_2() -> None:
    """14 systems with 6 numbers on each split, and two for human captions."""
    rows = paper.numbers()["table2"]["rows"]
    for split in ("validation", "test"):
        cells = [value for value in chain.from_iterable(row[split].values() for row in rows) if value is not None]
        assert len(cells) == 14 * 6 + 2
