r"""Tables of typed cells, rendered for the terminal, as Markdown, LaTeX and CSV, and on pages.

A cell keeps its number until a renderer writes it, so nothing ever has to read a number back out of text: pages sort by
the value, and a system called "2 stage model" or "1,000 [steps] net" stays text.

Invariants:
* every renderer escapes the special characters of its own format, since titles, columns and cells may come from
  strangers. Notes are sentences of this project and are written unchanged, in Markdown too;
* whether a row is a control, or the paper's numbers below ours, is its `kind`; renderers add the words that show it;
* every row has as many cells as there are columns.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .files import replace_when_complete

SYNTHETIC_NOTE = "synthetic data: never compare these numbers with the paper's"

#: Role of a row: a system, a control to compare with, the paper's numbers for the row above, a difference from it.
Kind = Literal["row", "control", "paper", "difference"]
Tone = Literal["", "good", "bad", "open"]

#: Text that renderers write before the first cell of a row.
_PREFIXES: dict[Kind, str] = {"row": "", "control": "control: ", "paper": "· ", "difference": "· "}
#: Rows that belong to the row above them and move with it when a page sorts its table.
_BELOW: tuple[Kind, ...] = ("paper", "difference")


@dataclass(frozen=True)
class Cell:
    """One value, and how it is written: "838.45 ± 1.20 [829.10, 847.20] ab".

    Attributes:
        value: a number, which pages sort by; or text; None or NaN for an undefined value, shown as "-".
        form: format string for the numbers of this cell, such as "{:+.2f}" or "{:.2f} GiB"; without braces, the text
            that is shown in place of the number, such as "3-5" for ranks from 3.
        deviation: standard deviation over seeds, shown behind "±"; None or NaN: not shown.
        until: upper end of an interval whose lower end is `value`; shown behind "..".
        beside: second number to compare with, such as the paper's; shown in brackets.
        interval: lower and upper end of the confidence interval, shown in square brackets.
        ties: letters shared with the cells of the column that are not significantly different.
        href: page that the cell links to, relative to the page of the table; used on pages only.
        tone: colour of the cell's word on pages: good news, bad news or an open question.
    """

    value: float | str | None
    form: str = "{}"
    deviation: float | None = None
    until: float | None = None
    beside: float | None = None
    interval: tuple[float, float] | None = None
    ties: str = ""
    href: str = ""
    tone: Tone = ""

    @property
    def number(self) -> float | None:
        """The value if it is a number, in full precision; None for text and undefined values."""
        return None if isinstance(self.value, str) or not _defined(self.value) else self.value

    @property
    def main(self) -> str:
        """The value as it is shown, without interval and ties, which pages set separately."""
        if isinstance(self.value, str):
            return self.value
        text = self._written(self.value)
        if _defined(self.deviation):
            text += f" ± {self._written(self.deviation)}"
        if self.until is not None:
            text += f" .. {self._written(self.until)}"
        if self.beside is not None:
            text += f" ({self._written(self.beside)})"
        return text

    @property
    def bounds(self) -> str:
        """The confidence interval as it is shown; empty if there is none."""
        return f"[{', '.join(map(self._written, self.interval))}]" if self.interval else ""

    def __str__(self) -> str:
        """The whole cell on one line."""
        return " ".join(filter(None, (self.main, self.bounds, self.ties)))

    def _written(self, value: float | None) -> str:
        return self.form.format(value) if _defined(value) else "-"


#: Accepted content of a cell; text, whole numbers and None are wrapped in a `Cell`.
Content = Cell | str | int | None


def number(value: float | None, digits: int = 2) -> Cell:
    """Cell of a number with a fixed number of decimals; a dash for an undefined value."""
    return Cell(value, f"{{:.{digits}f}}")


def score(mean: float, deviation: float, interval: tuple[float, float] | None = None, ties: str = "") -> Cell:
    """Cell of a mean score and its deviation over seeds; see `Cell`."""
    return Cell(mean, "{:.2f}", deviation, interval=interval, ties=ties)


def percent(share: float | None, digits: int = 1) -> Cell:
    """Cell of a share between 0 and 1, in per cent; the % sign belongs into the column or the title."""
    return number(None if share is None else 100 * share, digits)


def count(value: int) -> Cell:
    """Cell of a whole number, with commas between thousands."""
    return Cell(value, "{:,}")


def signed(value: float | None, digits: int = 2) -> Cell:
    """Cell of a number with its sign, such as a difference."""
    return Cell(value, f"{{:+.{digits}f}}")


def span(low: float, high: float, form: str = "{:.2f}") -> Cell:
    """Cell of an interval, "829.10 .. 847.20"; sorted by its lower end."""
    return Cell(low, form, until=high)


def duration(seconds: float | None) -> str:
    """A duration in words, "?" if it is not known."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 200 * 3600 else f"{seconds / 86400:,.0f} days"


