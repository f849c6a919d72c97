"""The map of the code (docs/design.md): every module is listed, and every class name means one thing."""

import ast
import re
import sys
import tomllib
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


def test_every_command_line_is_protected() -> None:
    """A new command line that others import, since the contract in pyproject.toml does not know it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    [protected] = [set(each["protected_modules"]) for each in contracts if each["type"] == "protected"]
    run_as_main = {
        path.relative_to(ROOT).as_posix().removesuffix(".py").replace("/", ".")
        for path in sources()
        if re.search(r"^if __name__ == .__main__.:", path.read_text(encoding="utf-8"), re.MULTILINE)
        # Not command lines for people: children of this project's own, which nothing imports or which import nothing.
        and path.name not in ("simulated_worker.py", "build.py", "score.py" if "program" in path.parts else "")
    }
    assert run_as_main == protected


def test_paths_in_documents_are_there() -> None:
    """A document that sends its reader to a file which was renamed."""
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")]
    missing = []
    for document in documents:
        if document.name == "extend.md":  # tried by tests/test_extend.py
            continue
        for path in re.findall(r"`([\w./-]+/[\w.-]+\.\w+|[\w./-]+/)`", document.read_text(encoding="utf-8")):
            ours = path.startswith((*modules.PACKAGES, "tests/", "docs/")) and not path.startswith("reports/output/")
            if ours and not (ROOT / path).exists():
                missing.append(f"{document.name}: {path}")
    assert missing == []
