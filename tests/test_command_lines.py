"""Every command as a stranger would type it: help with examples, and one sentence for what cannot be done."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_split import made_split

from benchmark import cli, demo, speed
from benchmark.__main__ import VERBS
from benchmark.leaderboard.metadata import template
from benchmark.predictions import write_predictions
from benchmark.version import __version__

Run = subprocess.CompletedProcess[str]


def run(*arguments: str) -> Run:
    return subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(verb: str) -> None:
    """A verb that is listed and does not exist, or help that tells flags and no use."""
    shown = run(f"benchmark.{verb}", "--help")
    assert shown.returncode == 0
    if verb == "dataset":
        shown = run("benchmark.dataset", "build", "--help")
    assert f"python -m benchmark.{verb}" in shown.stdout


def test_every_example_has_a_line_of_its_own() -> None:
    """Examples run together into a paragraph, where no one can tell where one ends."""
    shown = run("benchmark.validate", "--help").stdout + run("reference_model.train", "--help").stdout
    assert shown.count("\n  python -m benchmark.validate ") == 4
    assert shown.count("\n  python -m reference_model.train") == 4


@pytest.mark.parametrize("command", [("benchmark", "score"), ("benchmark.score",)])
def test_the_usage_line_is_a_command(command: tuple[str, ...]) -> None:
    """`Usage: python -m benchmark.python -m benchmark`, which nobody can type."""
    assert "Usage: python -m benchmark.score [OPTIONS]" in run(*command, "--help").stdout


@pytest.mark.parametrize("command", [("benchmark", "submit"), ("benchmark.submit",)])
def test_the_usage_line_names_the_subcommand(command: tuple[str, ...]) -> None:
    """`Usage: python -m benchmark.submit [OPTIONS] [out]` for `init`: typed so, it asks for prediction files."""
    shown = run(*command, "init", "--help").stdout
    assert "Usage: python -m benchmark.submit init [OPTIONS]" in shown
    refused = run(*command, "init", "--nothing")
    assert refused.returncode == 2
    assert "python -m benchmark.submit init -h" in refused.stderr


def test_the_installed_command_names_the_subcommand() -> None:
    """The same line of `caponimage submit init --help`, whose program is no module."""
    code = (
        "import sys; sys.argv = ['caponimage submit', 'init', '--help']; from pathlib import Path; import benchmark;"
        "path = Path(benchmark.__file__).with_name('submit.py');"
        "exec(compile(path.read_text(), path, 'exec'), {'__name__': '__main__', '__package__': 'benchmark'})"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "Usage: caponimage submit init [OPTIONS]" in shown


def test_the_version() -> None:
    """A report of a fault that cannot say which release it is about."""
    shown = run("benchmark", "--version")
    assert (shown.returncode, shown.stdout) == (0, f"caponimage {__version__}\n")


def test_commands_in_output_are_those_of_the_installed_program(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m benchmark.score`, which somebody who installed the program does not have."""
    monkeypatch.setattr(cli, "__package__", "caponimage")
    demo.main(data=str(directory), out=tmp_path / "demo")
    shown = " ".join(capsys.readouterr().out.split())
    assert f"to score one: caponimage score {tmp_path}/demo/title_copy.test.jsonl --data {directory} --split" in shown
    assert "python -m benchmark" not in shown + template()
    assert "then: caponimage submit --help" in template()
    assert speed._whole_process(tmp_path, []).title.startswith("caponimage score, ")


