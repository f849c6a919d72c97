"""What the provenance of a run tells apart, and what it does not."""

import shutil
from pathlib import Path

import pytest

from reports.runs.code_version import ROOT, code_version


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("reference_model", "baselines"):
        source = ROOT / folder
        if source.is_dir():
            shutil.copytree(source, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def version(root: Path, system: str = "reference") -> str:
    code_version.cache_clear()
    return code_version(system, root)


def test_comments_docstrings_and_layout_do_not_matter(root: Path) -> None:
    """Two runs that seem to come from other code because a comment was added between them."""
    before = version(root)
    path = root / "reference_model" / "losses.py"
    text = path.read_text()
    path.write_text("# explained\n\n" + text.replace('"""', '"""Better said: ', 1))
    assert version(root) == before
    (root / "reference_model" / "speed.py").write_text("x = 1\n")
    assert version(root) == before


def test_code_and_weights_matter(root: Path) -> None:
    """Two runs that seem to come from one state of the code, though a loss or the first weights changed."""
    versions = {version(root)}
    path = root / "reference_model" / "losses.py"
    path.write_text(path.read_text() + "\nSCALE = 2\n")
    versions.add(version(root))
    path.write_text(path.read_text().replace("SCALE = 2", "SCALE = 3"))
    versions.add(version(root))
    weights = next((root / "reference_model" / "weights").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    versions.add(version(root))
    assert len(versions) == 4


def test_systems_have_hashes_of_their_own(root: Path) -> None:
    """A change of one baseline that shows in the others' provenance, or one of the trainer that does not."""
    for name in ("one", "two"):
        (root / "baselines" / name).mkdir(parents=True)
        (root / "baselines" / name / "model.py").write_text(f"NAME = {name!r}\n")
    before = {name: version(root, name) for name in ("reference", "one", "two")}
    (root / "baselines" / "one" / "model.py").write_text("NAME = 1\n")
    after = {name: version(root, name) for name in before}
    assert [name for name in before if before[name] != after[name]] == ["one"]
    trainer = root / "reference_model" / "training" / "trainer.py"
    trainer.write_text(trainer.read_text() + "\nMORE = 1\n")
    last = {name: version(root, name) for name in before}
    assert all(last[name] != after[name] for name in before)
