"""Write the list of modules into docs/design.md: `python docs/modules.py`.

A line for each module, in the words of its docstring's first line, so that the map cannot disagree with the code.
`tests/test_design.py` fails when the list is not that of the code.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "design.md"
PACKAGES = ("benchmark", "reference_model", "baselines", "reports")
BEGIN, END = "<!-- modules: written by docs/modules.py -->", "<!-- end of modules -->"


def first_line(path: Path) -> str:
    """What a module says of itself."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.split("\n\n")[0].split())


def listing() -> str:
    """All modules by folder, as Markdown; an `__init__.py` speaks for its folder."""
    lines = []
    for package in PACKAGES:
        folders = sorted({path.parent for path in (ROOT / package).rglob("*.py")})
        for folder in folders:
            name = folder.relative_to(ROOT).as_posix()
            lines += [f"### `{name}/`", ""]
            if about := first_line(folder / "__init__.py"):
                lines += [about, ""]
            modules = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
            if modules:
                lines += ["| module | what it does |", "|---|---|"]
                lines += [f"| `{path.name}` | {first_line(path).replace('|', chr(92) + '|')} |" for path in modules]
                lines.append("")
    return "\n".join(lines)


def page() -> str:
    """The page with the list of today."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{listing()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
