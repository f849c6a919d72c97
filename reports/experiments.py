"""Lists every experiment: the rows of the paper's Tables 2, 3, A5 and A6 and the points of its Figure 4.

A row names a variant of the model and the settings that it changes. Rows whose configurations have equal hashes share
one run; the sharing is not listed here, it follows from the hashes (M4C without copying is `baseline`; a point of
Figure 4 at the chosen size is `context`). Every variant is trained for the same number of updates, so `context` is also
the control with equal updates that Table 3 needs (T3-0).
"""

from dataclasses import dataclass

from benchmark import paper
from benchmark.dataset.schema import EVALUATED_SPLITS
from benchmark.errors import InputError
from benchmark.metrics import METRICS
from reference_model.config import Config, override
from reference_model.registry import PROFILES, named


@dataclass(frozen=True)
class TableRow:
    """A row of a table, or a point of a figure.

    Attributes:
        id: our identifier of the row, such as "T2-full".
        label: name of the row as the paper prints it.
        variant: variant of the model (`reference_model.variants`); "" for systems without training.
        paper: key of the paper's row (see `paper.value`); None where the paper has none.
        overrides: settings that the row changes in the variant, such as "model.layers=2".
        blind: name of the system in `benchmark.scoring.blind.SYSTEMS`, for a row without training.
        metrics: the only metrics that are meaningful for the row; empty if all are.
        equal_generation: whether matching comes on top, so that there are as many updates of Caption Generation as in
            the variants without matching.
        control: whether the row is a control, which gives the others a scale and is marked as such.
        note: explanation for readers, printed below the table.
    """

    id: str
    label: str
    variant: str = ""
    paper: str | None = None
    overrides: tuple[str, ...] = ()
    blind: str = ""
    metrics: tuple[str, ...] = ()
    equal_generation: bool = False
    control: bool = False
    note: str = ""

    def settings(self, profile: str, changes: tuple[str, ...] = ()) -> tuple[str, ...]:
        """All settings that make the row's run of its variant; `changes` are settings changed in all rows alike."""
        settings = (*self.overrides, *changes)
        if not self.equal_generation:
            return settings
        config = override(named(self.variant, profile), list(settings))
        longer = round(config.train.pretrain_updates / (1 - config.cm.share))
        return (*settings, f"train.pretrain_updates={longer}")

    def config(self, profile: str, changes: tuple[str, ...] = ()) -> Config:
        """Configuration of the row's run."""
        return override(named(self.variant, profile), list(self.settings(profile, changes)))

    def shows(self, metric: str) -> bool:
        """Whether a metric is meaningful for the row, so that its cell is filled."""
        return not self.metrics or metric in self.metrics


@dataclass(frozen=True)
class Table:
    """A table of the paper, or the points of a figure.

    Attributes:
        name: name on the command line, such as "table2".
        title: title as printed.
        rows: rows in order.
        metrics: metrics to show; empty for a table with grids of its own (Table A6).
        splits: splits to score.
        seeds: number of seeds at the paper's sizes.
    """

    name: str
    title: str
    rows: tuple[TableRow, ...]
    metrics: tuple[str, ...]
    splits: tuple[str, ...] = EVALUATED_SPLITS
    seeds: int = 5

    @property
    def trained(self) -> list[TableRow]:
        """Rows that need a run."""
        return [row for row in self.rows if row.variant]


_ACCURACY = ("BLEU-1", "BLEU-4", "METEOR", "CIDEr")
_DIVERSITY = ("Div@1", "Div@2")
#: Metrics that we print in every table although the paper does not.
_OWN = tuple(m.name for m in METRICS if (m.report or m.summary) and m.name not in paper.COLUMNS)

#: Left out of scaled-down tables: at 64 pixels no text can be read off the picture, so the leak would not show. That
#: masking hides the captions is tested in `tests/reference_model/test_leak.py`.
LEAK = "leak: text left on the picture"

