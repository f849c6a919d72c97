"""Folders for other harnesses, and the files in which these leave the same replies, as they were seen to write them."""

import base64
import csv
import json
from pathlib import Path
from typing import Any

from benchmark.dataset.store import Split
from benchmark.vlm.harness.folder import write_folder
from benchmark.vlm.prompt import Settings, read_prompt
from benchmark.vlm.request import CaptionRequest, Writer, requests


def asked_in(
    splits: dict[str, Split], harness: str, out: Path, settings: Settings | None = None
) -> tuple[Writer, list[CaptionRequest]]:
    """Write a folder for the test split; returns what was asked."""
    writer = Writer(splits["test"], read_prompt("zh", settings or Settings()), splits.get("train"))
    asked = requests(splits["test"], writer.prompt)
    write_folder(harness, writer, asked, out)
    return writer, asked


def replies_to(asked: list[CaptionRequest], captions: list[str], split: Split) -> list[str]:
    """A reply to each request that says the given captions."""
    first = split.offsets.tolist()
    return [
        json.dumps({str(box + 1): captions[first[one.image] + box] for box in one.boxes}, ensure_ascii=False)
        for one in asked
    ]


def lmms_samples(path: Path, asked: list[CaptionRequest], replies: list[str]) -> None:
    """Samples of lmms-eval 0.7.3, in which documents are left out."""
    lines = [
        {"doc_id": i, "target": "", "filtered_resps": reply, "token_counts": [{"input_tokens": 5, "output_tokens": 2}],
         "doc_hash": "0", "failures": {"request": one.id}}
        for i, (one, reply) in enumerate(zip(asked, replies, strict=True))
    ]  # fmt: skip
    write_jsonl(path, lines)


def evalscope_predictions(path: Path, asked: list[CaptionRequest], replies: list[str]) -> None:
    """Predictions of EvalScope 1.14.1, in the order in which they came."""
    lines = [
        {"index": i, "model": "m", "model_output": {
            "choices": [{"message": {"content": reply, "role": "assistant"}, "stop_reason": "stop"}],
            "usage": {"input_tokens": 5, "output_tokens": 2}, "error": None}, "messages": [], "metadata": {}}
        for i, reply in enumerate(replies)
    ]  # fmt: skip
    write_jsonl(path, reversed(lines))


def evalscope_reviews(path: Path, asked: list[CaptionRequest], replies: list[str]) -> None:
    """Reviews of EvalScope 1.14.1."""
    scored = [{"index": i, "sample_score": {"score": {"prediction": reply}}} for i, reply in enumerate(replies)]
    write_jsonl(path, reversed(scored))


def vlmevalkit_table(path: Path, asked: list[CaptionRequest], replies: list[str]) -> None:
    """The table that VLMEvalKit writes as .tsv or .xlsx."""
    rows = [("index", "question", "prediction"), *((i, "两行\n问题", reply) for i, reply in enumerate(replies))]
    if path.suffix == ".tsv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
        return
    from openpyxl import Workbook

    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)


def write_jsonl(path: Path, lines: Any) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def picture_in(url: str) -> bytes:
    """The file in a data URL."""
    return base64.b64decode(url.partition(",")[2])
