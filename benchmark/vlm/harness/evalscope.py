"""A folder for EvalScope's benchmark `general_vqa`: one JSONL file of messages in OpenAI's form.

EvalScope has no way to pass an id along: a reply is known by the number of its line. Its BLEU and Rouge cut a Chinese
caption by characters or take it for one word, so it is given nothing to compare with.
"""

import json
from pathlib import Path
from typing import Any

from ...shell import quoted
from ..request import Turn
from .task import HarnessTask

CANNOT = {"structured": "no way to bind a reply to a schema of its own; leave out --structured"}


def write(task: HarnessTask, folder: Path, out: Path) -> None:
    """Write the JSONL file."""
    before: list[dict[str, Any]] = [{"role": "system", "content": task.system}]
    for question, answer in task.writer.examples:
        before += [_user(question), {"role": "assistant", "content": answer.text}]
    with (folder / f"{task.name}.jsonl").open("w", encoding="utf-8") as file:
        for _, turn in task.turns():
            line = {"messages": [*before, _user(turn)], "answer": ""}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _user(turn: Turn) -> dict[str, Any]:
    if turn.picture is None:
        return {"role": "user", "content": turn.text}
    picture = {"type": "image_url", "image_url": {"url": turn.picture_url}}
    return {"role": "user", "content": [picture, {"type": "text", "text": turn.text}]}


def commands(task: HarnessTask, out: Path) -> list[str]:
    """What to do with the folder."""
    data = {"general_vqa": {"local_path": str(out.absolute()), "subset_list": [task.name]}}
    config = {"temperature": 0.0, "top_p": 1.0, "max_tokens": task.reply_tokens}
    return [
        "run: evalscope eval --model MODEL --api-url URL --eval-type openai_api --datasets general_vqa "
        f"--dataset-args {quoted(json.dumps(data, ensure_ascii=False))} "
        f"--generation-config {quoted(json.dumps(config))} --work-dir OUT",
        f"then: python -m benchmark.vlm import OUT/*/predictions/MODEL/general_vqa_{task.name}.jsonl "
        f"--task {quoted(out)} -o preds.jsonl",
    ]
