"""Grids as HTML tables that can be sorted: what a cell shows, and what it is sorted by.

Invariants:
* a cell is sorted by the number at its start ("838.45 [829.1, 847.2] a", "+1.20 ± 0.30 ab", "4,788"); cells without one
  ("-", "") stand last in either direction; a column is numeric if no cell begins with anything but a number or dash;
* rows whose first cell begins with "·" belong to the row above and move with it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..grid import Grid

_NUMBER = re.compile(r"[+\-−]?\d[\d,]*(?:\.\d+)?(?![\w.])")
_INTERVAL = re.compile(r"\[[^\[\]]*\]")
_TIES = re.compile(r" ([a-z]+)$")
BELONGS_TO_ROW_ABOVE = "·"


@dataclass(frozen=True)
class Cell:
    """What stands in a cell: text, an interval below it, and behind them the letters of ties."""

    text: str
    interval: str = ""
    behind: str = ""
    value: float | None = None
    href: str = ""


@dataclass(frozen=True)
class View:
    """A grid for the template: `numeric` tells of each column whether its cells are numbers."""

    title: str
    columns: Sequence[str]
    numeric: Sequence[bool]
    groups: Sequence[Sequence[Sequence[Cell]]]
    notes: Sequence[str]


def view(grid: Grid, links: Sequence[str] = ()) -> View:
    """A grid for the macro `table` of tables.html.j2.

    Args:
        grid: any.
        links: where the first cell of each row leads, relative to the page; empty: no links.
    """
    hrefs = [*links, *[""] * (len(grid.rows) - len(links))]
    rows = [
        [_cell(text, href if i == 0 else "") for i, text in enumerate(row)]
        for row, href in zip(grid.rows, hrefs, strict=True)
    ]
    groups: list[list[list[Cell]]] = []
    for row in rows:
        if groups and row[0].text.startswith(BELONGS_TO_ROW_ABOVE):
            groups[-1].append(row)
        else:
            groups.append([row])
    numeric = [all(_is_number(row[i]) for row in rows) for i in range(len(grid.columns))]
    return View(grid.title, grid.columns, numeric, groups, grid.notes)


def number_at_start(text: str) -> float | None:
    """The number that a cell begins with."""
    match = _NUMBER.match(text.strip())
    return float(match[0].replace(",", "").replace("−", "-")) if match else None


def _cell(text: str, href: str) -> Cell:
    value = number_at_start(text)
    if value is None:
        return Cell(text, href=href)
    ties = _TIES.search(text)
    behind = ties[1] if ties else ""
    text = text.removesuffix(f" {behind}")
    found = _INTERVAL.search(text)
    if found is None:
        return Cell(text, behind=behind, value=value, href=href)
    return Cell(text[: found.start()].strip(), found[0], behind, value, href)


def _is_number(cell: Cell) -> bool:
    return cell.value is not None or cell.text.strip() in ("", "-")
