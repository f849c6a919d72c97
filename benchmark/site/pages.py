"""Writes static HTML pages that open from disk, with their styles, scripts and a Chinese font.

    SITE/index.html   SITE/static/{style.css,*.js,chinese.woff}   SITE/<anything>/<page>.html

Invariants:
* a page opens from disk, at any depth; it loads nothing from a network and has no inline script or style: its content
  security policy forbids all three, so text that slips through the escaping still cannot act (`file:` is named beside
  'self' for browsers that treat every file as a site of its own);
* all text is escaped; a variable that a template lacks is an error, not a blank;
* every page says what its data are (`label`);
* the reader's own fonts come first (`--sans` in style.css); a browser fetches the site's font only for a character that
  none of them has. It holds only the glyphs that the site shows.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..webfont import subset_font

_HERE = Path(__file__).parent
#: Path of the font in a site; style.css names it.
FONT = "static/chinese.woff"


@dataclass(frozen=True)
class Site:
    """A folder of pages; call `finish` last, and make the folder inside `files.folder_when_complete`.

    Attributes:
        folder: folder to write into.
        title: title of the whole site.
        label: warning about the data that every page shows, such as "synthetic data"; may be empty.
        navigation: label and path of each page that every page links to, such as ("Claims", "claims.html").
        templates: folders of the caller's templates, which extend `base.html.j2`.
    """

    folder: Path
    title: str
    label: str
    navigation: Sequence[tuple[str, str]]
    templates: Sequence[Path] = ()

    @cached_property
    def _environment(self) -> Environment:
        return Environment(
            loader=FileSystemLoader([*self.templates, _HERE / "templates"]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def page(self, place: str, template: str, *, heading: str, **context: Any) -> Path:
        """Write one page.

        Args:
            place: path in the site, with slashes: "index.html", "entries/20270131_full.html".
            template: name of the template, which extends `base.html.j2` and fills the block `main`.
            heading: heading of the page.
            context: variables of the template beside `site`, `heading`, `place` and `root` (the relative path to the
                site's folder: "", "../", ...).

        Returns:
            Path of the page.

        Raises:
            ValueError: if the path is not inside the folder.
        """
        parts = PurePosixPath(place).parts
        if not parts or place.startswith("/") or ".." in parts or "\\" in place:
            raise ValueError(f"{place!r} is not a path inside the site")
        root = "../" * (len(parts) - 1)
        variables = {"site": self, "heading": heading, "place": place, "root": root} | context
        text = self._environment.get_template(template).render(variables)
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="replace", newline="\n")
        return path

    def finish(self) -> None:
        """Write the styles and scripts that every page uses, and the font for everything written before."""
        shutil.copytree(_HERE / "static", self.folder / "static", dirs_exist_ok=True)
        write_font(self.folder)


def write_font(folder: Path) -> Path:
    """Write the font for all pages and data of a finished site.

    Args:
        folder: folder of the site.

    Returns:
        Path of the font; it is written even if no page has a Chinese character.
    """
    used: set[str] = {"中"}
    for path in folder.rglob("*"):
        if path.suffix in (".html", ".js") and path.parent != folder / "static":
            used.update(path.read_text(encoding="utf-8"))
    target = folder / FONT
    target.parent.mkdir(parents=True, exist_ok=True)
    subset_font(used, target)
    return target
