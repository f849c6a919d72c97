"""Scoring program for Codabench: `python3 score.py INPUT OUTPUT`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from prepare import prepare  # type: ignore[import-not-found]

prepare()

from caponimage.platforms.worker import codabench  # type: ignore[import-not-found]  # noqa: E402

if __name__ == "__main__":
    sys.exit(codabench(sys.argv[1:]))