@dataclass(frozen=True)
class Row:
    """The cells of a row, and the kind of the row."""

    cells: Sequence[Cell]
    kind: Kind = "row"

    @property
    def prefix(self) -> str:
        """Text before the first cell, such as "control: "."""
        return _PREFIXES[self.kind]

    def texts(self) -> list[str]:
        """The cells as they are shown, each on one line, not escaped for any format."""
        return [self.prefix + str(self.cells[0]), *map(str, self.cells[1:])]


@dataclass
class Grid:
    """A table; its first column is aligned left, the others right.

    Attributes:
        title: title of the table; may be empty.
        columns: headings of the columns.
        rows: rows of the table, appended by `add`.
        notes: sentences printed below the table.
    """

    title: str
    columns: Sequence[str]
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *cells: Content, kind: Kind = "row") -> None:
        """Append a row.

        Args:
            cells: one cell for each column.
            kind: role of the row; see `Kind`.

        Raises:
            ValueError: if there are not as many cells as columns.
        """
        if len(cells) != len(self.columns):
            raise ValueError(f"{self.title!r}: got a row of {len(cells)} cells, expected {len(self.columns)}")
        self.rows.append(Row([cell if isinstance(cell, Cell) else Cell(cell) for cell in cells], kind))

    def move(self, column: str, place: int) -> None:
        """Move a column to another position; the others keep their order."""
        order = [i for i, name in enumerate(self.columns) if name != column]
        order.insert(place, list(self.columns).index(column))
        self.columns = [self.columns[i] for i in order]
        self.rows = [Row([row.cells[i] for i in order], row.kind) for row in self.rows]

    def texts(self) -> list[list[str]]:
        """All rows as they are shown."""
        return [row.texts() for row in self.rows]

    @property
    def numeric(self) -> list[bool]:
        """For each column, whether it holds nothing but numbers and empty cells."""
        columns = zip(*(row.cells for row in self.rows), strict=True) if self.rows else [()] * len(self.columns)
        return [all(not isinstance(cell.value, str) or not cell.value for cell in cells) for cells in columns]

    @property
    def groups(self) -> list[list[Row]]:
        """Rows that stay together when a page sorts the table: each with the rows that belong to it."""
        found: list[list[Row]] = []
        for row in self.rows:
            if found and row.kind in _BELOW:
                found[-1].append(row)
            else:
                found.append([row])
        return found

    def show(self, console: Console) -> None:
        """Print the table, then its notes without line breaks, so that a signature can be copied.

        A table that is wider than the terminal loses nothing: text is wrapped, and columns that still have no room
        follow in a table of their own, which begins with the first column too. Files and pipes have all the room.
        """
        lines = [[_one_line(text) for text in texts] for texts in (list(self.columns), *self.texts())]
        room = console.width if console.is_terminal else None
        title = _one_line(self.title)
        for columns, widths in _layout(lines, self.numeric, room):
            # In `Text`, rich interprets neither markup nor emoji codes.
            table = Table(title=Text(title, style="table.title"), title_justify="left", width=_framed(widths))
            for column, width in zip(columns, widths, strict=True):
                justify: Literal["left", "right"] = "left" if column == 0 else "right"
                table.add_column(Text(lines[0][column]), justify=justify, width=width, overflow="fold")
            for line in lines[1:]:
                table.add_row(*(Text(line[column]) for column in columns))
            console.print(table, crop=False)
            title = ""
        for note in self.notes:
            console.print(_one_line(note), markup=False, highlight=False, soft_wrap=True)

    def markdown(self) -> str:
        """The table in GitHub-flavoured Markdown."""
        lines = [map(markdown_text, self.columns), ["---", *["---:"] * (len(self.columns) - 1)]]
        lines += [[row.prefix + first, *others] for row in self.rows for first, *others in [map(_markdown, row.cells)]]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return "\n\n".join([f"**{markdown_text(self.title)}**", table, *(f"*{note}*" for note in self.notes)])

    def latex(self) -> str:
        """The table as a LaTeX tabular with booktabs rules."""
        return "\n".join(
            [
                *(f"% {_one_line(note)}" for note in [self.title, *self.notes]),
                r"\begin{tabular}{l" + "r" * (len(self.columns) - 1) + "}",
                r"\toprule",
                " & ".join(map(tex_text, self.columns)) + r" \\",
                r"\midrule",
                *(" & ".join(map(tex_text, texts)) + r" \\" for texts in self.texts()),
                r"\bottomrule",
                r"\end{tabular}",
            ]
        )

    def csv(self, *, exact: bool = True) -> str:
        """The table as CSV; see `csv_text`.

        Args:
            exact: whether numbers are written in full precision and not as they are shown; the first column, which
                names the rows, is always written as it is shown.
        """
        rows = ([row.texts()[0], *row.cells[1:]] if exact else row.texts() for row in self.rows)
        return csv_text(self.columns, rows)


