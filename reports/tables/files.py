"""Grids as files: Markdown, LaTeX and a plain HTML page, beside the CSV of a table."""

import html
from collections.abc import Sequence
from pathlib import Path

from benchmark.files import replace_when_complete
from benchmark.grid import Grid

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 110em; padding: 0 1em; }
table { border-collapse: collapse; margin: 2em 0 .5em; display: block; overflow-x: auto; }
caption { text-align: left; font-weight: bold; padding-bottom: .4em; }
th, td { padding: .15em .7em; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
th { border-bottom: 1px solid; } td:first-child, th:first-child { text-align: left; }
p { margin: .2em 0; font-size: .9em; }
"""


def write_pages(folder: Path, name: str, title: str, grids: Sequence[Grid], csv: str | None = None) -> list[Path]:
    """Write `<name>.md`, `.tex`, `.html` and, if there is one, `.csv`; returns the paths."""
    page = (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{html.escape(title)}</h1>\n"
    )
    contents = {
        "md": "\n\n".join(grid.markdown() for grid in grids) + "\n",
        "tex": "\n\n".join(grid.latex() for grid in grids) + "\n",
        "html": page + "\n".join(grid.html() for grid in grids) + "\n</html>\n",
    }
    if csv is not None:
        contents["csv"] = csv
    paths = []
    for suffix, content in contents.items():
        paths.append(folder / f"{name}.{suffix}")
        with replace_when_complete(paths[-1]) as partial:
            partial.write_text(content, encoding="utf-8")
    return paths
