"""Files that appear complete or not at all."""

import os
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


def cache_directory() -> Path:
    """Where built data sets and embeddings are kept: $CAPONIMAGE_CACHE, else the user's cache folder."""
    if override := os.environ.get("CAPONIMAGE_CACHE"):
        return Path(override)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "caponimage"
