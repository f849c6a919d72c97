"""Write files and folders that appear complete or not at all; find the cache folder."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replace_when_complete(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; rename it to `path` if the block ends without an error.

    A crash, a full disk or an interrupt leaves the old file, if any, untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def folder_when_complete(out: Path) -> Iterator[Path]:
    """Yield a folder to fill; it becomes `out`, replacing an old one, if the block ends without an error."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    partial.mkdir()
    try:
        yield partial
        if out.exists():
            old = out.with_name(f".{out.name}.{os.getpid()}.old")
            out.rename(old)
            partial.rename(out)
            shutil.rmtree(old)
        else:
            partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def cache_directory() -> Path:
    """Folder for built data sets and embeddings: $CAPONIMAGE_CACHE, else the user's cache folder."""
    if override := os.environ.get("CAPONIMAGE_CACHE"):
        return Path(override)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "caponimage"
