"""Tables of typed cells: numbers stay numbers, text stays text, and no text acts in any form of a table."""

import contextlib
import csv
import io
import math
import os
import re
import struct
import subprocess
import sys

import pytest
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console

from benchmark.grid import (
    Cell,
    Content,
    Grid,
    count,
    csv_text,
    markdown_text,
    number,
    percent,
    score,
    signed,
    span,
    tex_text,
)

ODD_NAMES = ["2 stage model", "1,000 [steps] net", "2.1M", "·x", "-", "control: me"]


def grid_of(*rows: tuple[Content, ...], title: str = "t") -> Grid:
    grid = Grid(title, ["system", *(f"c{i}" for i in range(1, len(rows[0])))])
    for row in rows:
        grid.add(*row)
    return grid


@pytest.mark.parametrize(
    ("cell", "text", "value"),
    [
        (score(838.4501, 1.2, (829.1, 847.2), "ab"), "838.45 ± 1.20 [829.10, 847.20] ab", 838.4501),
        (score(838.45, math.nan), "838.45", 838.45),
        (Cell(41.5, "{:.2f}", 0.5, beside=345.41), "41.50 ± 0.50 (345.41)", 41.5),
        (span(-0.5, 1.25, "{:+.2f}"), "-0.50 .. +1.25", -0.5),
        (span(math.nan, math.nan), "- .. -", None),
        (Cell(math.nan, "{:.1f}", interval=(math.nan, math.nan)), "- [-, -]", None),
        (number(None), "-", None),
        (number(2.5, 0), "2", 2.5),
        (signed(3), "+3.00", 3),
        (percent(0.125), "12.5", 12.5),
        (count(4788), "4,788", 4788),
        (Cell(3, "3-5"), "3-5", 3),
        (Cell(2_100_000, "2.1M"), "2.1M", 2_100_000),
        (Cell("2 stage model"), "2 stage model", None),
        (Cell(""), "", None),
    ],
)
def test_what_a_cell_shows_and_what_it_is_sorted_by(cell: Cell, text: str, value: float | None) -> None:
    """Digits lost before a table is sorted; a name taken for a number; an undefined score sorted as one."""
    assert (str(cell), cell.number) == (text, value)


def test_names_that_look_like_numbers_stay_names() -> None:
    """A name of a stranger that loses a part, or counts as a number, or as a line that belongs to the one above it."""
    grid = grid_of(*((name, 1.0 if name == "·x" else None, name) for name in map(str, ODD_NAMES)))  # type: ignore[arg-type]
    assert [row[0] for row in grid.texts()] == ODD_NAMES
    assert [len(group) for group in grid.groups] == [1] * len(ODD_NAMES)
    assert grid.numeric == [False, True, False]
    assert [cells[0] for cells in list(csv.reader(io.StringIO(grid.csv())))[1:]] == [
        f"'{name}" if name == "-" else name for name in ODD_NAMES
    ]


def test_rows_below_another_move_with_it() -> None:
    """The paper's line torn from the row that it belongs to."""
    grid = grid_of(("a", number(1)), ("b", number(2)))
    grid.add("paper", number(3), kind="paper")
    grid.add("difference", signed(-1), kind="difference")
    grid.add("blind", number(0), kind="control")
    assert [[row.kind for row in group] for group in grid.groups] == [
        ["row"],
        ["row", "paper", "difference"],
        ["control"],
    ]
    assert [row[0] for row in grid.texts()] == ["a", "b", "· paper", "· difference", "control: blind"]
    assert "| · paper | 3.00 |" in grid.markdown()


def test_a_row_of_another_length_is_refused() -> None:
    """Cells under the heads of other columns."""
    with pytest.raises(ValueError, match="3 cells, expected 2"):
        Grid("t", ["a", "b"]).add("x", 1, 2)


def test_columns_can_be_moved() -> None:
    """Cells that stay where they were when their head moves."""
    grid = grid_of(("a", 1, 2))
    grid.move("c2", 1)
    assert (list(grid.columns), grid.texts()) == (["system", "c2", "c1"], [["a", "2", "1"]])


HOSTILE = [
    "<script>alert(1)</script>",
    "a | b",
    "[x](javascript:0) ![y](z)",
    "`code` *em* **strong** _em_ __strong__ ~~gone~~",
    "https://example.org www.example.org someone@example.org mailto:a@b.c",
    "@someone #12 org/repo#12 :tada: $x$ &lt;",
    "a\n\n# head",
    "\\",
]


