"""Makes the harness and its packages importable on a worker, without installation or network.

The folder of this file also holds `harness.zip` (the harness's source), `bundle.json`, and the packages as
`packages.zip` or wheels. Python 3.6 and later can run this file, so that it can say which version is needed.
"""

import atexit
import json
import platform
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path


def prepare() -> None:
    """Put the harness and its packages first on the module search path.

    Raises:
        RuntimeError: if the bundle was made for another Python.
    """
    here = Path(__file__).resolve().parent
    needed = json.loads((here / "bundle.json").read_text(encoding="utf-8"))
    python = ".".join(map(str, sys.version_info[:2]))
    found = f"Python {python} on {sys.platform} {platform.machine()}"
    if sys.version_info < (3, 9) or not found.startswith(needed["exactly"] or ""):
        expected = (needed["exactly"] or "Python 3.9 or newer").strip()
        raise RuntimeError(f"this worker has {found}, expected {expected}; set the worker's image")
    packed = sorted(here.glob("*.whl")) + sorted(here.glob("packages.zip"))
    if packed:
        folder = tempfile.mkdtemp(prefix="caponimage-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        for path in packed:
            with zipfile.ZipFile(str(path)) as archive:
                archive.extractall(folder)
        sys.path.insert(0, folder)
    sys.path.insert(0, str(here / "harness.zip"))