#: A word of up to this width in the first column is not broken, where a table has to be made narrower.
_TOGETHER = 16


def _layout(
    lines: Sequence[Sequence[str]], numeric: Sequence[bool], room: int | None
) -> Iterator[tuple[list[int], list[int]]]:
    """Distribute the columns of a table over tables that fit into a terminal.

    Args:
        lines: the texts of the headings, then of each row.
        numeric: for each column, whether it holds numbers, which stay on one line.
        room: width of the terminal; None for no limit.

    Yields:
        For each table, its columns, of which the first is always column 0, and their widths.
    """
    columns = list(zip(*lines, strict=True))
    natural = [max(1, *map(cell_len, texts)) for texts in columns]
    if room is None or _framed(natural) <= room:
        yield list(range(len(columns))), natural
        return
    together = [_TOGETHER, *[room] * (len(columns) - 1)]
    least = list(map(_least, columns, numeric, together))
    part = [0]
    for i in range(1, len(columns)):
        if len(part) > 1 and _framed([least[k] for k in (*part, i)]) > room:
            yield part, _narrowed([natural[k] for k in part], [least[k] for k in part], room)
            part = [0]
        part.append(i)
    yield part, _narrowed([natural[k] for k in part], [least[k] for k in part], room)


def _framed(widths: Sequence[int]) -> int:
    """Width of a table with its frame, from those of its columns."""
    return sum(widths) + 3 * len(widths) + 1


def _least(texts: Sequence[str], numbers: bool, together: int) -> int:
    """The smallest width of a column that breaks none of its numbers, and no word of up to `together` characters."""
    heading, *cells = texts
    words = [*heading.split(), *([] if numbers else " ".join(cells).split())]
    whole = cells if numbers else []
    return max(1, *map(cell_len, whole), *(min(cell_len(word), together) for word in words))


