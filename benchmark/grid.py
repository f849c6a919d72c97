"""Score tables for terminal, Markdown, LaTeX and HTML: same columns, same digits.

Two decimals, as in the paper's tables; full precision stands in the receipt.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table

SYNTHETIC_NOTE = "synthetic data: never compare these numbers with the paper's"


@dataclass
class Grid:
    """A plain table: the first column is left-aligned text, the others are right-aligned."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def show(self, console: Console) -> None:
        """Print it; notes stand below, unbroken, so that a signature can be copied."""
        table = Table(title=self.title, title_justify="left")
        for i, column in enumerate(self.columns):
            table.add_column(escape(column), justify="left" if i == 0 else "right", no_wrap=i > 0)
        for row in self.rows:
            table.add_row(*map(escape, row))
        console.print(table)
        for note in self.notes:
            console.print(note, markup=False, highlight=False, soft_wrap=True)

    def markdown(self) -> str:
        """GitHub-flavoured Markdown."""
        lines = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)], *self.rows]
        table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)
        return "\n\n".join([f"**{self.title}**", table, *(f"*{note}*" for note in self.notes)])

    def latex(self) -> str:
        """A tabular for booktabs."""
        rows = [" & ".join(map(_latex, row)) + r" \\" for row in self.rows]
        return "\n".join(
            [
                *(f"% {note}" for note in [self.title, *self.notes]),
                r"\begin{tabular}{l" + "r" * (len(self.columns) - 1) + "}",
                r"\toprule",
                " & ".join(map(_latex, self.columns)) + r" \\",
                r"\midrule",
                *rows,
                r"\bottomrule",
                r"\end{tabular}",
            ]
        )

    def html(self) -> str:
        """A table element with its title and notes; all text is escaped."""

        def line(kind: str, cells: Sequence[str]) -> str:
            return "<tr>" + "".join(f"<{kind}>{html.escape(cell)}</{kind}>" for cell in cells) + "</tr>"

        return "\n".join(
            [
                f"<table><caption>{html.escape(self.title)}</caption>",
                f"<thead>{line('th', self.columns)}</thead>",
                "<tbody>",
                *(line("td", row) for row in self.rows),
                "</tbody></table>",
                *(f"<p>{html.escape(note)}</p>" for note in self.notes),
            ]
        )


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "−": "$-$",
    "·": r"$\cdot$",
    **{c: "\\" + c for c in "&%$#_{}"},
}


def _latex(cell: str) -> str:
    return re.sub(r"[\\~^±−·&%$#_{}]", lambda match: _LATEX[match[0]], cell)


def number(value: float | None, digits: int = 2) -> str:
    """A number for a table; a dash for what is not defined."""
    return "-" if value is None or value != value else f"{value:.{digits}f}"


def pm(mean: float, deviation: float, digits: int = 2) -> str:
    """Mean and standard deviation."""
    return number(mean, digits) if deviation != deviation else f"{mean:.{digits}f} ± {deviation:.{digits}f}"
