"""JSON objects in which every key stands once: readers differ in which value of a repeated key they take."""

from typing import Any


def each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object from its keys and values; the `object_pairs_hook` of `json.loads`.

    Raises:
        ValueError: if a key stands twice, however it is spelt in the file.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice in one object")
    return found