TABLE2 = (
    #   id         label                variant        the paper's row
    TableRow("T2-ud", "Up-down w/o TAtt", "updown", "updown_wo_tatt"),
    TableRow("T2-m2", "M2 w/o TAtt", "m2", "m2_wo_tatt"),
    TableRow("T2-rst", "RSTNet w/o TAtt", "rstnet", "rstnet_wo_tatt"),
    TableRow("T2-udt", "Up-down w/ TAtt", "updown-tatt", "updown_w_tatt"),
    TableRow("T2-m2t", "M2 w/ TAtt", "m2-tatt", "m2_w_tatt"),
    TableRow("T2-rstt", "RSTNet w/ TAtt", "rstnet-tatt", "rstnet_w_tatt"),
    TableRow("T2-m4c", "M4C w/o copying", "baseline", "m4c_wo_copy"),
    TableRow("T2-m4cp", "M4C w/ copying", "m4c-copy", "m4c_w_copy"),
    TableRow("T2-base", "baseline", "baseline", "baseline"),
    TableRow("T2-noloc", "no-locations", "no-locations", "no_locations", note="the paper prints: w/o locations"),
    TableRow("T2-noinfo", "no-info", "no-info", "no_info"),
    TableRow("T2-noimg", "no-image", "no-image", "no_image"),
    TableRow("T2-ctx", "context", "context", "context"),
    TableRow("T2-full", "full", "full", "full"),
    TableRow("T2-human", "human", paper="human", blind="references", metrics=_DIVERSITY, note="the references"),
    TableRow("T2-nearest", "nearest training box", blind="nearest training box", control=True),
    TableRow("T2-title", "title copy", blind="title copy", control=True),
    TableRow("T2-majority", "most frequent caption", blind="most frequent caption", control=True),
    TableRow("T2-leak", LEAK, "leak", control=True),
)

TABLE3 = (
    TableRow("T3-1", "no pre-training", "context", "1"),
    TableRow("T3-2", "level I, fixed", "full-level1", "2"),
    TableRow("T3-3", "levels I, II, fixed", "full-level12", "3"),
    TableRow("T3-4", "levels I, II, III, fixed", "full-fixed", "4"),
    TableRow("T3-5", "levels I, II, III, progressive", "full", "5"),
    TableRow(
        "T3-0",
        "equal updates, no pre-training",
        "context",
        control=True,
        note="the run of T3-1: every variant gets equally many updates, so `context` has as many as `full` in all",
    ),
    TableRow(
        "T3-6",
        "progressive, equal updates of generation",
        "full",
        equal_generation=True,
        control=True,
        note="matching comes on top: as many updates of Caption Generation as `context` has, and a third more in "
        "pre-training in all",
    ),
)

TABLEA5 = (
    TableRow("A5-0", "w/o context (0)", "baseline", "w/o context"),
    TableRow("A5-r2", "two random (2)", "random-neighbours", "w/ two random"),
    TableRow("A5-n1", "top-1 nearest (2)", "context", "w/ top-1 nearest"),
    TableRow("A5-n2", "top-2 nearest (4)", "top2", "w/ top-2 nearest"),
    TableRow("A5-chain", "reading order, as released (2)", "chain", control=True),
)

TABLEA6 = (
    TableRow("A6", "full", "full"),
    TableRow("A6-m4cp", "M4C w/ copying", "m4c-copy", control=True),
    TableRow("A6-human", "references", blind="references", control=True),
)

#: Values of each panel of Figure 4a: the paper's (approximate: its text names only the chosen) and scaled-down ones.
FIGURE4: dict[str, dict[str, tuple[int, ...]]] = {
    "paper": {"layers": (2, 4, 6, 8), "width": (256, 512, 768, 1024), "grid": (4, 6, 8, 10)},
    "mini": {"layers": (1, 2, 3, 4), "width": (64, 96, 128, 192), "grid": (4, 6, 8, 10)},
}


