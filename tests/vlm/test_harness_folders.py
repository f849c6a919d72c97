"""Folders for other harnesses: the requests of `run`, picture for picture and word for word, and no answer in them."""

import base64
import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from vlm.harness_files import asked_in, picture_in

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.vlm.harness import evalscope
from benchmark.vlm.harness.command import harness_command
from benchmark.vlm.harness.folder import HARNESSES, task_name, write_folder
from benchmark.vlm.prompt import Settings, read_prompt
from benchmark.vlm.request import Turn, Writer, requests

UNITS = [Settings(), Settings(unit="box", neighbours=True, coordinates="ratio")]


def told_by_lmms_eval(folder: Path, name: str) -> list[Turn]:
    rows = pq.read_table(folder / f"{name}.parquet").to_pylist()
    return [Turn(row["question"], row["picture"]["bytes"]) for row in rows]


def told_by_vlmevalkit(folder: Path, name: str) -> list[Turn]:
    csv.field_size_limit(1 << 30)
    with (folder / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["index"] for row in rows] == [str(i) for i in range(len(rows))]
    return [Turn(row["question"].partition("\n\n")[2], base64.b64decode(row["image"])) for row in rows]


def told_by_evalscope(folder: Path, name: str) -> list[Turn]:
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["messages"][-1]["content"] for line in lines]
    return [Turn(text["text"], picture_in(picture["image_url"]["url"])) for picture, text in questions]


def told_by_hf(folder: Path, name: str) -> list[Turn]:
    rows = pq.read_table(folder / "data").to_pylist()
    return [Turn(row["question"], picture_in(row["picture"])) for row in rows]


TOLD = {
    "lmms-eval": told_by_lmms_eval,
    "vlmevalkit": told_by_vlmevalkit,
    "evalscope": told_by_evalscope,
    "hf": told_by_hf,
}


@pytest.mark.parametrize("settings", UNITS, ids=["image", "box"])
@pytest.mark.parametrize("harness", HARNESSES)
def test_every_harness_asks_what_run_asks(
    splits: dict[str, Split], tmp_path: Path, harness: str, settings: Settings
) -> None:
    """A harness with a prompt of its own, or pictures with their texts: its scores would be of another task."""
    writer, asked = asked_in(splits, harness, tmp_path / "folder", settings)
    assert TOLD[harness](tmp_path / "folder", task_name(writer)) == [writer.turn(one) for one in asked]
    about = json.loads((tmp_path / "folder" / "caponimage.json").read_text(encoding="utf-8"))
    assert about["requests"] == [one.id for one in asked]
    assert about["prompt_hash"] == writer.prompt.hash


def test_answers_go_where_the_harness_scores(splits: dict[str, Split], tmp_path: Path) -> None:
    """References in a file that is only asked from, or none in one that scores."""
    sizes = {}
    for harness in HARNESSES:
        asked_in(splits, harness, tmp_path / harness)
        files = [path for path in (tmp_path / harness).rglob("*") if path.is_file() and path.suffix != ".parquet"]
        text = "".join(path.read_text(encoding="utf-8") for path in files)
        for path in (tmp_path / harness).rglob("*.parquet"):
            columns = [name for name in pq.read_schema(path).names if name != "picture"]
            text += str(pq.read_table(path, columns=columns).to_pylist())
        long = {caption for caption in splits["test"].captions if len(caption) > 5}
        sizes[harness] = sum(caption in text for caption in long) / len(long)
    assert sizes["lmms-eval"] == sizes["hf"] == 1
    assert sizes["vlmevalkit"] < 0.1  # a title may hold one
    assert sizes["evalscope"] < 0.1


def test_names_tell_prompts_and_data_apart(splits: dict[str, Split]) -> None:
    """Replies and pictures of another prompt, which harnesses keep by the name of the task and give again."""
    prompts = [read_prompt("zh", Settings()), read_prompt("zh", Settings(length=False)), read_prompt("en", Settings())]
    names = {task_name(Writer(splits[split], prompt)) for split in ("val", "test") for prompt in prompts}
    assert len(names) == 6


