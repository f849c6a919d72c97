"""Pages of a static site: one template for all, relative links, one folder of styles and scripts.

    SITE/index.html   SITE/static/{style.css,*.js}   SITE/<anything>/<page>.html

Invariants:
* a page opens from disk, at any depth; it loads nothing from a network, and no script or style stands in it: its
  content security policy forbids all three, so that text which slips through the escaping still cannot act (`file:` is
  named beside 'self' for browsers that count every file as a site of its own);
* all text is escaped; a variable that a template lacks is an error, not a blank;
* every page says what its data are (`label`).
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .fonts import write_font

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Site:
    """A folder of pages, `finish` last; make it inside `files.folder_when_complete`.

    Attributes:
        folder: where it is written.
        title: of the whole site.
        label: what every page says of its data, such as "synthetic data"; may be empty.
        navigation: words and place of each page that every page links to, such as ("Claims", "claims.html").
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
            place: in the folder, with slashes: "index.html", "entries/20270131_full.html".
            template: its name; it extends `base.html.j2` and fills the block `main`.
            heading: of the page.
            context: what the template needs beside `site`, `heading`, `place` and `root` (the way up: "", "../", ...).

        Raises:
            ValueError: if the place is not inside the folder.
        """
        parts = PurePosixPath(place).parts
        if not parts or place.startswith("/") or ".." in parts or "\\" in place:
            raise ValueError(f"{place!r} is not a place inside the site")
        root = "../" * (len(parts) - 1)
        words = {"site": self, "heading": heading, "place": place, "root": root} | context
        text = self._environment.get_template(template).render(words)
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="replace")
        return path

    def finish(self) -> None:
        """Write the styles and scripts that every page uses, and the font for all that was written before."""
        shutil.copytree(_HERE / "static", self.folder / "static", dirs_exist_ok=True)
        write_font(self.folder)