def test_names_and_captions_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A file :key:.jsonl, or such a caption, of which the terminal shows a picture of a key."""
    cli.stdout.print("wrote :key:.jsonl", markup=False)
    cli.note("read :key:.jsonl")
    assert capsys.readouterr() == ("wrote :key:.jsonl\n", "read :key:.jsonl\n")


def test_a_traceback_shows_no_variables() -> None:
    """Thousands of lines of arrays and captions between a user and the error."""
    code = (
        "from benchmark import cli\n"
        "def main() -> None:\n"
        "    secret = 'a variable of the program'\n"
        "    raise RuntimeError(len(secret))\n"
        "app = cli.group()\n"
        "app.command()(main)\n"
        "app.callback()(lambda: None)\n"
        "cli.run({})"
    )
    for runs in ("main", "app"):
        arguments = [] if runs == "main" else ["main"]
        failed = subprocess.run(
            [sys.executable, "-c", code.format(runs), *arguments], capture_output=True, text=True, check=False
        )
        assert failed.returncode == 1
        assert "RuntimeError: 25" in failed.stderr
        assert "locals" not in failed.stderr


def test_the_list_of_verbs() -> None:
    """`python -m benchmark` alone must lead on."""
    listed = run("benchmark")
    assert listed.returncode == 0
    assert all(verb in listed.stdout for verb in VERBS)
    unknown = run("benchmark", "socre")
    assert unknown.returncode == 2
    assert "socre" in unknown.stderr


def test_score_verify_compare_from_files(tmp_path: Path) -> None:
    """The whole way, through files and command lines; a changed caption must not verify."""
    split, predictions = made_split(tmp_path / "data")
    data = ("--data", str(split.directory))
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    write_predictions(a, split, predictions)
    write_predictions(b, split, split.captions)
    receipt, segments = tmp_path / "scores.json", tmp_path / "segments.jsonl"
    scored = run("benchmark.score", str(a), *data, "-o", str(receipt), "--segments", str(segments), "--slices")
    assert scored.returncode == 0, scored.stderr
    stored = json.loads(receipt.read_text())
    assert {"BLEU-1", "BLEU-4", "METEOR", "CIDEr", "Div@1", "Div@2"} <= stored["scores"].keys()
    assert stored["signature"] in scored.stdout
    assert len(segments.read_text().splitlines()) == split.n_boxes
    assert run("benchmark.verify", str(receipt), str(a), *data).returncode == 0
    refused = run("benchmark.verify", str(receipt), str(b), *data)
    assert refused.returncode == 2
    assert "sha256.predictions" in refused.stderr
    for style in ("--json", "--latex", "--markdown"):
        assert run("benchmark.score", str(a), *data, style).stdout
    compared = json.loads(run("benchmark.compare", f"one={a}", f"two={b}", *data, "--json").stdout)
    difference = compared["differences"][0]["metrics"]["BLEU-4"]
    assert difference["value"] == pytest.approx(
        compared["systems"]["one"][0]["BLEU-4"] - compared["systems"]["two"][0]["BLEU-4"]
    )
    seeds = run("benchmark.score", str(a), str(b), *data)
    assert "mean ± sd (n=2)" in seeds.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("caponimage.score",), "no prediction file"),
        (("caponimage.score", "nothing.jsonl", "--data", "nowhere"), "no data set at nowhere"),
        (("caponimage.compare", "one.jsonl"), "expected two or more"),
        (("caponimage.verify", "nothing.json", "nothing.jsonl"), "nothing.json"),
        (("caponimage.dataset", "build", "--out", "x", "--images", "tset=5"), "expected train=N"),
        (("caponimage.dataset", "describe", "nowhere"), "no data set"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback, or exit code 1; away from a checkout, where the package has its installed name."""
    monkeypatch.chdir(tmp_path)
    refused = run(*arguments)
    assert refused.returncode == 2
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(("module", "missing"), [("reference_model.speed", "torch"), ("reports.site", "jinja2")])
def test_a_module_that_needs_an_extra_says_so(tmp_path: Path, module: str, missing: str) -> None:
    """A traceback from a command whose module imports a package of an extra before there is a command line."""
    (tmp_path / missing).mkdir()
    (tmp_path / missing / "__init__.py").write_text(f"raise ModuleNotFoundError('none', name='{missing}')")
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])}
    command = [sys.executable, "-m", module, "--help"]
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: this needs {missing}, which is not installed; try `pip install")
    assert result.stderr.count("\n") == 1


def test_a_missing_extra_is_named_in_a_sentence() -> None:
    """ModuleNotFoundError with a traceback, in an install that lacks what only some commands need."""
    code = (
        "import sys; from benchmark import cli\n"
        "sys.modules['{0}'] = None\n"
        "def main() -> None: import {0}.inner\n"
        "cli.run(main)"
    )
    for module, extra in (("jinja2", "board"), ("sentence_transformers", "types"), ("matplotlib", "reports")):
        command = [sys.executable, "-c", code.format(module)]
        refused = subprocess.run(command, capture_output=True, text=True, check=False)
        assert refused.returncode == 2
        assert refused.stderr == (
            f"error: this needs {module}, which is not installed; try `pip install 'caponimage[{extra}]'`\n"
        )
    ours = subprocess.run([sys.executable, "-c", code.format("ours")], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in ours.stderr  # a fault of this project, whose place the traceback shows


def test_importing_the_harness_loads_nothing_heavy() -> None:
    """`import benchmark` in somebody's training script must not cost a second, or a gigabyte."""
    code = (
        "import benchmark, sys; print([m for m in ('numpy', 'pyarrow', 'torch', 'rich', 'typer') if m in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
