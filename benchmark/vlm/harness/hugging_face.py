"""A folder for a data set repository on the Hub that runs as it is: `inspect eval hf/ORGANISATION/NAME`.

What `eval.yaml` may name is a fixed list of Inspect's own solvers and scorers, none of which is a metric of this
benchmark. So its scorer only says whether the references stand in a reply, and the log is imported to be scored.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...dataset.export import data_words, license_of
from ...grid import markdown_text
from ...shell import quoted
from .columns import NUMBERS, TEXT, write_rows
from .task import HarnessTask

CANNOT = {
    "structured": "no way to bind replies to a schema; leave out --structured",
    "shots": "a line is one question and one picture; try --shots 0, or `run`",
}

#: Target of a request whose references are hidden: an empty one would be found in every reply.
_HIDDEN = "references are hidden"


def write(task: HarnessTask, folder: Path, out: Path) -> None:
    """Write Parquet, eval.yaml and the card."""
    columns = {"request": TEXT, "image_id": TEXT, "boxes": NUMBERS, "question": TEXT, "target": TEXT}
    if task.writer.shows_pictures:
        columns["picture"] = TEXT  # a data URL, the only form that eval.yaml knows
    (folder / "data").mkdir()
    write_rows(folder / "data" / "test-00000-of-00001.parquet", columns, _rows(task))
    (folder / "eval.yaml").write_text("\n".join(_eval_yaml(task)) + "\n", encoding="utf-8")
    (folder / "README.md").write_text("\n".join(_card(task)) + "\n", encoding="utf-8")


def _rows(task: HarnessTask) -> Iterator[dict[str, Any]]:
    for asked, turn in task.turns():
        references = task.known(asked).get("references")
        target = _HIDDEN
        if references:
            numbered = {str(box + 1): text for box, text in zip(asked.boxes, references, strict=True)}
            target = json.dumps(numbered, ensure_ascii=False)
        row = {"request": asked.id, "image_id": asked.image_id, "boxes": list(asked.boxes), "question": turn.text}
        yield {**row, "target": target, "picture": turn.picture_url if turn.picture is not None else None}


def _eval_yaml(task: HarnessTask) -> Iterator[str]:
    """The lines of eval.yaml; texts stand in it as JSON, which is YAML."""
    split = task.writer.split
    synthetic = "SYNTHETIC data; " if split.synthetic else ""
    yield f"name: {json.dumps(task.name)}"
    about = f"{synthetic}captions for text boxes on product pictures; prompt {task.writer.prompt.id}"
    yield f"description: {json.dumps(about, ensure_ascii=False)}"
    yield "evaluation_framework: inspect-ai"
    yield "tasks:"
    yield f"  - id: {json.dumps(task.name)}"
    yield "    config: default"
    yield "    split: test"
    yield "    field_spec:"
    yield "      input: question"
    if task.writer.shows_pictures:
        yield "      input_image: picture"
    yield "      target: target"
    yield "      metadata: [request, boxes]"
    yield "    solvers:"
    yield "      - name: system_message"
    yield "        args:"
    yield f"          template: {json.dumps(task.system, ensure_ascii=False)}"
    yield "      - name: generate"
    yield "        args:"
    yield "          temperature: 0.0"
    yield "          top_p: 1.0"
    yield f"          max_tokens: {task.reply_tokens}"
    yield "    scorers:"
    yield "      - name: includes"


def _card(task: HarnessTask) -> Iterator[str]:
    split, prompt = task.writer.split, task.writer.prompt
    yield "---"
    yield f"pretty_name: {json.dumps(f'{split.dataset}, {split.name}, as requests', ensure_ascii=False)}"
    yield f"license: {license_of(split)}"
    yield "language:"
    yield "- zh"
    yield "task_categories:"
    yield "- image-text-to-text"
    yield "tags:"
    yield "- captioning-on-image"
    if split.synthetic:
        yield "- synthetic"
    yield "configs:"
    yield "- config_name: default"
    yield "  data_files:"
    yield "  - split: test"
    yield '    path: "data/test-*.parquet"'
    yield "---"
    yield ""
    yield f"# {markdown_text(split.dataset)}, split {split.name}, as requests to a vision-language model"
    yield ""
    yield from data_words(split)
    yield ""
    yield f"{len(task.asked):,} requests with the prompt `{prompt.id}` ({prompt.hash}). Every text in a picture is"
    yield "filled, also those that are not asked for. `target` holds the reference captions by the number of their box."
    yield ""
    yield "    inspect eval hf/ORGANISATION/NAME --model PROVIDER/MODEL"
    yield "    python -m benchmark.vlm import LOG.eval --task FOLDER -o preds.jsonl"
    yield ""
    yield "What Inspect shows is only the share of replies in which the references stand word for word. The scores of"
    yield "the benchmark come from the predictions that the second command reads out of the log."


def commands(task: HarnessTask, out: Path) -> list[str]:
    """What to do with the folder."""
    return [
        f"upload the folder (hf upload ORGANISATION/NAME {quoted(out)} --repo-type dataset), "
        "then: inspect eval hf/ORGANISATION/NAME --model PROVIDER/MODEL",
        f"then: python -m benchmark.vlm import LOG.eval --task {quoted(out)} -o preds.jsonl",
    ]
