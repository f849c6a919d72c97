"""`dataset.json`: what a data set says of itself, written last, and checked when the data set is opened.

Invariants:
* once the file exists, all splits are complete;
* it holds a digest of itself, so that a name or a count which was damaged is seen; files older than that have none;
* names in it are safe as names of files.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import DamagedError, InputError
from ..files import replace_when_complete
from ..strict_json import each_key_once
from .rows import ADVICE
from .schema import DATA_SET_NAME, is_data_set_name, is_split_name

FORMAT = "caponimage-dataset/1"

#: Key of the digest over all others in `dataset.json`, and the largest size of that file in bytes.
_CHECK = "check"
_MAX_DESCRIPTION = 1 << 20
_MAX_SPLITS = 100


def write_description(directory: Path, *, name: str, synthetic: bool, splits: dict[str, Any], **more: Any) -> None:
    """Write `dataset.json`, the last file of a data set: once it exists, all splits are complete.

    Raises:
        InputError: if the data set could not be opened again.
    """
    description = {"format": FORMAT, "name": name, "synthetic": synthetic, "splits": splits, **more}
    if problems := _description_problems(description):
        raise InputError(*problems)
    with replace_when_complete(directory / "dataset.json") as partial:
        content = {**description, _CHECK: _digest_of(description)}
        partial.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _digest_of(description: Mapping[str, Any]) -> str:
    content = {key: value for key, value in description.items() if key != _CHECK}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_description(directory: Path) -> dict[str, Any]:
    """The content of a data set's `dataset.json`.

    Raises:
        InputError: if there is none, or it cannot be read.
        DamagedError: if it has another format, or is not what was once written there.
    """
    path = directory / "dataset.json"
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_DESCRIPTION + 1)
        if len(content) > _MAX_DESCRIPTION:
            raise DamagedError(f"{path}: more than {_MAX_DESCRIPTION:,} bytes, expected a short JSON file; {ADVICE}")
        description = json.loads(content.decode("utf-8"), object_pairs_hook=each_key_once)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"no data set at {path.parent}: expected a folder with dataset.json; "
            "make one with `python -m benchmark.dataset import-released`, or use the embedded set: --data mini"
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{path}: not JSON ({error!s:.160}); {ADVICE}") from None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise DamagedError(f"{path}: format is not {FORMAT!r}; import the data set again")
    problems = _description_problems(description)
    if not problems and description.get(_CHECK, _digest_of(description)) != _digest_of(description):
        problems.append(f"changed or damaged after it was written: its {_CHECK!r} is that of other content; {ADVICE}")
    if problems:
        raise DamagedError(*(f"{path}: {problem}" for problem in problems))
    return description


def _description_problems(description: Mapping[str, Any]) -> list[str]:
    """What is wrong with the content of `dataset.json`, one sentence each."""
    problems = []
    name, splits = description.get("name"), description.get("splits")
    if not is_data_set_name(name):
        problems.append(f"name is {name!r:.80}, expected {DATA_SET_NAME}")
    for key in ("synthetic", "public"):
        if not isinstance(description.get(key, False), bool):
            problems.append(f"{key} is {description[key]!r:.80}, expected true or false")
    if not isinstance(splits, dict) or not 1 <= len(splits) <= _MAX_SPLITS:
        return [*problems, f"splits is {splits!r:.80}, expected an object with 1 to {_MAX_SPLITS} splits"]
    for split, stated in splits.items():
        if not is_split_name(split):
            problems.append(f"split {split!r:.80} cannot be the name of a file; expected letters, digits, '_' or '-'")
        if not isinstance(stated, dict):
            problems.append(f"split {split!r:.80} is {stated!r:.80}, expected an object")
            continue
        for key, (is_valid, expected) in _STATED.items():
            if key in stated and not is_valid(stated[key]):
                problems.append(f"{key} of split {split!r:.80} is {stated[key]!r:.80}, expected {expected}")
    return problems


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value))


#: Key of a split's entry in `dataset.json` -> its check and what is expected.
_STATED = {
    "images": (_is_count, "a whole number from 1 on"),
    "boxes": (_is_count, "a whole number from 1 on"),
    "references": (lambda value: isinstance(value, bool), "true or false"),
    "fingerprint": (_is_digest, "64 hex digits"),
    "roles": (_is_digest, "64 hex digits"),
    "pictures": (lambda value: isinstance(value, bool), "true or false"),
}
