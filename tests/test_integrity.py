"""Whatever differs by a bit from what was written is seen when it is opened."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from benchmark import integrity
from benchmark.errors import DamagedError
from benchmark.integrity import check_manifest, check_seal, seal, seal_metadata, sha256_of, write_manifest

FLIPS = 300


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    numpy = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "weights.safetensors"
    weights = {"a": np.arange(50, dtype=np.float32), "b": np.ones((3, 4), np.float16)}
    numpy.save_file(weights, path, metadata=seal_metadata(state='{"update": 3}', format="x/1"))
    seal(path)
    return path


def test_every_flipped_bit_of_a_sealed_file_is_seen(sealed: Path) -> None:
    """499 of 500 flipped bits that loaded other weights without a word."""
    check_seal(sealed)
    seal(sealed)  # once more changes nothing
    check_seal(sealed)
    whole = sealed.read_bytes()
    for bit in random.Random(1).sample(range(8 * len(whole)), FLIPS):
        flip(sealed, bit)
        with pytest.raises(DamagedError):
            check_seal(sealed)
        sealed.write_bytes(whole)
    check_seal(sealed)


def test_a_sealed_file_that_was_cut_or_emptied_is_seen(sealed: Path) -> None:
    """A copy that ended early, or zeros after a power cut, taken for weights."""
    whole = sealed.read_bytes()
    deep = b"[" * 100_000
    headers = [b'{"__metadata__":%s}' % value for value in (b"null", b"[]", b'"text"', b"3", deep)] + [
        b"[]",
        b"null",
        deep,
    ]
    foreign = [len(header).to_bytes(8, "little") + header for header in headers]
    for content in (
        *foreign,
        b"",
        whole[:7],
        whole[:40],
        whole[: len(whole) // 2],
        whole[:-1],
        whole + b"\0",
        bytes(len(whole)),
    ):
        sealed.write_bytes(content)
        with pytest.raises(DamagedError):
            check_seal(sealed)


def test_files_of_other_programs_have_no_seal(tmp_path: Path) -> None:
    """Weights of another program that are called damaged; or our own without a digest that pass for whole."""
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file({"a": np.zeros(3)}, tmp_path / "foreign")
    check_seal(tmp_path / "foreign", required=False)
    with pytest.raises(DamagedError, match="no digest"):
        check_seal(tmp_path / "foreign")


def test_a_folder_is_compared_with_its_manifest(tmp_path: Path) -> None:
    """A prepared data set with zeroed, halved or missing files, on which a model is trained."""
    (tmp_path / "below").mkdir()
    (tmp_path / "a").write_bytes(b"abc" * 50)
    (tmp_path / "below/b").write_bytes(b"x")
    with pytest.raises(DamagedError, match="no manifest"):
        check_manifest(tmp_path)
    write_manifest(tmp_path)
    check_manifest(tmp_path)
    (tmp_path / "a").write_bytes(bytes(150))
    (tmp_path / "below/b").unlink()
    with pytest.raises(DamagedError) as caught:
        check_manifest(tmp_path)
    assert [("changed" in text, "missing" in text) for text in caught.value.problems] == [(True, False), (False, True)]
    (tmp_path / "a").write_bytes(b"abc")
    with pytest.raises(DamagedError, match="has 3 bytes, expected 150"):
        check_manifest(tmp_path)
    for text in (
        "",
        "[" * 100_000,
        '{"files": {"a": {"bytes": 1e999, "sha256": ""}}}',
        "{}",
        "[]",
        '{"files": 3}',
        '{"files": {"a": 1}}',
    ):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(DamagedError):
            check_manifest(tmp_path)


def test_a_large_file_is_digested_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes for opening a large data set, each time; or a digest that outlives a change of the file."""
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(integrity, "REMEMBERED", 10)
    path = tmp_path / "large"
    path.write_bytes(b"a" * 100)
    first = sha256_of(path)
    [kept] = (tmp_path / "cache/digests").iterdir()
    claimed = json.loads(kept.read_text())
    assert claimed["sha256"] == first == sha256_of(path)
    path.write_bytes(b"b" * 100)
    assert (second := sha256_of(path)) != first
    for bit in random.Random(2).sample(range(8 * kept.stat().st_size), 50):
        flip(kept, bit)
        assert sha256_of(path) == second


def test_digests_need_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file that cannot be opened where nothing can be kept."""
    monkeypatch.setattr(integrity, "REMEMBERED", 10)
    (tmp_path / "large").write_bytes(b"a" * 100)
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path / "file/below"))
    assert len(sha256_of(tmp_path / "large")) == 64
