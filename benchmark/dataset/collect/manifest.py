"""The manifest: which pictures there are, under which ids, and what the shop says of the product on each.

Invariants:
* no file is opened outside the folder of the pictures, whatever a table says: no `..`, no link that leads out of it;
* ids are unique and safe as names of files; the order is theirs, so it does not depend on that of the input;
* an id that no row asks for follows from the picture's place in the folder, so a picture that is added changes the id
  of another one only if both have one name but for the ending, in one folder;
* accounts close: every row of the table, and every picture of the folder, is a product or a drop with its place;
* what is repaired or left empty is told, and counted.
"""

import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import orjson

from ...cli import note
from ...errors import InputError, printable
from ...pictures import MAX_BYTES
from ..schema import is_image_id, text_problem
from .records import WHOLE, Drop, Listing
from .tables import SourceRow, read_rows

STAGE = "manifest"

#: Files of a folder that are taken as pictures. Those that the reader cannot open get their reason from it.
PICTURES = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic"}

#: Columns that are read, by what they mean; the first one that a row fills counts.
_NAMES = {
    "path": ("path", "file", "image"),
    "image_id": ("image_id",),
    "title": ("title", "caption"),
    "attributes": ("attributes",),
    "category": ("category",),
    "source": ("source", "url"),
    "licence": ("licence", "license"),
    "key": ("key",),
    "status": ("status",),
}
_WANTED = frozenset(name for names in _NAMES.values() for name in names)

#: Further columns of img2dataset, which are not worth telling.
_DOWNLOADED = {"error_message", "width", "height", "original_width", "original_height", "exif", "sha256", "md5"}

#: Stands between the folders and the name of a picture in its id.
_BETWEEN = "--"

_MAX_ROWS = 20_000_000

#: Kinds of repairs that are told one by one, such as names of columns, of which a table may hold any number.
_MAX_KINDS = 100


@dataclass
class _Found:
    """A picture on its way to a product.

    Attributes:
        place: where it was told of.
        path: the file.
        name: the id that its place in the folder suggests; empty if none.
        wanted: the id that its row asks for; empty if none.
        texts: texts of its row.
    """

    place: str
    path: Path
    name: str
    wanted: str
    texts: dict[str, str]


@dataclass
class _Account:
    """What was dropped, and what was repaired: a sentence with a count and its first case for each kind."""

    drops: list[Drop] = field(default_factory=list)
    repairs: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def drop(self, name: str, place: str, reason: str, number: float | None = None, limit: float | None = None) -> None:
        name, place = (text.encode("utf-8", "backslashreplace").decode() for text in (name, place))
        self.drops.append(Drop(STAGE, _short(name), WHOLE, place, reason, number, limit))

    def repair(self, what: str, place: str) -> None:
        if what not in self.repairs and len(self.repairs) >= _MAX_KINDS:
            what = "further cases of other kinds"
        self.repairs[what] += 1
        self.first.setdefault(what, place)

    def tell(self, tell: Callable[[str], None]) -> None:
        for what, n in sorted(self.repairs.items()):
            tell(f"{what}: {n:,}, first at {self.first[what]}")


def read_manifest(
    pictures: Path | None, products: Path | None, *, tell: Callable[[str], None] = note
) -> tuple[list[Listing], list[Drop]]:
    """List the pictures of a folder, of a table, or those of a folder that a table names.

    Args:
        pictures: folder of pictures, which may lie in folders of it; by default that of the table.
        products: CSV, JSONL or Parquet table with the columns `path` (or `file`, `image`; relative to `pictures` or to
            the table) or `image_id` (a picture of that name), and maybe `title`, `attributes` (text, or names with
            values), `category`, `source`, `licence`; or the folder, or a Parquet file, that img2dataset has written
            with `--output_format files`. Without it, all pictures of the folder are products without texts.
        tell: receives a sentence for each kind of repair, with its count.

    Returns:
        The products by image id, and a drop for each row and picture that is none; its `text` is the place.

    Raises:
        InputError: if neither is given, one does not exist, or the table cannot be read at all.
    """
    if pictures is None and products is None:
        raise InputError("no pictures: expected a folder of pictures, a table with a column `path`, or both")
    problems = []
    if pictures is not None and not pictures.is_dir():
        problems.append(
            f"{pictures}: {'no folder' if pictures.exists() else 'no such folder'}, expected pictures in it"
        )
    if products is not None and not products.exists():
        problems.append(f"{products}: no such file, expected a table of products")
    if problems:
        raise InputError(*problems)
    if products is None and pictures is not None and any(pictures.glob("[0-9]*.parquet")):
        products = pictures  # what img2dataset has written

    account = _Account()
    if products is None:
        folder = _Folder(pictures or Path(), account)
        found = [_Found(str(path), path, folder.name_of(path), "", {}) for path in folder.files]
        for picture in found:
            account.repair("pictures without a title", picture.place)
    else:
        tables = sorted(products.glob("*.parquet")) if products.is_dir() else [products]
        if not tables:
            raise InputError(f"{products}: a folder without .parquet files, expected a table or img2dataset's output")
        folder = _Folder(pictures or (products if products.is_dir() else products.parent), account)
        found = [picture for table in tables for picture in _listed(table, folder, account)]
        if pictures is not None and pictures != products:
            known = {picture.path for picture in found}
            for path in folder.files:
                if path not in known and path not in folder.named:
                    account.drop(path.name, str(path), "picture is not in the table")
    made = [_product(picture, image_id) for picture, image_id in _with_ids(_once(found, account), account)]
    account.tell(tell)
    return sorted(made, key=lambda product: product.image_id), account.drops


