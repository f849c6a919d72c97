"""Check what a wheel holds: `python .ci/check_wheel.py WHEEL`.

A wheel that brings packages called `benchmark` or `reports` overwrites those of other projects, and one that brings the
stored results is large. So the wheel must hold the package `caponimage` and nothing else, and stay small. All problems
are printed at once, and the exit code is 1 if there is one.
"""

import sys
import zipfile
from pathlib import Path, PurePosixPath

PACKAGE = "caponimage"
MAX_BYTES = 1_750_000


def problems(wheel: Path) -> list[str]:
    """What is wrong with a wheel, one sentence each."""
    found = []
    if (size := wheel.stat().st_size) > MAX_BYTES:
        found.append(f"the wheel has {size:,} bytes, at most {MAX_BYTES:,} are allowed")
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if not name.endswith("/")]
    top = {PurePosixPath(name).parts[0] for name in members}
    about = {name for name in top if name.endswith(".dist-info")}
    if len(about) != 1:
        found.append(f"the top level must hold one .dist-info folder, it holds {sorted(about) or 'none'}")
    if (packages := top - about) != {PACKAGE}:
        found.append(f"the top level must hold the package {PACKAGE!r} alone, it holds {sorted(packages) or 'nothing'}")
    if f"{PACKAGE}/__init__.py" not in members:
        found.append(f"{PACKAGE}/__init__.py is missing")
    return found


def main() -> int:
    """Print the problems of the wheels that the command line names."""
    wheels = [Path(argument) for argument in sys.argv[1:]]
    if len(wheels) != 1 or not wheels[0].is_file():
        print(f"error: expected the path of one wheel, got {sys.argv[1:]}", file=sys.stderr)
        return 2
    [wheel] = wheels
    found = problems(wheel)
    for problem in found:
        print(f"error: {wheel.name}: {problem}", file=sys.stderr)
    if not found:
        print(f"{wheel.name}: {wheel.stat().st_size:,} bytes, the package {PACKAGE} alone")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