def _narrowed(natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Widths of columns that fit into a terminal: the widest columns give way first, and numbers last."""
    widths = [min(width, room) for width in natural]
    for floor in (least, [1] * len(widths)):
        while _framed(widths) > room and (wide := [i for i, width in enumerate(widths) if width > floor[i]]):
            widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def write_tables(folder: Path, name: str, grids: Sequence[Grid], csv: str | None = None) -> list[Path]:
    """Write grids as `<name>.md` and `.tex`, and `.csv` if its text is given; returns the paths."""
    contents = {
        "md": "\n\n".join(grid.markdown() for grid in grids) + "\n",
        "tex": "\n\n".join(grid.latex() for grid in grids) + "\n",
        "csv": csv,
    }
    paths = []
    for suffix, text in contents.items():
        if text is not None:
            paths.append(folder / f"{name}.{suffix}")
            with replace_when_complete(paths[-1]) as partial:
                partial.write_text(text, encoding="utf-8", newline="")
    return paths


def csv_text(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """The text of a CSV file, with numbers in full precision, empty undefined values and valid UTF-8.

    Spreadsheets run text that begins like a formula, some also with full-width signs or behind blanks; such text gets
    an apostrophe in front. Control characters and line breaks become blanks, as in the other forms of a table.

    Args:
        columns: headings of the columns.
        rows: values of each row: numbers, text, None, or `Cell`s, whose `value` is written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_csv, columns))
    writer.writerows(map(_csv, row) for row in rows)
    return text.getvalue().encode("utf-8", "backslashreplace").decode()


def _csv(value: object) -> str:
    if isinstance(value, Cell):
        value = value.value
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return repr(float(value))
    if not isinstance(value, str):
        return str(value)
    text = _one_line(value)
    return f"'{text}" if _FORMULA.match(text) else text


#: The beginning of a formula; a spreadsheet may drop what is blank before it.
_FORMULA = re.compile(r"[\s\ufeff]*[=+@\uff1d\uff0b\uff0d\uff20-]")


def markdown_text(text: str) -> str:
    """Escape text so that GitHub's Markdown shows it as it is, on one line of a table.

    A special character that acts only in some places is left alone in all others, so that a table can be read as plain
    text: an asterisk between blanks, an underscore inside a word, a colon that begins no emoji and is in no address,
    and the at sign of "Div@1", which neither mentions somebody nor belongs to an address.
    """
    return _ACTIVE.sub(lambda match: f"&#{ord(match[0])};", _one_line(text))


def _markdown(cell: Cell) -> str:
    return markdown_text(cell.value) if isinstance(cell.value, str) else str(cell)


#: Special characters of Markdown, each with the places in which it acts.
_ACTIVE = re.compile(
    r"[\\`{}\[\]<>&|~#!$]"
    r"|\*(?=\S)|(?<=\S)\*"
    r"|(?<![^\W_])_|_(?![^\W_])"
    r"|:(?=//|[\w+-]+:)|(?<=mailto):|(?<=xmpp):"
    r"|(?<!\w)@|@(?!\d+(?![\w.-]))"
    r"|(?<=www)\.",
    re.IGNORECASE,
)


def tex_text(text: str) -> str:
    """Escape text so that LaTeX sets it as it is, in a table and in a field of a BibTeX entry.

    BibTeX counts braces even behind a backslash, so a single one would end the field; hence braces are written by name.
    """
    text = re.sub("|".join(map(re.escape, _TEX)), lambda match: _TEX[match[0]], _one_line(text))
    # At the start of a row, these characters would begin an argument of the line break before it.
    return f"{{}}{text}" if text.startswith(("[", "*")) else text


_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "±": r"$\pm$",
    "−": "$-$",
    "·": r"$\cdot$",
    **{c: "\\" + c for c in "&%$#_"},
}


def _one_line(text: str) -> str:
    r"""Replace control characters and line breaks, which would end a row or reach the terminal, by blanks.

    Controls of the direction of writing, which would reorder the rest of the line, are written as codes: \u202e; so are
    bytes of a file name that are no UTF-8.
    """
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)
    return re.sub(r"[\u202a-\u202e\u2066-\u2069\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text)


def _defined(value: float | None) -> bool:
    return value is not None and value == value
