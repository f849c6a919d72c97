"""Docstrings and help texts can be understood alone: none is empty or begins with "Of", its noun left to guess."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("benchmark", "reference_model", "baselines", "reports", "tests")

_SECTION = re.compile(r"(Args|Attributes|Returns|Yields):\s*")
_ENTRY = re.compile(r"(?:\*{0,2}\w+(?:, )?)+: ?(.*)")


def entries(docstring: str) -> Iterator[str]:
    """First line of each entry of the sections, without the name; lines that continue an entry do not begin one."""
    section, first = "", False
    for line in docstring.splitlines():
        if found := _SECTION.fullmatch(line):
            section, first = found[1], True
        elif line.strip() and not line.startswith(" "):
            section = ""
        elif section and re.match(r" {4}\S", line):
            if section in ("Args", "Attributes"):
                name = _ENTRY.fullmatch(line.strip())
                yield name[1] if name else line.strip()
            elif first:
                yield line.strip()
            first = False


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of every docstring, entry of its sections, and constant `help=`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring is not None:
                line = node.body[0].lineno
                yield line, docstring.partition("\n")[0]
                yield from ((line, entry) for entry in entries(docstring))
        elif isinstance(node, ast.keyword) and node.arg == "help":
            value = node.value.values[0] if isinstance(node.value, ast.JoinedStr) else node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.lineno, value.value


def fragments(source: str) -> list[tuple[int, str]]:
    return [(line, text) for line, text in texts(ast.parse(source)) if re.match(r"[Oo]f\s|\s*$", text)]


def test_no_text_is_a_fragment() -> None:
    """`--seed: Of both.` is understood only by who wrote it."""
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{line}: {text!r}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in fragments(path.read_text(encoding="utf-8"))
    ]
    assert not found, f"{len(found)} texts begin with 'of' or are empty; begin with a noun or a verb:\n" + "\n".join(
        found
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"""Of both."""', ["Of both."]),
        ('""" """', [""]),
        ('"""A run.\n\nAttributes:\n    seed: of it.\n    path: file\n        of it.\n"""', ["of it."]),
        ('"""Draw.\n\nArgs:\n    seed:\n    *rest: of both.\n"""', ["", "of both."]),
        ('"""Draw.\n\nReturns:\n    of the image.\n"""', ["of the image."]),
        ('"""Draw.\n\nReturns:\n    The mean\n    of the image.\n"""', []),
        ('Option(help="Of both.")', ["Of both."]),
        ('Option(help=f"of {both}.")', ["of "]),
        ('Option(help="Often used.")', []),
    ],
)
def test_fragments_are_found(source: str, expected: list[str]) -> None:
    """A check that finds nothing passes on every text."""
    assert [text for _, text in fragments(source)] == expected
