"""The map of the code (docs/design.md): every module is listed, and every class name means one thing."""

import ast
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))

import modules  # noqa: E402  # a script, no package


def sources() -> list[Path]:
    return [path for package in modules.PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def test_the_list_of_modules_is_that_of_the_code() -> None:
    """A module that nobody finds, or words about one that was changed since; mend with `python docs/modules.py`."""
    assert modules.PAGE.read_text(encoding="utf-8") == modules.page()


def test_every_module_says_what_it_does() -> None:
    """An empty line on the map."""
    silent = [path for path in sources() if path.name != "__init__.py" and not modules.first_line(path)]
    assert silent == []


def test_a_class_name_has_one_meaning() -> None:
    """Three classes called System: a reader who knows one of them misreads the other two."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in sources():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path.relative_to(ROOT).as_posix())
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
