"""Caption types: fixed files, hand-counted maps, and a loud refusal when the numbers would not be comparable."""

import json
import math
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from benchmark.dataset import open_split
from benchmark.errors import InputError
from benchmark.metrics import caption_types
from benchmark.metrics.caption_types import (
    CELLS,
    N_TYPES,
    SHIPPED,
    _content_sha256,
    jensen_shannon,
    load_type_model,
    score_types,
    type_map,
)
from benchmark.metrics.corpus import Corpus


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path / "cache"))


def test_maps_count_box_centres() -> None:
    """Rows and columns swapped, or a box at the right edge outside the map."""
    boxes = np.array([[0, 0, 0.1, 0.1], [0.9, 0, 1, 0.1], [0.9, 0.9, 1, 1], [0.45, 0.7, 0.55, 0.8]])
    maps = type_map(np.array([0, 1, 2, 2]), boxes)
    assert maps.shape == (N_TYPES, CELLS, CELLS)
    assert maps[0, 0, 0] == maps[1, 0, 7] == maps[2, 7, 7] == maps[2, 6, 4] == 1
    assert maps.sum() == 4


def test_divergence_by_hand() -> None:
    """Natural logarithm for base 2, or the distance (its root) for the divergence."""
    assert jensen_shannon(np.array([3, 1]), np.array([6, 2])) == 0
    assert jensen_shannon(np.array([5, 0]), np.array([0, 1])) == 1
    p, q = (0.5, 0.5), (1.0, 0.0)
    middle = (0.75, 0.25)
    expected = sum(a / 2 * math.log2(a / m) for x in (p, q) for a, m in zip(x, middle, strict=True) if a)
    assert jensen_shannon(np.array([1, 1]), np.array([2, 0])) == pytest.approx(expected)


def test_the_shipped_model_knows_its_golden_captions() -> None:
    """New library versions that compute other embeddings must be noticed before a score is printed."""
    model = load_type_model("mini")
    assert len(model.golden) == 25 * N_TYPES
    assert model.assign(list(model.golden)).tolist() == list(model.golden.values())


def test_types_mean_something() -> None:
    """Four clusters of spelling would be useless: what a caption says decides its type, for all kinds of caption."""
    model, split = load_type_model("mini"), open_split("mini", "test")
    types, roles = np.asarray(model.assign(list(split.captions))), np.asarray(split.roles)
    usual = {role: np.bincount(types[roles == role]).argmax() for role in set(roles)}
    share = {role: (types[roles == role] == kind).mean() for role, kind in usual.items()}
    assert min(share.values()) > 0.75, share
    assert set(usual.values()) == set(range(N_TYPES))
    assert usual["first point"] == usual["middle point"] == usual["last point"] != usual["headline"]


def test_scores_of_references_and_of_shuffled_ones() -> None:
    """Agreement that compares a caption with itself, or a divergence blind to places."""
    model = load_type_model("mini")
    references = list(model.golden)
    boxes = np.random.default_rng(0).random((len(references), 2)) * 0.8
    boxes = np.concatenate([boxes, boxes + 0.1], axis=1)
    same = score_types(Corpus.from_captions(predictions=references, references=references), boxes)
    assert (same["agreement"], same["divergence"]) == (100, 0)
    assert same["shares"] == pytest.approx([25] * 4)
    turned = references[25:] + references[:25]  # every caption becomes one of another type
    other = score_types(Corpus.from_captions(predictions=turned, references=references), boxes)
    assert other["agreement"] == 0
    assert other["divergence"] > 0.5
    assert other["shares"] == other["reference_shares"]


def test_embeddings_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand captions encoded anew at every scoring."""
    from benchmark.metrics import caption_types

    model = load_type_model("mini")
    before = model.assign(["温和不刺激", "好用"])

    def never(*args: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(caption_types, "embed", never)
    assert model.assign(["好用", "温和不刺激"]).tolist() == before[::-1].tolist()


@pytest.mark.parametrize("how", ["a vector", "zeroed", "halved", "a folder", "no cache"])
def test_a_damaged_cache_of_embeddings_changes_no_type(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Types of wrong vectors in silence, or a traceback of the database."""
    captions = ["温和不刺激", "好用", "金属一体机身"]
    before = load_type_model("mini").distances(captions)
    [path] = (tmp_path / "cache/embeddings").glob("*.sqlite")
    content = path.read_bytes()
    if how == "a vector":
        with sqlite3.connect(path) as store:
            rows = store.execute("SELECT hash, vector FROM vectors").fetchall()
            changed = [(bytes([vector[0] ^ 64]) + vector[1:], key) for key, vector in rows]
            store.executemany("UPDATE vectors SET vector = ? WHERE hash = ?", changed)
        store.close()
    elif how == "a folder":
        path.unlink()
        path.mkdir()
    elif how == "no cache":
        monkeypatch.setenv("CAPONIMAGE_CACHE", "/dev/null/no")
    else:
        path.write_bytes(bytes(len(content)) if how == "zeroed" else content[: len(content) // 2])
    for _ in range(2):
        assert np.array_equal(load_type_model("mini").distances(captions), before)


def test_changed_files_and_moved_captions_are_refused(tmp_path: Path) -> None:
    """Weights swapped under the same name would silently move every type score."""
    folder = tmp_path / "types"
    shutil.copytree(SHIPPED["mini"], folder)
    stored = json.loads((folder / "types.json").read_text())
    caption = next(iter(stored["golden"]))
    stored["golden"][caption] = (stored["golden"][caption] + 1) % N_TYPES
    (folder / "types.json").write_text(json.dumps(stored))
    with pytest.raises(InputError, match="damaged or changed"):
        load_type_model(str(folder))
    del stored["sha256"]
    (folder / "types.json").write_text(json.dumps(stored))
    with pytest.raises(InputError, match="damaged or changed"):  # without a digest, nobody can tell
        load_type_model(str(folder))
    stored["sha256"] = _content_sha256(stored)
    (folder / "types.json").write_text(json.dumps(stored))
    with pytest.raises(InputError, match="1 of 100 golden captions changed their type"):
        load_type_model(str(folder))
    weights = folder / "encoder" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(InputError, match="SHA-256"):
        load_type_model(str(folder))
    with pytest.raises(InputError, match="no caption-type model"):
        load_type_model("bert-base-nowhere")


def test_damage_in_the_cache_of_embeddings_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bit that has flipped in a stored vector, and with it the type of a caption."""
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path))
    encoded: list[str] = []

    def encode(captions: list[str]) -> np.ndarray:
        encoded.extend(captions)
        return np.array([[len(caption), 1.5] for caption in captions], np.float32)

    def embeddings() -> list[list[float]]:
        return caption_types._cached_embeddings("key", ["a", "bb"], encode).tolist()

    first = embeddings()
    assert (embeddings(), encoded) == (first, ["a", "bb"])
    [file] = (tmp_path / "embeddings").iterdir()
    content = file.read_bytes()
    at = content.index(np.array([2, 1.5], "<f4").tobytes())
    file.write_bytes(content[: at + 3] + bytes([content[at + 3] ^ 2]) + content[at + 4 :])
    assert (embeddings(), encoded) == (first, ["a", "bb", "bb"])
    file.write_bytes(b"no database" * 1000)
    assert (embeddings(), embeddings(), encoded) == (first, first, ["a", "bb", "bb", "a", "bb"])


def test_embeddings_without_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that belongs to somebody else, without which nothing can be typed."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path / "file"))
    found = caption_types._cached_embeddings("key", ["a"], lambda captions: np.ones((len(captions), 2), np.float32))
    assert found.tolist() == [[1, 1]]