class _Folder:
    """The folder that holds all pictures; paths come out of it checked."""

    def __init__(self, folder: Path, account: _Account) -> None:
        self.given = folder
        self.real = Path(os.path.realpath(folder))
        self.named: set[Path] = set()  # pictures whose row was dropped, which are accounted for
        self._account = account
        self._parent = lru_cache(maxsize=10_000)(os.path.realpath)

    @cached_property
    def files(self) -> list[Path]:
        """All pictures in it, resolved, but no hidden ones; those that lead out of it are dropped."""
        found = []
        for root, folders, names in os.walk(self.real, onerror=self._unreadable):
            for name in [name for name in folders if Path(root, name).is_symlink()]:
                self._account.repair("folders that are links, which are not followed", str(Path(root, name)))
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                place = Path(root, name)
                if name.startswith(".") or place.suffix.lower() not in PICTURES:
                    if place.suffix.lower() not in (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"):
                        self._account.repair("files that are no pictures, left out", str(place))
                elif isinstance(path := self.checked(str(place)), Path):
                    found.append(path)
                else:
                    self._account.drop(name, str(place), path)
                if len(found) > _MAX_ROWS:
                    raise InputError(f"{self.given}: more than {_MAX_ROWS:,} pictures; divide it into several folders")
        return found

    @cached_property
    def by_stem(self) -> dict[str, list[Path]]:
        """Pictures by their name without its ending."""
        found: dict[str, list[Path]] = {}
        for path in self.files:
            found.setdefault(path.stem, []).append(path)
        return found

    def name_of(self, path: Path) -> str:
        """The id that a picture's place suggests: folders and name without ending, such as shop--0123; empty if none.

        No two places have the same, but for endings: where hyphens would make it so, there is none.
        """
        parts = path.relative_to(self.real).with_suffix("").parts
        unclear = any(_BETWEEN in part or part != part.strip("-") for part in parts)
        return "" if unclear else _BETWEEN.join(parts)

    def _unreadable(self, error: OSError) -> None:
        self._account.repair("folders that cannot be read", str(error.filename))

    def checked(self, text: str, base: Path | None = None) -> Path | str:
        """The file that a path leads to, if it lies in the folder; else what is wrong with it."""
        if "://" in text:
            return "path is a web address; download the pictures first, such as with img2dataset"
        if ".." in re.split(r"[/\\]", text):
            return "path has '..' in it"
        try:
            path = (base or self.real) / text
            if "\\" in text and not os.path.lexists(path):
                path = (base or self.real) / text.replace("\\", "/")
            path = Path(self._parent(path.parent), path.name)
            state = path.lstat()
            if stat.S_ISLNK(state.st_mode):
                path = path.resolve()
                state = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return "no such file"
        except (OSError, ValueError, RuntimeError):  # a name too long, with a zero in it, or a link to itself
            return "path cannot be opened"
        if not path.is_relative_to(self.real):
            return "path leads out of the folder of the pictures"
        if any("\ud800" <= c <= "\udfff" for c in str(path)):
            return "name is not UTF-8; rename it"
        return path if stat.S_ISREG(state.st_mode) else "path is no file"


def _listed(table: Path, folder: _Folder, account: _Account) -> Iterator[_Found]:
    """The pictures that a table names."""
    for number, row in enumerate(read_rows(table, _WANTED)):
        if number >= _MAX_ROWS:
            raise InputError(f"{table}: more than {_MAX_ROWS:,} rows; divide it into several")
        values = {what: _first(row, names) for what, names in _NAMES.items()}
        told = {what: _plain(values[what]) or "" for what in ("path", "image_id", "key", "status")}
        name = told["image_id"] or told["path"] or told["key"]
        if row.problem:
            account.drop(name, row.place, row.problem)
            continue
        downloaded = bool(told["key"] and told["status"])
        for other in row.others:
            if not (downloaded and other in _DOWNLOADED):
                account.repair(f"column {_short(other)!r}, which is not known, left out", row.place)
        if downloaded and told["status"] != "success":
            account.drop(name, f"{row.place}: {_short(told['status'])}", "status is not 'success'")
            continue
        if told["status"] and not downloaded:
            account.repair("column 'status', which is not known, left out", row.place)
        path = _place_of(told, table, folder)
        if isinstance(path, str):
            account.drop(name, f"{row.place}: {_short(told['path'])}".removesuffix(": "), path)
            continue
        texts = {what: _text(what, values[what], row.place, account) for what in ("title", "category", "source")}
        texts["licence"] = _text("licence", values["licence"], row.place, account)
        texts["attributes"] = _text("attributes", joined(values["attributes"]), row.place, account)
        if not texts["title"]:
            account.repair("rows without a title", row.place)
        name = path.stem if downloaded else folder.name_of(path)  # keys of img2dataset are unique
        yield _Found(row.place, path, name, told["image_id"], texts)


def _first(row: SourceRow, names: tuple[str, ...]) -> Any:
    return next((row.values[name] for name in names if row.values.get(name) not in (None, "")), None)


def _place_of(told: dict[str, str], table: Path, folder: _Folder) -> Path | str:
    """The picture of a row: by its path, by img2dataset's key, or by the image id; or what is wrong."""
    if told["path"]:
        path = folder.checked(told["path"])
        if path == "no such file":
            beside = folder.checked(told["path"], Path(os.path.realpath(table.parent)))
            path = beside if isinstance(beside, Path) else path
        return path
    if told["key"]:
        tries = [f"{at}{told['key']}{end}" for at in (f"{table.stem}/", "") for end in (".jpg", ".png", ".webp")]
        found = [folder.checked(text) for text in tries]
        return next((path for path in found if isinstance(path, Path)), found[0])
    if not told["image_id"]:
        return "row has neither a path nor an image id"
    named = folder.by_stem.get(told["image_id"], [])
    if len(named) > 1:
        folder.named.update(named)
        return "several pictures have this name; tell them apart in a column `path`"
    return named[0] if named else "no picture has this name"


def _once(found: list[_Found], account: _Account) -> Iterator[_Found]:
    """Each picture once, and none that is too large."""
    seen: dict[Path, str] = {}
    for picture in found:
        size = picture.path.stat().st_size
        if picture.path in seen:
            account.drop(picture.wanted or picture.path.stem, picture.place, "picture is in an earlier row, too")
        elif size > MAX_BYTES:
            account.drop(
                picture.wanted or picture.path.stem, picture.place, "picture has too many bytes", size, MAX_BYTES
            )
        else:
            yield picture
        seen[picture.path] = picture.place


def _with_ids(pictures: Iterator[_Found], account: _Account) -> Iterator[tuple[_Found, str]]:
    """Give every picture its id: as asked for, else of its place, else of its bytes; ids asked for go first."""
    taken: set[str] = set()
    others: list[tuple[_Found, str]] = []
    for picture in pictures:
        wanted = picture.wanted
        if not wanted:
            others.append((picture, picture.name))
        elif not is_image_id(wanted):
            others.append((picture, re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9_.\-]+", "-", wanted)).strip("-._")))
        elif wanted in taken:
            account.drop(wanted, picture.place, "image id is used twice")
        else:
            taken.add(wanted)
            yield picture, wanted
    often = Counter(name for _, name in others)
    for picture, name in others:
        image_id = name
        if often[name] > 1 or name in taken or not is_image_id(name):
            try:
                with picture.path.open("rb") as file:
                    image_id = f"sha256-{hashlib.file_digest(file, 'sha256').hexdigest()[:32]}"
            except OSError as error:
                account.drop(picture.path.stem, picture.place, f"picture cannot be read ({error.strerror})")
                continue
        if image_id in taken:
            account.drop(image_id, picture.place, "picture has the bytes of another one")
            continue
        if picture.wanted:
            account.repair("image ids that cannot be names of files, changed", f"{picture.place}: {_short(image_id)}")
        elif image_id != name:
            account.repair("names that cannot be image ids, or not alone; these are digests", picture.place)
        taken.add(image_id)
        yield picture, image_id


def _product(picture: _Found, image_id: str) -> Listing:
    return Listing(image_id, picture.path, **picture.texts)


def joined(value: Any) -> Any:
    """Attributes as one text, "name:value" with blanks between, if they are names with values; else as they are.

    Args:
        value: text, JSON of what follows, a mapping, or a list of texts, of pairs, or of objects with `name` and
            `value`.
    """
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            value = orjson.loads(value)
        except ValueError:  # text that begins with a bracket
            return value
    if isinstance(value, dict):
        value = list(value.items())
    if not isinstance(value, list | tuple):
        return value
    parts = []
    for entry in value:
        if isinstance(entry, dict) and {"name", "value"} <= entry.keys():
            entry = (entry["name"], entry["value"])
        if isinstance(entry, list | tuple) and len(entry) == 2:
            name, told = map(_plain, entry)
            parts.append(None if name is None or told is None else f"{name}:{told}")
        else:
            parts.append(_plain(entry))
    return value if None in parts else " ".join(part for part in parts if part)


def _plain(value: Any) -> str | None:
    """A text or number as text, "" for nothing; None for what is neither."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(what: str, value: Any, place: str, account: _Account) -> str:
    text = _plain(value)
    if problem := text_problem(text):
        account.repair(f"{what} is {problem}, left empty", place)
        return ""
    return text or ""


def _short(text: str) -> str:
    """An untrusted text, short and printable."""
    return printable(text[:120].encode("utf-8", "replace").decode()).replace("\n", " ")
