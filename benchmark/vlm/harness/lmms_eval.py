"""A task folder for lmms-eval, given to it by `--include_path`: YAML, `utils.py`, and the requests as Parquet.

Facts of lmms-eval 0.7 that this works around:
* its cache of replies finds nothing unless the task sets every parameter that a model would add by itself;
* without `until` a reply ends at its first blank line;
* `reasoning_tags` would cut thoughts out before this benchmark reads the reply.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...metrics import HEADLINE, METRICS
from ...shell import quoted
from .columns import NUMBER, NUMBERS, PICTURE, RATIOS, TEXT, TEXTS, write_rows
from .task import HarnessTask

CANNOT = {
    "structured": "no way to bind replies to a schema; leave out --structured",
    "shots": "many of its models take one question and one picture; try --shots 0, or `run`",
}

_COLUMNS = {
    "request": TEXT, "image": NUMBER, "image_id": TEXT, "boxes": NUMBERS, "references": TEXTS, "aspect_ratios": RATIOS,
    "system": TEXT, "question": TEXT, "picture": PICTURE,
}  # fmt: skip

_NAMES = ("benchmark", "caponimage")  # in a checkout, and installed

_UTILS = '''"""What lmms-eval calls: functions of the benchmark, by whichever of its two names it is installed under."""

try:
    from {own}.vlm.harness import lmms_functions as functions
except ModuleNotFoundError:
    from {other}.vlm.harness import lmms_functions as functions

doc_to_visual = functions.doc_to_visual
doc_to_text = functions.doc_to_text
doc_to_messages = functions.doc_to_messages
doc_to_target = functions.doc_to_target
process_results = functions.process_results
globals().update(functions.AGGREGATIONS)
'''


def write(task: HarnessTask, folder: Path, out: Path) -> None:
    """Write the files of a task, which name each other by the folder's final place."""
    write_rows(folder / f"{task.name}.parquet", _COLUMNS, _rows(task))
    own = __name__.partition(".")[0]
    [other] = {*_NAMES} - {own}
    (folder / "utils.py").write_text(_UTILS.format(own=own, other=other), encoding="utf-8")
    lines = list(_yaml(task, out / f"{task.name}.parquet"))
    (folder / f"{task.name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows(task: HarnessTask) -> Iterator[dict[str, Any]]:
    for asked, turn in task.turns():
        picture = {"bytes": turn.picture, "path": f"{asked.image_id}.png"} if turn.picture is not None else None
        told = {"system": task.system, "question": turn.text, "picture": picture}
        yield {"request": asked.id, "references": None, "aspect_ratios": None, **task.known(asked), **told}


def _yaml(task: HarnessTask, data: Path) -> Iterator[str]:
    """The lines of the task's YAML; texts stand in it as JSON, which is YAML."""
    synthetic = task.writer.split.synthetic
    yield f"# Written by `harness lmms-eval`; prompt {task.writer.prompt.id} ({task.writer.prompt.hash})."
    if synthetic:
        yield "# SYNTHETIC data: never compare these scores with scores on real data."
    yield f"task: {task.name}"
    yield "dataset_path: parquet"
    yield "dataset_kwargs:"
    yield "  data_files:"
    yield f"    test: {json.dumps(str(data), ensure_ascii=False)}"
    yield "test_split: test"
    yield "output_type: generate_until"
    for name in ("doc_to_visual", "doc_to_text", "doc_to_messages", "doc_to_target", "process_results"):
        yield f"{name}: !function utils.{name}"
    yield "generation_kwargs:"
    yield f"  max_new_tokens: {task.reply_tokens}"
    yield "  temperature: 0.0"
    yield "  top_p: 1.0"
    yield "  do_sample: false"
    yield "  until: []"
    yield "reasoning_tags: none"
    yield "metric_list:"
    metrics = sorted(METRICS, key=lambda metric: metric.name != HEADLINE) if task.scored else []
    better: dict[str, bool | None] = {metric.key: metric.higher_is_better for metric in metrics}
    for key, higher in {**better, "failures": False, "failed_requests": False}.items():
        yield f"  - metric: {key}"
        yield f"    aggregation: !function utils.{key}"
        yield f"    higher_is_better: {json.dumps(higher)}"
    yield "metadata:"
    yield "  version: 1.0"


def commands(task: HarnessTask, out: Path) -> list[str]:
    """What to do with the folder."""
    return [
        f"run: python -m lmms_eval --include_path {quoted(out)} --tasks {task.name} --model async_openai "
        "--model_args model_version=MODEL,base_url=URL --batch_size 1 --log_samples --output_path OUT",
        f"then: python -m benchmark.vlm import OUT/MODEL/*_samples_{task.name}.jsonl --task {quoted(out)} "
        "-o preds.jsonl",
    ]
