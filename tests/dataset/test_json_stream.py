"""The streaming reader against `json.loads` of the whole text, whatever the window cuts through."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.dataset.released import json_stream
from benchmark.dataset.released.json_stream import object_members
from benchmark.errors import InputError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text('{}[]",:\\ 温😀e\n'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('{}"\\好a', max_size=4), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    members=st.lists(st.tuples(st.text('a{}"\\温😀', max_size=6), values), min_size=1, max_size=6),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
    window=st.integers(2, 40),
)
def test_every_cut_gives_what_json_loads_gives(
    tmp_path: Path, members: list[tuple[str, Any]], ascii_only: bool, indent: int | None, window: int
) -> None:
    """Guards braces and quotes inside strings, escapes, characters and numbers cut in two, repeated keys, offsets."""

    def dumps(value: Any) -> str:
        return json.dumps(value, ensure_ascii=ascii_only, indent=indent)

    text = " {" + " ,\n".join(f"{dumps(key)} : {dumps(value)}" for key, value in members) + "}\n"
    path = tmp_path / "object.json"
    path.write_bytes(text.encode())
    found = list(object_members(path, window=window))
    assert [(m.key, json.loads(m.value)) for m in found] == members
    assert all(text.encode()[m.start : m.start + len(m.value)] == m.value for m in found)


@pytest.mark.parametrize("window", [1, 7, 4096])
def test_every_truncation_is_refused(tmp_path: Path, window: int) -> None:
    """A download that stopped early must not become a smaller data set."""
    text = json.dumps({"a": {"info": "好", "n": [1.5, True]}, "b\\": {"x": "\n}"}}, ensure_ascii=False).encode()
    path = tmp_path / "object.json"
    for end in range(len(text)):
        path.write_bytes(text[:end])
        with pytest.raises(InputError):
            list(object_members(path, window=window))
    path.write_bytes(text[:-3])
    with pytest.raises(InputError, match=r"byte \d+, after 'a': the file ends in the middle"):
        list(object_members(path, window=window))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not one JSON object"),
        (b"[1, 2]", "not one JSON object"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"{}", "a key in double quotes"),
        (b'{"a": 1,}', "a key in double quotes"),
        (b"{'a': 1}", "a key in double quotes"),
        (b'{"a" 1, "b": "long enough to be far from the end"}', "':'"),
        (b'{"a": 1 "b": "long enough to be far from the end"}', "',' or '}'"),
        (b'{"a": {"x": oops}, "b": "long enough to be far from the end"}', r"byte 12.*'oops"),
        (b'{"a": 1} {"b": 2}', "goes on after the end"),
        (b'{"a": ' + b"[" * 200_000, "recursion"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "no annotation record"),
    ],
)
def test_what_is_no_object_is_refused_in_words(tmp_path: Path, text: bytes, words: str) -> None:
    """Guards against tracebacks, endless reading and half an answer from files that are something else."""
    path = tmp_path / "object.json"
    path.write_bytes(text)
    with pytest.raises(InputError, match=words):
        list(object_members(path))


def test_garbage_is_found_without_reading_on(tmp_path: Path) -> None:
    """A wrong byte early in a file of several GB is told at once, with its position."""
    path = tmp_path / "object.json"
    path.write_bytes(b'{"a": 1, "b": nonsense, ' + b" " * 100_000 + b"}")
    read: list[int] = []
    with pytest.raises(InputError, match=r"byte 14, after 'a'"):
        list(object_members(path, window=64, on_bytes=read.append))
    assert max(read, default=64) <= 128


def test_one_huge_record_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by the largest record allowed, not by what a file claims to hold."""
    monkeypatch.setattr(json_stream, "MAX_MEMBER", 1 << 20)
    path = tmp_path / "object.json"
    path.write_bytes(b'{"a": "' + b"x" * (4 << 20) + b'"}')
    with pytest.raises(InputError, match="one record of more than 1 MiB"):
        list(object_members(path, window=1 << 16))


def test_byte_order_mark_and_progress(tmp_path: Path) -> None:
    path = tmp_path / "object.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1, "b": 2}')
    read: list[int] = []
    assert [m.key for m in object_members(path, window=4, on_bytes=read.append)] == ["a", "b"]
    assert read == sorted(read)
    assert read[-1] == path.stat().st_size


def test_text_that_is_no_unicode_does_not_stop_the_reading(tmp_path: Path) -> None:
    """One broken record is the importer's business; the records after it are still found."""
    path = tmp_path / "object.json"
    path.write_bytes(b'{"a\xff": 1, "\\ud800": 2, "c": "\xff", "d": 4}')
    assert [(m.key, m.value) for m in object_members(path)] == [
        ("a\ufffd", b"1"),
        ("?", b"2"),
        ("c", b'"\xff"'),
        ("d", b"4"),
    ]
