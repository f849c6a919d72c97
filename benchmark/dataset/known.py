"""Which public split a fingerprint belongs to.

`known_fingerprints.json` pins splits that many people hold, so that a score can say "this is the official test
split" instead of "some file named test". A split that is not listed is "unpinned", not wrong.
"""

import json
from functools import cache
from pathlib import Path


@cache
def _known() -> dict[str, str]:
    path = Path(__file__).with_name("known_fingerprints.json")
    splits = json.loads(path.read_text(encoding="utf-8"))["splits"]
    return {entry["fingerprint"]: f"{entry['name']}/{entry['split']}" for entry in splits}


def known_split(fingerprint: str) -> str | None:
    """The public split with this fingerprint as `name/split` ("mini-1/test"), or None if it is not pinned."""
    return _known().get(fingerprint)
