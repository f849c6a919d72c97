"""Names of files that commands take: outputs are no inputs, `-` is stdout, `=` and commas may stand in a name."""

import hashlib
import json
from pathlib import Path

import pytest
from made_split import made_split
from typer.testing import CliRunner, Result

from benchmark import cli, compare, demo, open_split, score
from benchmark.dataset.mini.build import build, is_built
from benchmark.errors import InputError
from benchmark.leaderboard.site import _is_board
from benchmark.predictions import write_predictions


@pytest.fixture
def data(tmp_path: Path) -> Path:
    split, predictions = made_split(tmp_path / "data")
    write_predictions(tmp_path / "preds.jsonl", split, predictions)
    return split.directory


def run(*arguments: object) -> Result:
    app = cli.group()
    app.command()(score.main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("option", ["--output", "--segments"])
@pytest.mark.parametrize("output", ["preds.jsonl", "data/dataset.json", "data/test.parquet", "data/new.json"])
def test_inputs_are_not_written_over(data: Path, tmp_path: Path, option: str, output: str) -> None:
    """Predictions or a data set destroyed by the scores of them, with exit code 0."""
    before = digests(tmp_path)
    result = run(tmp_path / "preds.jsonl", "--data", data, option, tmp_path / output)
    assert isinstance(result.exception, InputError)
    assert f"{option}: {tmp_path / output} " in str(result.exception)
    assert digests(tmp_path) == before


def test_a_dash_prints_what_the_file_would_hold(data: Path, tmp_path: Path) -> None:
    """A file named `-`; or a receipt with a table in front of it, which no program can read."""
    common = (tmp_path / "preds.jsonl", "--data", data)
    assert run(*common, "-o", tmp_path / "scores.json", "--segments", tmp_path / "segments.jsonl").exit_code == 0
    assert json.loads(run(*common, "-o", "-").stdout) == json.loads((tmp_path / "scores.json").read_text())
    assert run(*common, "--segments", "-").stdout == (tmp_path / "segments.jsonl").read_text()
    assert isinstance(run(*common, "-o", "-", "--segments", "-").exception, InputError)


def test_a_folder_means_a_file_in_it(data: Path, tmp_path: Path) -> None:
    """`-o results/` that becomes a file named results; or `-o .` that ends in an error."""
    common = (tmp_path / "preds.jsonl", "--data", data)
    assert run(*common, "-o", f"{tmp_path}/results/").exit_code == 0
    assert run(*common, "--segments", tmp_path / "results").exit_code == 0
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"scores.json", "segments.jsonl"}


def test_one_name_is_not_two_outputs(data: Path, tmp_path: Path) -> None:
    """Two outputs in one file, of which the second wins."""
    same = tmp_path / "same"
    result = run(tmp_path / "preds.jsonl", "--data", data, "-o", same, "--segments", same)
    assert "is also the output of --output" in str(result.exception)
    assert not same.exists()


def test_names_of_files_may_hold_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder `lr=0.1` of a sweep, which was taken for a system of that name and a folder `0.1`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=0.1,b=2").mkdir()
    for name in ("lr=0.1,b=2/p.jsonl", "a.jsonl", "b.jsonl"):
        Path(name).touch()
    sweep = Path("lr=0.1,b=2/p.jsonl")
    assert cli.name_and_files("lr=0.1,b=2/p.jsonl") == ("", [sweep])
    assert cli.name_and_files("mine=lr=0.1,b=2/p.jsonl") == ("mine", [sweep])
    assert cli.name_and_files("a.jsonl,b.jsonl") == ("", [Path("a.jsonl"), Path("b.jsonl")])
    assert cli.name_and_files("mine=a.jsonl,b.jsonl") == ("mine", [Path("a.jsonl"), Path("b.jsonl")])


def test_systems_in_a_comparison_have_names_apart(data: Path, tmp_path: Path) -> None:
    """Two files of one name in two folders, of which a table shows two and JSON one."""
    for folder in ("lr=0.1", "lr=0.2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.jsonl").write_bytes((tmp_path / "preds.jsonl").read_bytes())
    app = cli.group()
    app.command()(compare.main)
    files = [f"{tmp_path}/{folder}/p.jsonl" for folder in ("lr=0.1", "lr=0.2")]
    compared = CliRunner().invoke(app, [*files, "--data", str(data), "--json"])
    assert list(json.loads(compared.stdout)["systems"]) == files
    refused = CliRunner().invoke(app, [f"a={files[0]}", f"a={files[1]}", "--data", str(data)])
    assert "two systems are named 'a'" in str(refused.exception)


def test_an_empty_name_is_no_data_set(tmp_path: Path) -> None:
    """`--data "$MINE"` with a variable that is not set, which scored on the embedded data set."""
    with pytest.raises(InputError, match="--data: got an empty name"):
        open_split("", "test")


def test_a_folder_with_other_things_in_it_is_not_replaced(tmp_path: Path) -> None:
    """A folder of documents with a `leaderboard.md`, or a real data set with notes beside it, deleted by a build."""
    documents = tmp_path / "docs"
    documents.mkdir()
    (documents / "leaderboard.md").write_text("how the board ranks", encoding="utf-8")
    assert not _is_board(documents)
    mini = tmp_path / "mini"
    build(mini, {"test": 2}, annotations_only=True)
    assert is_built(mini)
    (mini / "NOTES.txt").touch()
    assert not is_built(mini)
    split, _ = made_split(tmp_path / "real")
    assert not is_built(split.directory)


def test_demo_writes_nothing_into_the_data_set(data: Path) -> None:
    """Prediction files among the files of the data set that they are made for."""
    before = digests(data)
    app = cli.group()
    app.command()(demo.main)
    result = CliRunner().invoke(app, ["--data", str(data), "--out", str(data)])
    assert result.exit_code != 0
    assert digests(data) == before