@pytest.mark.parametrize("text", [*HOSTILE, *ODD_NAMES, "a_b c * d: e", "Div@1, Div@2"])
def test_markdown_shows_text_as_it_is(text: str) -> None:
    """A name that becomes a link, a head or markup, mentions somebody, or breaks the table."""
    html = (
        MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(grid_of((text, text), title=text).markdown())
    )
    assert set(re.findall(r"<(\w+)", html)) == {"p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    shown = text.replace("\n\n", " ").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert html.count(f">{shown}</") == 3
    # What GitHub adds to Markdown: addresses, mentions, issues, emoji and formulas.
    assert not re.search(
        r"://|www\.|mailto:|\w@\w+\.|(?<!\w)@\w|#\w|:\w+:|\$", re.sub(r"&#\d+;", "", markdown_text(text))
    )


@pytest.mark.parametrize("text", ["a_b c * d: e", "holds (CIDEr, Div@1)", "95 % interval", "T2-full: 1/3"])
def test_markdown_can_be_read_as_plain_text(text: str) -> None:
    """Tables full of escapes where no sign acts."""
    assert markdown_text(text) == text


def test_latex_escapes() -> None:
    """A percent sign begins a comment and eats the rest of the row; a bracket is taken for an argument."""
    grid = grid_of(("50 % · x", score(1, 2)), ("[5pt]", "{"))
    grid.columns = ["", "a_b"]
    latex = grid.latex()
    assert r"50 \% $\cdot$ x & 1.00 $\pm$ 2.00 \\" in latex
    assert r"{}[5pt] & \textbraceleft{} \\" in latex
    assert r"a\_b" in latex
    assert tex_text("\\input{x}\n\ny~^&#$") == (
        r"\textbackslash{}input\textbraceleft{}x\textbraceright{} y\textasciitilde{}\textasciicircum{}\&\#\$"
    )
    assert "\\end{tabular}\n" not in Grid("a\n\\end{tabular}\n", [""]).latex()


def test_csv_holds_full_precision_and_starts_no_formula() -> None:
    """Two decimals in a file that people compute with; a name that starts a program from a spreadsheet."""
    third = 1 / 3
    grid = grid_of(("=1+1", number(third), None, number(-2.5)), ("\uff0bx", number(math.nan), 5, "-x"))
    assert list(csv.reader(io.StringIO(grid.csv())))[1:] == [
        ["'=1+1", repr(third), "", "-2.5"],
        ["'\uff0bx", "", "5", "'-x"],
    ]
    assert list(csv.reader(io.StringIO(grid.csv(exact=False))))[2] == ["'\uff0bx", "'-", "5", "'-x"]
    assert csv_text(["a", "=b"], []) == "a,'=b\n"
    assert csv_text(["a"], [[-1.5], [None], ["\udcff"]]) == "a\n-1.5\n\n\\udcff\n".replace("\n\n", '\n""\n')


@pytest.mark.parametrize("sign", "=+-@\uff1d\uff0b\uff0d\uff20")
@pytest.mark.parametrize("before", ["", " ", "\t", "\r", "\n", "\ufeff", " \t\ufeff\r ", "\u3000", "\x00"])
def test_no_blank_hides_a_formula(before: str, sign: str) -> None:
    """A spreadsheet that drops what is blank before a sign, and then runs the name of a stranger."""
    for row in ([f"{before}{sign}1+1"], [Cell(f"{before}{sign}1+1")]):
        [[text]] = csv.reader(io.StringIO(csv_text(["a"], [row])[2:]))
        assert text.startswith("'")
        assert text.endswith(f"{sign}1+1")
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text)


def test_csv_keeps_rows_on_their_lines_and_numbers_numbers() -> None:
    """A name that adds a line to the file, or colours the terminal that shows it; a number that becomes text."""
    assert (
        csv_text(["a\nb"], [["x\r\n=1\x1b[2J\u2028y"], [-1], [-1.5], [" a-b"]]) == "a b\nx =1 [2J y\n-1\n-1.5\n a-b\n"
    )


