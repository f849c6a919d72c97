"""The functions that lmms-eval calls: the bits of `benchmark.score`, and no score for what was no reply."""

import importlib.util
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest
from captions import caption
from vlm.harness_files import asked_in, replies_to

from benchmark.dataset.description import write_description
from benchmark.dataset.hidden import hidden_row
from benchmark.dataset.store import Split, SplitWriter, open_directory
from benchmark.metrics import METRICS
from benchmark.scoring.evaluation import evaluate
from benchmark.vlm.harness import lmms_functions
from benchmark.vlm.prompt import Settings
from benchmark.vlm.request import CaptionRequest

ROOT = Path(__file__).parents[2]
FAILED = "[LMMS_EVAL_REQUEST_FAILED after 3 retries] Error code: 500 - {'1': '好用'}"


def utils_of(folder: Path) -> ModuleType:
    """`utils.py` of a folder, loaded as lmms-eval loads it."""
    spec = importlib.util.spec_from_file_location("utils", folder / "utils.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def metrics_of(folder: Path) -> dict[str, str]:
    """The metrics that the YAML lists, and the function of each."""
    [path] = folder.glob("*.yaml")
    text = path.read_text(encoding="utf-8")
    return dict(re.findall(r"- metric: (\w+)\n +aggregation: !function utils\.(\w+)", text))


def scored(folder: Path, replies: list[str]) -> dict[str, float]:
    """What lmms-eval would print: each aggregation of the items of all documents, in the order of the threads."""
    [path] = folder.glob("*.parquet")
    names = [name for name in pq.read_schema(path).names if name != "picture"]  # as it does before scoring
    docs = pq.read_table(path, columns=names).to_pylist()
    utils = utils_of(folder)
    results = [utils.process_results(doc, [reply.strip()]) for doc, reply in zip(docs, replies, strict=True)]
    random.Random(3).shuffle(results)
    copied: list[dict[str, Any]] = json.loads(json.dumps(results))  # from other processes, they are other objects
    functions = metrics_of(folder)
    assert set(functions) == set(results[0])
    return {name: getattr(utils, function)([one[name] for one in copied]) for name, function in functions.items()}


def drawn(split: Split) -> list[str]:
    """Captions that can be read from a reply, some of them right."""
    draw = random.Random(2)
    texts = [draw.choice([reference, caption(draw)]) for reference in split.captions]
    return [text if re.search("[\u4e00-\u9fff]", text) else "好用" for text in texts]


@pytest.mark.parametrize("settings", [Settings(), Settings(unit="box")], ids=["image", "box"])
def test_the_bits_are_those_of_the_command(splits: dict[str, Split], tmp_path: Path, settings: Settings) -> None:
    """A table of lmms-eval that differs from the board on the same replies."""
    split = splits["test"]
    _, asked = asked_in(splits, "lmms-eval", tmp_path / "out", settings)
    replies = replies_to(asked, drawn(split), split)
    captions = read(asked, replies, split)
    found = scored(tmp_path / "out", replies)
    expected = evaluate(split, captions).scores
    assert {metric.key: found[metric.key] for metric in METRICS} == {m.key: expected[m.name] for m in METRICS}
    assert found["failures"] == found["failed_requests"] == 0


def read(asked: list[CaptionRequest], replies: list[str], split: Split) -> list[str]:
    """The captions of all boxes, read by the functions themselves; empty where there is none."""
    captions = [""] * split.n_boxes
    for one, reply in zip(asked, replies, strict=True):
        item = lmms_functions.process_results({"boxes": list(one.boxes)}, [reply])["failures"]
        for box, text in zip(one.boxes, item["captions"] or [""] * len(one.boxes), strict=True):
            captions[int(split.offsets[one.image]) + box] = text
    return captions


def test_a_failed_request_is_no_reply(splits: dict[str, Split], tmp_path: Path) -> None:
    """An error message in the place of a reply, which lmms-eval scores as if the model had said it."""
    split = splits["test"]
    _, asked = asked_in(splits, "lmms-eval", tmp_path / "out")
    replies = replies_to(asked, split.captions, split)
    replies[1], replies[2], replies[4] = FAILED, "[LMMS_EVAL_BUDGET_EXCEEDED]", "这些文本框都很好\n舒适"
    found = scored(tmp_path / "out", replies)
    captions = list(split.captions)
    counts = []
    for image in (1, 2, 4):
        first, end = split.offsets[image : image + 2].tolist()
        captions[first:end] = [""] * (end - first)
        counts.append(end - first)
    assert found["cider"] == evaluate(split, captions).scores["CIDEr"]
    assert found["failures"] == pytest.approx(100 * sum(counts) / split.n_boxes)
    assert found["failed_requests"] == pytest.approx(100 * sum(counts[:2]) / split.n_boxes)


def test_hidden_references_leave_the_counts(splits: dict[str, Split], tmp_path: Path) -> None:
    """Scores against nothing where the references are hidden, or a task that cannot be run there at all."""
    with SplitWriter(tmp_path / "data", "test") as writer:
        for row in splits["test"].rows():
            writer.append(hidden_row(row))
    write_description(tmp_path / "data", name="hidden", synthetic=True, splits={"test": writer.summary()})
    without = Settings(without=("image",), coordinates="thousand")
    _, asked = asked_in(open_directory(tmp_path / "data"), "lmms-eval", tmp_path / "out", without)
    replies = replies_to(asked, ["好用"] * splits["test"].n_boxes, splits["test"])
    assert scored(tmp_path / "out", [FAILED, *replies[1:]]).keys() == {"failures", "failed_requests"}


def test_models_see_picture_and_words(splits: dict[str, Split], tmp_path: Path) -> None:
    """Models of the older kind, which take one text, without the instruction that the others get."""
    writer, asked = asked_in(splits, "lmms-eval", tmp_path / "out")
    turn = writer.turn(asked[0])
    assert turn.picture
    doc = {"system": "做事", "question": turn.text, "picture": {"bytes": turn.picture}, "boxes": [0]}
    [picture] = lmms_functions.doc_to_visual(doc)
    assert picture.mode == "RGB"
    [system, user] = lmms_functions.doc_to_messages(doc)
    assert system["content"][0]["text"] == "做事"
    assert user["content"][1] == {"type": "text", "text": turn.text}
    assert user["content"][0]["url"].tobytes() == picture.tobytes()
    assert lmms_functions.doc_to_text(doc) == f"做事\n\n{turn.text}"
    assert lmms_functions.doc_to_target(doc) == ""
    assert len(lmms_functions.doc_to_messages({**doc, "picture": None})[1]["content"]) == 1


def test_the_cache_of_lmms_eval_can_find_replies(splits: dict[str, Split], tmp_path: Path) -> None:
    """A parameter that lmms-eval adds by itself after it looked into its cache: not one reply is found there again."""
    asked_in(splits, "lmms-eval", tmp_path / "out")
    [path] = (tmp_path / "out").glob("*.yaml")
    text = path.read_text(encoding="utf-8")
    settings = text.partition("generation_kwargs:\n")[2].partition("\nreasoning_tags")[0].splitlines()
    names = [line.split(":")[0].strip() for line in settings]
    assert names == ["max_new_tokens", "temperature", "top_p", "do_sample", "until"]
    assert "reasoning_tags: none" in text  # thoughts are for the one reader of replies


def test_scoring_in_lmms_eval_loads_no_other_harness() -> None:
    """A harness that must be installed beside another one, which is seconds and conflicts of versions."""
    code = (
        "import sys, benchmark.vlm.harness.lmms_functions\n"
        "print([name for name in ('inspect_ai', 'openai', 'openpyxl', 'torch', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
