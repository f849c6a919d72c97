"""Shared parts of the command lines: common options, exit codes, error messages without tracebacks.

Exit codes: 0 success, 2 bad input (also wrong usage), 130 interrupted, 143 and 129 ended by SIGTERM and SIGHUP. A
reader that leaves early (`| head`) changes none of them.
"""

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from . import streams
from .citation import BIBTEX
from .errors import InputError, printable
from .extras import missing_extra
from .processes import signals_as_exits

stdout = Console(emoji=False)  # :key: is text of a caption or of a file's name
if not stdout.is_terminal:
    stdout.width = 160  # files, pipes and CI logs have no width; 80 columns is what rich would assume
stderr = Console(stderr=True, highlight=False, emoji=False)


def as_called(text: str) -> str:
    """Rewrite the commands in a text as the reader types them: `caponimage score` once installed."""
    return re.sub(r"python -m benchmark[. ]", "caponimage ", text) if __package__ == "caponimage" else text


def say(text: str) -> None:
    """Print text for people on stdout; nothing in it is acted on by the terminal, whatever a file is named."""
    print(printable(as_called(text)))


def note(text: str) -> None:
    """Print a note beside the output, on stderr."""
    stderr.print(printable(as_called(text)), markup=False, soft_wrap=True)


def document(text: str) -> None:
    """Print JSON, Markdown, LaTeX or CSV on stdout: in UTF-8, whatever the encoding of the terminal.

    What is no character, such as a byte of a file name that is not UTF-8, is written as a code that JSON understands.

    Raises:
        InputError: if stdout is closed, since nobody asks for a document to lose it.
    """
    if sys.__stdout__ is None:
        raise InputError("the output goes to stdout, which is closed; open it, or name a file if the command takes one")
    sys.stdout.flush()
    sys.stdout.buffer.write(f"{text}\n".encode("utf-8", "backslashreplace"))


def fail(problem: str) -> None:
    """Print an error message on stderr."""
    stderr.print("error:", style="bold red", end=" ")
    # A line break in a name must not begin a line that looks like one of ours.
    stderr.print(printable(as_called(problem)).replace("\n", "\n  "), markup=False, soft_wrap=True)


def group() -> typer.Typer:
    """Create an application of several commands; the docstring of its callback is its help."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode="markdown",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def run(command: Callable[..., Any] | typer.Typer) -> None:
    """Run a typer application, or one function as an application, turning bad input into exit code 2."""
    app = command
    if not isinstance(app, typer.Typer):
        app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_show_locals=False)
        app.command(context_settings={"help_option_names": ["-h", "--help"]})(command)
    _write_helps(app)
    with guarded():
        app()


def _write_helps(app: typer.Typer) -> None:
    """Give every command of an application, and of the groups in it, its help."""
    if app.registered_callback is not None:
        app.registered_callback.help = as_called(inspect.getdoc(app.registered_callback.callback) or "")
    for registered in app.registered_commands:
        registered.help = as_called(_fenced(inspect.getdoc(registered.callback) or ""))
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _write_helps(group.typer_instance)


@contextmanager
def guarded() -> Iterator[None]:
    """Run a block as a command does: with streams that never fail, and errors and signals turned into exit codes."""
    streams.prepare()
    try:
        with signals_as_exits():
            try:
                yield
            finally:
                sys.stdout.flush()
    except InputError as error:
        for problem in error.problems:
            fail(problem)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if (sentence := missing_extra(error)) is None:
            raise
        fail(sentence)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        fail(f"{error.strerror or error}: {error.filename}" if error.filename else f"{error.strerror or error}")
        sys.exit(2)


def to_file(name: str, *flags: str, help: str) -> Any:
    """Option for a file to write; a folder's name means the file `name` in it, `-` is stdout.

    Args:
        name: name of the file in a folder.
        flags: names of the option; by default that of the parameter.
        help: help of the option.
    """
    return typer.Option(*flags, parser=file_named(name), metavar="FILE", help=help)


def file_named(name: str) -> Callable[[str | Path], Path]:
    """Parser of an option that names a file to write; a folder's name means the file `name` in it, `-` is stdout."""

    def parse(text: str | Path) -> Path:
        folder = str(text).endswith(("/", os.sep)) or Path(text).is_dir()
        return Path(text, name) if folder else Path(text)

    return parse


def name_and_files(argument: str) -> tuple[str, list[Path]]:
    """Read `FILE,FILE`, or `NAME=FILE,FILE`: a name, "" if there is none, and files.

    What exists under the whole text is a file, so names of files and folders may contain `=` and commas.
    """

    def files(text: str) -> list[Path]:
        return [Path(text)] if Path(text).exists() else [Path(part) for part in text.split(",")]

    name, sign, rest = argument.partition("=")
    if not sign or all(file.exists() for file in files(argument)):
        return "", files(argument)
    return name, files(rest)


def say_written(path: Path, more: str = "") -> None:
    """Print that a file or folder was written, unless it is stdout itself."""
    if str(path) != "-":
        say(f"wrote {path}{more}")


def _fenced(documentation: str) -> str:
    """Turn indented examples into a code block, whose lines the help page keeps apart; typer would join them."""

    def fence(block: re.Match[str]) -> str:
        return f"{block[1]}:\n\n```text\n{inspect.cleandoc(block[2])}\n```\n"

    return re.sub(r"^(.*)::\n\n((?:(?: {4}.*)?\n?)+)", fence, documentation, flags=re.MULTILINE)


def _print_citation(asked: bool) -> None:
    if asked:
        typer.echo(BIBTEX)
        raise typer.Exit


#: `--citation`, handled before missing arguments are reported.
Citation = Annotated[
    bool,
    typer.Option(
        "--citation", help="Print the BibTeX entry of the paper and exit.", is_eager=True, callback=_print_citation
    ),
]


DATA_HELP = "Data set folder, or mini for the embedded data set. [default: $CAPONIMAGE_DATA, else mini]"

#: Options that many commands share, each with one help text.
Data = Annotated[str | None, typer.Option(help=DATA_HELP)]
SplitName = Annotated[str, typer.Option(help="Split of the data set: val or test.")]


class Track(StrEnum):
    """What is predicted; see `benchmark.layout`."""

    caption = "caption"
    layout = "layout"
    joint = "joint"


TrackName = Annotated[
    Track,
    typer.Option("--track", help="What is predicted: captions of given boxes, layouts (boxes), or both jointly."),
]
Saliency = Annotated[
    str | None,
    typer.Option(
        help="Saliency maps for the layout tracks: mini, opencv, or a folder of <image_id>.png. [default: mini on mini]"
    ),
]
Canvases = Annotated[
    str | None,
    typer.Option(help="Pictures without texts for the layout tracks: mini, or a folder of <image_id>.png."),
]