@pytest.mark.parametrize("code", [*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
def test_no_name_turns_the_direction_of_writing(code: int) -> None:
    """A name that shows the scores behind it from right to left, so that 12.34 reads 43.21."""
    control, shown = chr(code), f"\\u{code:04x}"
    grid = grid_of((f"a{control}b", number(12.34)), title=f"t{control}")
    grid.columns = ["system", f"c{control}"]
    console = Console(width=120, record=True, file=io.StringIO())
    grid.show(console)
    terminal, markdown, latex, table = console.export_text(), grid.markdown(), grid.latex(), grid.csv()
    assert not any(control in text for text in (terminal, markdown, latex, table))
    for text in (terminal, table):
        assert {f"a{shown}b", f"c{shown}"} <= set(re.split(r"[\s,│┃]+", text))
    assert f"a{shown}b" in MarkdownIt("commonmark").enable("table").render(markdown)
    assert rf"a\textbackslash{{}}{shown[1:]}b & 12.34" in latex
    assert str(grid.rows[0].cells[0]) == f"a{control}b"  # pages, which set each name apart, show it as it is


def test_the_terminal_shows_text_as_it_is() -> None:
    """Brackets or colons of a name read as colours or emoji; control characters that reach the terminal."""
    console = Console(width=120, record=True, file=io.StringIO())
    grid_of(("1,000 [red]net[/red] :smile:", "\x1b[2J\r"), title="a [bold]b :smile:").show(console)
    shown = console.export_text()
    assert "1,000 [red]net[/red] :smile:" in shown
    assert "a [bold]b :smile:" in shown
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", shown)


def in_terminal(command: list[str], width: int) -> str:
    """What a command shows in a terminal of so many columns, without colours."""
    import fcntl  # not on Windows
    import termios

    here, there = os.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(command, stdin=there, stdout=there, env=environment | {"TERM": "xterm"})
    os.close(there)
    shown = b""
    with contextlib.suppress(OSError):  # Linux says so at the end
        while part := os.read(here, 1 << 16):
            shown += part
    os.close(here)
    assert process.wait() == 0
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", shown.decode("utf-8"))


SHAPES = {
    "differences": (["metric", "difference", "95 % interval", "p bootstrap", "p randomisation", "resolvable"], 13),
    "many systems": (["metric", *(f"20270131_system-{i}" for i in range(9))], 13),
    "long names": (["system", "CIDEr", "BLEU-4"], 5),
    "one column": (["fingerprint"], 3),
}


@pytest.mark.parametrize("width", [20, 60, 80, 120])
@pytest.mark.parametrize("shape", SHAPES)
def test_narrow_terminals_lose_nothing(shape: str, width: int) -> None:
    """A table without its first column, or with cut numbers, in a terminal of 80 columns."""
    columns, n = SHAPES[shape]
    grid = Grid("a title", columns)
    first = [f"{'a-rather-long-name_of_a_system/' * (shape == 'long names')}{i:04d}" for i in range(n)]
    for i, name in enumerate(first):
        grid.add(name, *(score(1000 + i + j / 100, 1.25, (999.5, 1234.5)) for j in range(1, len(columns))))
    console = Console(width=width, force_terminal=True, color_system=None, file=io.StringIO())
    grid.show(console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert all(cell_len(line) <= width for line in lines)
    if width < 60:  # nothing has room there, but all characters are there
        shown = {char for line in lines for char in line}
        assert {char for texts in grid.texts() for text in texts for char in text} <= shown
        return
    rows = [line for line in lines if line.startswith("│")]
    assert "a title" in lines[0]
    for texts in grid.texts():
        for text in texts[1:]:
            assert sum(text in row for row in rows) == 1, text
    tables = sum(line.startswith("┏") for line in lines)
    for name in first:  # wrapped, if need be
        ends = [row for row in rows if row[2:].split(" ")[0].endswith(name[-4:])]
        assert len(ends) == tables, name


def test_a_table_in_a_file_is_as_wide_as_it_is() -> None:
    """A table that is cut to the 80 columns which nobody has set, in a log that is searched later."""
    console = Console(width=80, file=io.StringIO())
    grid = grid_of(("x" * 300, number(1)), title="wide")
    grid.show(console)
    assert "x" * 300 in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("width", [60, 80, 120])
def test_commands_know_the_width_of_their_terminal(width: int) -> None:
    """The mechanism beyond the console: a command in a pseudo-terminal."""
    code = (
        "import sys; from benchmark import cli; from benchmark.grid import Grid, number\n"
        "grid = Grid('t', ['metric', *(f'column {i}' for i in range(9))])\n"
        "grid.add('BLEU-4', *(number(100 + i, 4) for i in range(9)))\n"
        "cli.run(lambda: grid.show(cli.stdout))"
    )
    shown = in_terminal([sys.executable, "-c", code], width)
    assert max(map(cell_len, shown.splitlines())) <= width
    assert all(f"{100 + i}.0000" in shown for i in range(9))
    assert shown.count("BLEU-4") == shown.count("┏") > 0
    assert (shown.count("┏") == 1) == (width == 120)
