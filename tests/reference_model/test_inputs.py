"""Prepared splits: what is trained on is what the data set holds now."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_runs import prepared, tiny

from benchmark.dataset.store import Split, open_directory
from reference_model.registry import configured
from reference_model.training import inputs
from reference_model.training.inputs import ARRAYS, PreparedSplit
from reference_model.training.vocabulary import Vocabulary

#: Settings of a run that takes a moment.
TINY = ("inputs.grid=4", "inputs.image_side=32")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that a test may damage."""
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def opened(split: Split, vocabulary: Vocabulary) -> PreparedSplit:
    return prepared(split, tiny("context"), vocabulary)


def content(data: PreparedSplit) -> dict[str, bytes]:
    return {name: data.arrays[name].tobytes() for name in ARRAYS}


@pytest.mark.parametrize("how", ["a bit", "a zero", "zeroed", "halved", "emptied", "missing", "longer"])
def test_a_damaged_prepared_split_is_made_anew(
    how: str, own: Path, splits: dict[str, Split], vocabulary: Vocabulary, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of the captions empty, or a picture of zeros, and training goes on."""
    data = opened(splits["val"], vocabulary)
    whole, dice = content(data), random.Random(how)
    for path in sorted(data.folder.iterdir()):
        if not path.stat().st_size:
            continue
        before = path.read_bytes()
        place = dice.choice([i for i, byte in enumerate(before) if byte])
        bit, zero = bytes([before[place] ^ 1 << dice.randrange(8)]), b"\0"
        after = {
            "a bit": before[:place] + bit + before[place + 1 :],
            "a zero": before[:place] + zero + before[place + 1 :],
            "zeroed": bytes(len(before)),
            "halved": before[: len(before) // 2],
            "emptied": b"",
            "missing": b"",
            "longer": before + before[-8:],
        }[how]
        path.write_bytes(after)
        if how == "missing":
            path.unlink()
        capsys.readouterr()
        assert content(opened(splits["val"], vocabulary)) == whole, path.name
        assert "making it anew" in capsys.readouterr().err
        assert path.read_bytes() == before


def test_a_replaced_picture_is_seen(own: Path, directory: Path, vocabulary: Vocabulary) -> None:
    """Training on pictures that the data set no longer has, of the same size and date, too."""
    shutil.copytree(directory, own / "data")
    split = open_directory(own / "data")["val"]
    opened(split, vocabulary)
    path = split.image_path(split.image_ids[0])
    old, size = path.stat(), Image.open(path).size
    Image.new("RGB", size, (255, 0, 0)).save(own / "red.png")
    with (own / "red.png").open("ab") as file:
        file.write(bytes(max(0, old.st_size - file.tell())))
    os.utime(own / "red.png", ns=(old.st_atime_ns, old.st_mtime_ns))
    (own / "red.png").replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (old.st_size, old.st_mtime_ns)
    kept = opened(open_directory(own / "data")["val"], vocabulary)
    config = tiny("context")
    live = PreparedSplit(open_directory(own / "data")["val"], config.inputs, vocabulary, keep_images=False)
    for data in (kept, live):
        red, green, _ = data.picture(0)
        assert red.max() == 255
        assert not green.any()
        assert np.array_equal(data.picture(1), kept.picture(1))


def test_half_a_prepared_split_is_made_anew(own: Path, splits: dict[str, Split], vocabulary: Vocabulary) -> None:
    """A tidy program that removes old files of the cache leaves a folder that nobody can read."""
    data = opened(splits["val"], vocabulary)
    whole = content(data)
    for path in data.folder.iterdir():
        path.unlink()
    assert content(opened(splits["val"], vocabulary)) == whole
    shutil.rmtree(data.folder)
    data.folder.write_text("a file")
    assert content(opened(splits["val"], vocabulary)) == whole


SETTINGS = (("inputs.neighbours=nearest",), ("inputs.neighbours=top2",), ("inputs.neighbours=random",), ())


@pytest.mark.parametrize("settings", SETTINGS)
def test_shards_and_processes_change_no_bit(
    settings: tuple[str, ...],
    own: Path,
    splits: dict[str, Split],
    vocabulary: Vocabulary,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Offsets that begin anew in each shard, or rows twice at its edge."""
    config = tiny("context", *settings)
    made = []
    for size, step, workers in ((20_000, 1024, 1), (7, 3, 1), (7, 1024, 2)):
        monkeypatch.setenv("CAPONIMAGE_CACHE", str(own / f"{size}-{step}-{workers}"))
        monkeypatch.setattr(inputs, "SHARD", size)
        monkeypatch.setattr(inputs, "_STEP", step)
        data = PreparedSplit(splits["train"], config.inputs, vocabulary, seed=1, keep_images=True, workers=workers)
        made.append((data.folder.name, content(data)))
        assert [path.name for path in data.folder.parent.iterdir()] == [data.folder.name]
    assert made[0] == made[1] == made[2]
    row = next(splits["train"].rows())
    assert np.array_equal(data.arrays["cells"][: len(row["boxes"])], inputs.grid_cells(row, config.inputs, 1))


def test_a_preparation_goes_on_where_it_was(
    own: Path, splits: dict[str, Split], vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty minutes of work that begin anew, after each kill, for two million images."""
    monkeypatch.setattr(inputs, "SHARD", 5)
    config, rows = tiny("context"), []
    write = inputs._Preparation.write

    def counted(self: inputs._Preparation, folder: Path, wanted: range, *more: Any) -> None:
        rows.append(wanted)
        if len(rows) == 4:
            raise KeyboardInterrupt
        write(self, folder, wanted, *more)

    monkeypatch.setattr(inputs._Preparation, "write", counted)
    with pytest.raises(KeyboardInterrupt):
        prepared(splits["train"], config, vocabulary)
    [shards] = (own / "cache" / "prepared").glob("*.shards")
    assert sorted(path.name for path in shards.iterdir()) == ["0-5", "10-15", "5-10"]
    damaged = shards / "5-10" / "captions.bin"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    whole = content(prepared(splits["train"], config, vocabulary))
    assert [wanted.start for wanted in rows] == [0, 5, 10, 15, 5, 15, 20, 25, 30, 35]
    assert not shards.exists()
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(own / "other"))
    assert content(prepared(splits["train"], config, vocabulary)) == whole


def test_the_command_prepares_what_a_training_reads(own: Path, directory: Path) -> None:
    """Arrays that a training prepares again, since the command has made others."""
    command = [
        sys.executable,
        "-m",
        "reference_model.prepare",
        "context",
        "--data",
        str(directory),
        *TINY,
        "--seed",
        "2",
    ]
    for expected in ("40 ", "was there"):
        assert expected in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    opened_splits = open_directory(directory)
    config = configured("context", "mini", "paper", TINY)
    data = PreparedSplit(
        opened_splits["train"],
        config.inputs,
        Vocabulary.of_split(opened_splits["train"]),
        seed=2,
        keep_images=config.keeps_pictures,
    )
    assert not data.is_new