def figure4_points(profile: str) -> tuple[TableRow, ...]:
    """Rows of Figure 4: the context model at other sizes; the picture grows with the grid, as in the released code."""
    mini = profile != "paper"
    pixels = 8  # side of a grid cell for the small backbone of mini; the paper profile uses 32 by default
    panels = FIGURE4["mini" if mini else "paper"]
    return (
        *(TableRow(f"F4a1-L{n}", f"layers {n}", "context", overrides=(f"model.layers={n}",)) for n in panels["layers"]),
        *(TableRow(f"F4a2-d{n}", f"width {n}", "context", overrides=(f"model.width={n}",)) for n in panels["width"]),
        *(
            TableRow(
                f"F4a3-g{n}",
                f"grid {n} x {n}",
                "context",
                overrides=(f"inputs.grid={n}", *([f"inputs.image_side={pixels * n}"] if mini else [])),
            )
            for n in panels["grid"]
        ),
        TableRow("F4b", "full (4b)", "full", control=True),
        TableRow("F4b-base", "baseline (4b)", "baseline", control=True),
    )


def tables(profile: str) -> dict[str, Table]:
    """All tables at a profile's sizes, by their names on the command line of `reports.reproduce`."""
    table2 = tuple(row for row in TABLE2 if row.label != LEAK or profile == "paper")
    found = (
        Table("table2", "Table 2: all systems", table2, (*_ACCURACY, *_DIVERSITY, *_OWN)),
        Table("table3", "Table 3: Caption Matching", TABLE3, (*_ACCURACY, *_OWN)),
        Table(
            "tablea5",
            "Table A5: neighbours",
            TABLEA5,
            ("BLEU-1", "BLEU-4", "CIDEr", *_DIVERSITY, *_OWN),
            splits=("test",),
            seeds=3,
        ),
        Table("tablea6", "Table A6: BLEU between product info and captions", TABLEA6, (), splits=("test",)),
        Table(
            "figure4",
            "Figure 4: sizes of the context model; lengths",
            figure4_points(profile),
            ("BLEU-4", "CIDEr", *_OWN),
            splits=("test",),
            seeds=3,
        ),
    )
    return {table.name: table for table in found}


def select_tables(names: list[str], profile: str, only: list[str]) -> list[Table]:
    """Select tables and rows; the smoke profile keeps two trained rows of each table.

    Args:
        names: names of tables, or "all".
        profile: model sizes of the runs: paper, mini or smoke.
        only: ids of the rows to keep; empty for all rows.

    Raises:
        InputError: if there is no such table, row or profile.
    """
    if profile not in PROFILES:
        raise InputError(f"--profile: got {profile!r}, expected one of {', '.join(PROFILES)}")
    known = tables(profile)
    problems = [
        f"no table {name!r}; expected one of {', '.join(known)}, or all"
        for name in names
        if name not in (*known, "all")
    ]
    if problems:
        raise InputError(*problems)
    picked = [table for table in known.values() if "all" in names or table.name in names]
    ids = {row.id for table in picked for row in table.rows}
    if unknown := [row for row in only if row not in ids]:
        raise InputError(*(f"--only: no row {row!r}; expected one of {', '.join(sorted(ids))}" for row in unknown))
    if only:
        picked = [_with_rows(table, [row for row in table.rows if row.id in only]) for table in picked]
    elif profile == "smoke":
        picked = [_smoke(table) for table in picked]
    return [table for table in picked if table.rows]


def _smoke(table: Table) -> Table:
    """The first and the last trained row, which differ the most, and the rows without training."""
    trained = [row for row in table.trained if not row.control]
    return _with_rows(table, [row for row in table.rows if not row.variant or row in (trained[0], trained[-1])])


def _with_rows(table: Table, rows: list[TableRow]) -> Table:
    return Table(table.name, table.title, tuple(rows), table.metrics, table.splits, table.seeds)
