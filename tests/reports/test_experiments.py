"""The list of experiments: what is one run follows from hashes, and the counts are those of the paper's plan."""

import pytest

from benchmark.errors import InputError
from benchmark.scoring.blind import SYSTEMS
from reference_model.config import override
from reference_model.registry import named
from reports.experiments import select_tables, tables
from reports.tables.claims import CLAIMS


def hashes(name: str, profile: str = "paper", *, controls: bool = False) -> set[str]:
    rows = tables(profile)[name].trained
    return {row.config(profile).hash for row in rows if controls or not row.control}


def test_number_of_trainings_at_the_papers_sizes() -> None:
    """By hand: 13 for Table 2, 3 more for Table 3, 2 more for A5, 9 more for Figure 4; A6 needs none of its own."""
    done: set[str] = set()
    new = {}
    for name in ("table2", "table3", "tablea5", "tablea6", "figure4"):
        new[name] = len(hashes(name) - done)
        done |= hashes(name)
    assert new == {"table2": 13, "table3": 3, "tablea5": 2, "tablea6": 0, "figure4": 9}


def test_reuse_follows_from_the_configuration() -> None:
    """Rows which the paper's text says are one model have equal hashes, and no others have."""
    config = {row.id: row.config("mini").hash for table in tables("mini").values() for row in table.trained}
    assert config["T2-m4c"] == config["T2-base"] == config["A5-0"]
    assert config["T3-0"] == config["T3-1"] == config["T2-ctx"] == config["A5-n1"]
    assert config["T3-5"] == config["T2-full"] == config["A6"]
    assert len({config[row] for row in ("T2-base", "T2-ctx", "T2-full", "A5-chain", "A5-r2", "A5-n2")}) == 6


def test_points_of_figure_4_at_the_chosen_size_are_context() -> None:
    """The paper's choice is 6 layers, width 1024, 8 x 8 cells; three of twelve points are that one run."""
    context = named("context", "paper").hash
    points = tables("paper")["figure4"].trained
    assert [row.id for row in points if row.config("paper").hash == context] == ["F4a1-L6", "F4a2-d1024", "F4a3-g8"]


@pytest.mark.parametrize("profile", ["paper", "mini", "smoke"])
def test_every_row_can_be_configured(profile: str) -> None:
    """A variant that no longer exists, or a size that does not divide, must not wait for hour ten of a night's run."""
    for table in tables(profile).values():
        for row in table.rows:
            assert bool(row.variant) != bool(row.blind)
            assert not row.blind or row.blind in SYSTEMS
            if row.variant:
                row.config(profile)


def test_equal_updates() -> None:
    """T3-0 is the control with equal updates in all, T3-6 the row with equal updates of generation: 3 of 4 and all."""
    rows = {row.id: row.config("mini").train for row in tables("mini")["table3"].trained}
    longer = rows.pop("T3-6")
    assert len({(train.pretrain_updates + train.finetune_updates, train.batch) for train in rows.values()}) == 1
    assert round(0.75 * longer.pretrain_updates) == rows["T3-0"].pretrain_updates
    assert longer.finetune_updates == rows["T3-0"].finetune_updates


def test_changes_reach_every_row() -> None:
    """--set for some rows only would compare different things."""
    row = tables("mini")["table2"].trained[0]
    assert row.config("mini", ("train.batch=7",)) == override(row.config("mini"), ["train.batch=7"])


def test_claims_are_about_rows_of_their_table() -> None:
    """A claim about a misspelt row would never be tested, without a word."""
    for name, claims in CLAIMS.items():
        table = tables("paper")[name]
        ids = {row.id for row in table.rows}
        for claim in claims:
            assert {*claim.first, *claim.second} <= ids, claim.sentence


def test_choosing() -> None:
    """--only and smoke runs; wrong names are told with the right ones."""
    assert [row.id for row in select_tables(["table2"], "mini", ["T2-full"])[0].rows] == ["T2-full"]
    smoke = select_tables(["table2"], "smoke", [])[0]
    assert [row.id for row in smoke.trained] == ["T2-ud", "T2-full"]
    assert len(select_tables(["all"], "mini", [])) == 5
    assert [table.name for table in select_tables(["all"], "mini", ["T3-2"])] == ["table3"]
    with pytest.raises(InputError, match="table2, table3"):
        select_tables(["table4"], "mini", [])
    with pytest.raises(InputError, match="no row 'T2-fulll'"):
        select_tables(["table2"], "mini", ["T2-fulll"])
    with pytest.raises(InputError, match="paper, mini, smoke"):
        select_tables(["table2"], "huge", [])
