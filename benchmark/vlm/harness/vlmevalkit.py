"""A folder for VLMEvalKit, which takes it as `$LMUData`: one TSV of index, picture as base64, and question.

Facts of VLMEvalKit that this works around:
* what is in a TSV is guessed column by column, so an index such as 007 would become 7: requests are counted from 0;
* pictures are kept by index in a folder with the name of the TSV, so that name must tell prompts apart;
* a file that it does not know is asked about and not scored, which is why no reference is written.
"""

import base64
import csv
from collections.abc import Iterator
from pathlib import Path

from ...shell import quoted
from .task import HarnessTask

CANNOT = {
    "structured": "no way to bind replies to a schema; leave out --structured",
    "shots": "a line is one question; try --shots 0, or `run`",
    "without image": "every line needs a picture; try another harness, or `run`",
}


def write(task: HarnessTask, folder: Path, out: Path) -> None:
    """Write the TSV."""
    with (folder / f"{task.name}.tsv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        rows.writerow(["index", "image", "question"])
        rows.writerows(_rows(task))


def _rows(task: HarnessTask) -> Iterator[tuple[int, str, str]]:
    for index, (_, turn) in enumerate(task.turns()):
        yield index, base64.b64encode(turn.picture or b"").decode(), f"{task.system}\n\n{turn.text}"


def commands(task: HarnessTask, out: Path) -> list[str]:
    """What to do with the folder."""
    return [
        f"run, where VLMEvalKit is: LMUData={quoted(out.absolute())} python run.py --data {task.name} --mode infer "
        f"--api-mode --model MODEL --base-url URL --temperature 0 --top-p 1 --max-tokens {task.reply_tokens} "
        "--work-dir OUT",
        f"then: python -m benchmark.vlm import OUT/MODEL/*/MODEL_{task.name}.xlsx --task {quoted(out)} -o preds.jsonl",
    ]
