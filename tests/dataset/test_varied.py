"""The data set for measurements: the same everywhere, with captions that hardly repeat."""

import subprocess
import sys
from pathlib import Path

from benchmark.dataset import open_dataset
from benchmark.varied import build_varied

ROOT = Path(__file__).parents[2]


def test_rows_are_the_same_everywhere(tmp_path: Path) -> None:
    """Figures of two machines, or of two versions, that were measured on different data."""
    build_varied(tmp_path / "varied", {"val": 20, "test": 40})
    assert {name: split.fingerprint.hexdigest()[:16] for name, split in open_dataset(tmp_path / "varied").items()} == {
        "val": "5d1c35e20732e3d1",
        "test": "f39bcd97bac9f4a3",
    }


def test_captions_hardly_repeat(tmp_path: Path) -> None:
    """A corpus on which work that is done once per text costs nothing."""
    build_varied(tmp_path / "varied", {"test": 2000})
    split = open_dataset(tmp_path / "varied")["test"]
    assert 4.6 < split.n_boxes / split.n_images < 4.9
    assert len(set(split.captions)) > 0.6 * split.n_boxes
    assert 0.05 < sum(len(set(caption)) < len(caption) for caption in split.captions) / split.n_boxes < 0.15


def test_scoring_loads_no_large_library(tmp_path: Path) -> None:
    """An import that takes longer than the scoring: pandas, which pyarrow looks for, or what draws pictures."""
    build_varied(tmp_path / "varied", {"test": 20})
    program = (
        "import sys; from benchmark.dataset import open_split; from benchmark.scoring.evaluation import evaluate;"
        "from benchmark.scoring.receipt import make_receipt; split = open_split(sys.argv[1], 'test');"
        "make_receipt(split, evaluate(split, split.captions)); print({'pandas', 'numpy.ma', 'PIL'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "varied")]
    assert subprocess.check_output(command, cwd=ROOT, text=True) == "set()\n"
