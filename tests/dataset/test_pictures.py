"""Pictures of a data set: which there are, and what is done with files that are none."""

import os
import shutil
from pathlib import Path

from benchmark.dataset.store import open_directory


def test_a_replaced_picture_changes_the_state_of_the_pictures(directory: Path, tmp_path: Path) -> None:
    """Training data prepared from the old pictures were used after a picture had been replaced or removed."""
    shutil.copytree(directory, tmp_path / "data")
    split = open_directory(tmp_path / "data")["val"]
    path = split.image_path(split.image_ids[3])
    states = [split.pictures_state()]
    assert split.pictures_state() == states[0]
    os.utime(path, ns=(0, 0))
    states.append(split.pictures_state())
    path.write_bytes(path.read_bytes() + b"\0")
    os.utime(path, ns=(0, 0))
    states.append(split.pictures_state())
    path.unlink()
    states.append(split.pictures_state())
    assert len(set(states)) == 4
