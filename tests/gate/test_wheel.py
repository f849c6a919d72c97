"""The wheel, installed beside other people's packages."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from benchmark.dataset.store import open_directory
from benchmark.predictions import write_predictions

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git tracks, so that what lies about here cannot get into it."""
    source = tmp_path_factory.mktemp("source")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in tracked.split("\0")[:-1]:
        if name.startswith("benchmark/") or name in ("pyproject.toml", "README.md", "LICENSE"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    out = tmp_path_factory.mktemp("wheels")
    pip(sys.executable, "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(out), str(source))
    return next(out.glob("caponimage-*.whl"))


def pip(python: str | Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(python), "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *arguments], check=True, stdin=subprocess.DEVNULL)


def test_it_holds_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    """A template that only a checkout has; 247 files of stored results; a subpackage that pyproject.toml forgets."""
    tracked = subprocess.run(["git", "ls-files", "benchmark"], cwd=ROOT, capture_output=True, text=True, check=True)
    expected = {f"caponimage{name.removeprefix('benchmark')}" for name in tracked.stdout.split()}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == expected
    subprocess.run([sys.executable, ROOT / ".ci" / "check_wheel.py", wheel], check=True)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """An environment with the wheel, which finds the dependencies of this one, but not the checkout."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    binaries = home / ("Scripts" if os.name == "nt" else "bin")
    python = binaries / Path(sys.executable).name
    packages = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    # Plain lines of a .pth file; what is itself installed in place by a .pth of that folder is not followed.
    (Path(packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip(python, "install", "--no-deps", str(wheel))
    return python


def score(python: Path, folder: Path) -> str:
    """The scores of two captions, by the package, outside of the checkout."""
    code = (
        "import caponimage; "
        "found = caponimage.evaluate(predictions=[['温和不刺激', '好用']], references=[['温和不刺激', '实用']]); "
        "print(caponimage.__file__, found.scores['BLEU-1'])"
    )
    return subprocess.run([python, "-c", code], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_a_foreign_package_called_benchmark_does_no_harm(python: Path, tmp_path: Path) -> None:
    """Another project's `benchmark`, installed and uninstalled: ours was overwritten, then half deleted."""
    toy = tmp_path / "toy"
    (toy / "benchmark").mkdir(parents=True)
    (toy / "benchmark" / "__init__.py").write_text("whose = 'foreign'\n")
    (toy / "pyproject.toml").write_text(
        "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n"
        "[project]\nname = 'toy-benchmark'\nversion = '1'\n[tool.setuptools]\npackages = ['benchmark']\n"
    )
    before = score(python, tmp_path)
    assert str(python.parents[1]) in before
    pip(sys.executable, "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(tmp_path), str(toy))
    pip(python, "install", "--no-deps", str(next(tmp_path.glob("toy_benchmark-*.whl"))))
    foreign = [python, "-c", "import benchmark; print(benchmark.whose)"]
    assert subprocess.run(foreign, cwd=tmp_path, capture_output=True, text=True, check=True).stdout == "foreign\n"
    assert score(python, tmp_path) == before
    pip(python, "uninstall", "--yes", "toy-benchmark")
    assert score(python, tmp_path) == before


def test_the_console_command_has_the_verbs_of_the_module(python: Path, tmp_path: Path) -> None:
    """A command that names commands which the reader does not have."""
    command = python.with_name("caponimage")
    listed = subprocess.run([command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    here = subprocess.run([sys.executable, "-m", "benchmark"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Usage: caponimage VERB" in listed
    assert listed == here.stdout.replace("python -m benchmark ", "caponimage ")
    wrong = subprocess.run([command, "score"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "try `caponimage score preds.jsonl`" in wrong.stderr


@pytest.mark.parametrize("platform", ["codabench", "evalai"])
def test_bundles_of_the_installed_package_run(platform: str, python: Path, directory: Path, tmp_path: Path) -> None:
    """A bundle that scores nothing, since it was packed from another folder than the package's."""
    command = [python.with_name("caponimage"), "leaderboard"]
    split = open_directory(directory)["test"]
    write_predictions(tmp_path / "preds.jsonl", split, split.captions)
    with zipfile.ZipFile(tmp_path / "preds.zip", "w") as archive:
        archive.write(tmp_path / "preds.jsonl", "preds.jsonl")
    how = ["--packages", "none", "--image", "any"] if platform == "codabench" else []
    export = ["export", platform, "-o", "bundle.zip", "--data", directory, "--no-pictures", *how]
    subprocess.run([*command, *export], cwd=tmp_path, check=True)
    simulate = [*command, "simulate", platform, "bundle.zip", "preds.zip"]
    shown = subprocess.run(simulate, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "the bundle keeps the contract" in shown


def test_the_installed_package_beside_a_checkout(python: Path) -> None:
    """A script in a checkout that imports both names, which are two copies where the package is installed as well."""
    done = subprocess.run([python, "-c", "import caponimage, benchmark"], cwd=ROOT, capture_output=True, text=True)
    assert "do not import it as benchmark too" in done.stderr


def test_one_process_never_holds_the_package_twice() -> None:
    """Two copies of every class: an error raised by one is not caught by the other."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import benchmark; sys.modules['benchmark'] = benchmark\n"
    twice = (
        "import importlib.util\n"
        "spec = importlib.util.spec_from_file_location('caponimage', benchmark.__file__)\n"
        "spec.loader.exec_module(importlib.util.module_from_spec(spec))\n"
    )
    done = subprocess.run([sys.executable, "-c", code + twice, str(ROOT)], capture_output=True, text=True, check=False)
    assert "ImportError" in done.stderr
    assert "do not import it as caponimage too" in done.stderr