def test_synthetic_data_are_called_so(splits: dict[str, Split], tmp_path: Path) -> None:
    """Scores on generated data in a harness's table, where nobody knows the name of this data set."""
    for harness, file in (("lmms-eval", "*.yaml"), ("hf", "README.md"), ("hf", "eval.yaml")):
        folder = tmp_path / file.strip("*.") / harness
        asked_in(splits, harness, folder)
        [path] = folder.glob(file)
        assert "SYNTHETIC" in path.read_text(encoding="utf-8")


def test_what_a_harness_cannot_pass_on_is_refused(splits: dict[str, Split], tmp_path: Path) -> None:
    """A prompt id that names examples which no request had, or a folder that was overwritten."""
    settings = Settings(coordinates="thousand", without=("image",), shots=1, structured=True)
    writer = Writer(splits["test"], read_prompt("zh", settings), splits["train"])
    for harness, count in (("lmms-eval", 2), ("vlmevalkit", 3), ("evalscope", 1), ("hf", 2)):
        with pytest.raises(InputError) as refused:
            write_folder(harness, writer, requests(splits["test"], writer.prompt, 2), tmp_path / "out")
        assert len(refused.value.problems) == count
    with pytest.raises(InputError, match="expected one of lmms-eval"):
        write_folder("lm-eval", writer, [], tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="is not empty"):
        write_folder("evalscope", writer, [], tmp_path / "full")


def test_examples_are_turns_of_a_conversation(splits: dict[str, Split], tmp_path: Path) -> None:
    """Examples that are lost on the way to EvalScope, the one harness that passes a conversation on."""
    writer, _ = asked_in(splits, "evalscope", tmp_path / "out", Settings(shots=2))
    line = (tmp_path / "out" / f"{task_name(writer)}.jsonl").read_text(encoding="utf-8").partition("\n")[0]
    said = [message["role"] for message in json.loads(line)["messages"]]
    assert said == ["system", "user", "assistant", "user", "assistant", "user"]


def test_a_folder_is_whole_or_not_there(
    splits: dict[str, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a list of requests after a full disk, which a harness would run as if it were all of it."""

    def full(turn: Turn) -> dict[str, object]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(evalscope, "_user", full)
    with pytest.raises(OSError, match="No space"):
        asked_in(splits, "evalscope", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_the_verb_says_what_to_run(
    splits: dict[str, Split], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that nobody knows how to run, or requests other than those of the options."""
    folder = tmp_path / "a folder"
    harness_command("lmms-eval", folder, str(splits["test"].directory), "test", limit=3, without="text")
    said = capsys.readouterr().out
    assert f"--include_path '{folder}'" in said
    assert "vlm import" in said
    about = json.loads((folder / "caponimage.json").read_text(encoding="utf-8"))
    assert about["requests"] == splits["test"].image_ids[:3]
    assert about["prompt"].endswith("no-info")


def test_tables_open_as_the_harness_opens_them(
    splits: dict[str, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Titles with quotes, tabs and line ends that break a row where pandas reads it, as VLMEvalKit does."""
    pandas = pytest.importorskip("pandas")
    writer = Writer(splits["test"], read_prompt("zh", Settings()))
    row = writer.row
    monkeypatch.setattr(writer, "row", lambda asked: {**row(asked), "title": '名"牌"\t新款\n第二行'})
    asked = requests(splits["test"], writer.prompt)
    write_folder("vlmevalkit", writer, asked, tmp_path / "out")
    [path] = (tmp_path / "out").glob("*.tsv")
    data = pandas.read_csv(io.BytesIO(path.read_bytes()), sep="\t")
    assert list(data["index"]) == list(range(len(asked)))
    assert [text.partition("\n\n")[2] for text in data["question"]] == [writer.turn(one).text for one in asked]


def test_hugging_face_opens_the_folder(splits: dict[str, Split], tmp_path: Path) -> None:
    """A card whose head names files that are not there."""
    datasets = pytest.importorskip("datasets", reason="needs Hugging Face's datasets")
    _, asked = asked_in(splits, "hf", tmp_path / "out")
    opened = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert opened["test"]["request"] == [one.id for one in asked]
