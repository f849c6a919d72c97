"""Packs the scoring program of a bundle: the harness, its packages and the files that start it.

    prepare.py    harness.zip    bundle.json    packages.zip or *.whl

The program folder is flat, for both platforms. Invariant: `harness.zip` holds exactly the modules that the worker
loads, taken from this installation and rewritten for Python 3.9 and later (`python39`). The registry names metric
modules as text, so they are listed beside those that imports lead to.
"""

import ast
import json
import platform
import re
import shutil
import sys
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from ..errors import InputError
from ..metrics import by_module
from ..shell import quoted
from .python39 import STRICT_ZIP, lowered

#: Distributions that scoring needs.
PACKAGES = ("numpy", "orjson", "pillow", "pyarrow")
_PACKAGE = Path(__file__).parent.parent
_PROGRAM = Path(__file__).parent / "program"
#: Name of the package in a bundle, and the module in it that the platforms' programs call.
_NAME, _ENTRANCE = "caponimage", "platforms.worker"
#: Parts of installed packages that only building or testing them needs.
_LEFT_OUT = {"__pycache__", "tests", "include"}
_LEFT_OUT_KINDS = {".pyc", ".pyi", ".pxd", ".pyx", ".h", ".hpp", ".a"}


def write_zip(path: Path, members: Iterable[tuple[str, bytes | Path]]) -> None:
    """Write a zip archive; equal members give equal bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            if isinstance(content, bytes):
                archive.writestr(info, content)
            else:
                info.file_size = content.stat().st_size
                with content.open("rb") as source, archive.open(info, "w") as file:
                    shutil.copyfileobj(source, file, 1 << 20)


def folder_members(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of a folder as members for `write_zip`, sorted by path."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def write_program(folder: Path, own: dict[str, str], packages: str) -> str | None:
    """Fill a program folder.

    Args:
        folder: existing folder to fill.
        own: the platform's own files: text by name, or "" for a file of `program/`.
        packages: "installed" to pack those of this Python, "none" if the worker's image has them, or a folder of
            wheels.

    Returns:
        Python version that the packages are for, such as "3.11"; None if there are none.

    Raises:
        InputError: if packages are not found.
    """
    for name, text in {"prepare.py": "", **own}.items():
        (folder / name).write_text(
            text or (_PROGRAM / name).read_text(encoding="utf-8"), encoding="utf-8", newline="\n"
        )
    write_zip(folder / "harness.zip", sorted(_harness()))
    python = exactly = None
    if packages == "installed":
        write_zip(folder / "packages.zip", sorted(_installed()))
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        exactly = f"Python {python} on {sys.platform} {platform.machine()}"
    elif packages != "none":
        for wheel in _wheels(Path(packages)):
            (folder / wheel.name).write_bytes(wheel.read_bytes())
            if tag := re.search(r"-cp3(\d+)-", wheel.name):
                python = f"3.{tag[1]}"
                exactly = f"Python {python} "
    (folder / "bundle.json").write_text(json.dumps({"exactly": exactly}) + "\n", newline="\n")
    return python


def _harness() -> Iterator[tuple[str, bytes]]:
    """Name and content of the worker's module, the metric modules, and every module that these import on loading."""
    yield "strict_zip.py", STRICT_ZIP.encode()
    todo, seen = [_ENTRANCE, *(f"metrics.{module}" for module in by_module())], set()
    while todo:
        module = todo.pop()  # name inside the package; "" is the package itself
        place = _PACKAGE.joinpath(*filter(None, module.split(".")))
        path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if module in seen or not path.is_file():
            continue
        seen.add(module)
        text = lowered(path.read_text(encoding="utf-8"))
        yield f"{_NAME}/{path.relative_to(_PACKAGE).as_posix()}", text.encode()
        if module:
            todo.append(module.rpartition(".")[0])
        package = path.relative_to(_PACKAGE).parent.parts
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.ImportFrom) and node.level:
                base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
                name = ".".join(filter(None, base))
                todo += [name, *(f"{name}.{alias.name}".lstrip(".") for alias in node.names)]


def _installed() -> Iterator[tuple[str, bytes | Path]]:
    for name in PACKAGES:
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            files = []
        found = 0
        for file in files:
            path = Path(str(file.locate()))
            left_out = ".." in file.parts or _LEFT_OUT.intersection(file.parts) or file.suffix in _LEFT_OUT_KINDS
            if not left_out and path.is_file():
                found += 1
                yield file.as_posix(), path
        if not found:
            raise InputError(f"cannot find the files of {name} here; give a folder of wheels with --packages")


def _wheels(folder: Path) -> list[Path]:
    wheels = sorted(folder.glob("*.whl")) if folder.is_dir() else []
    names = {wheel.name.split("-")[0].lower() for wheel in wheels}
    if missing := [name for name in PACKAGES if name not in names]:
        raise InputError(
            f"{folder}: no wheel of {', '.join(missing)}; expected 'installed', 'none', or a folder of wheels, made by "
            f"`pip download --only-binary :all: --python-version VERSION -d {quoted(folder)} {' '.join(PACKAGES)}`"
        )
    return wheels
