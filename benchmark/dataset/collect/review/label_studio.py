"""Review in Label Studio, for those who have it: tasks with the captions as predictions, and answers from its export.

    OUT/tasks.json    to import as tasks
    OUT/config.xml    to paste as labelling interface
    OUT/images/       pictures; serve them as local files with OUT as the root, or give `address`

Each caption is a rectangle with one of the labels keep, drop and product, and a text. In the export ("JSON"), a
rectangle that was deleted is an answer "drop"; an annotation that was not cancelled is the answers of its author.

Invariants:
* regions are known by their ids alone, so moving one changes nothing: boxes stay as they were read;
* of several annotations of one author the last one counts, and one that holds none of the captions is a mistake;
* regions that somebody has drawn new are counted and left out: a text that was not read has no mask, so its picture
  would show it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....files import folder_when_complete
from .answers import DROP, FORMAT, KEEP, VERDICTS
from .pages import save_picture, with_progress
from .questions import Asked, Question

#: Where Label Studio serves the files of OUT, if OUT is the root of its local files.
ADDRESS = "/data/local-files/?d="

_COLOURS = {"keep": "#1a7f37", "drop": "#b3261e", "product": "#8250df"}
_CONFIG = """<View>
  <Header value="$title" size="5"/>
  <RectangleLabels name="verdict" toName="image">
{labels}
  </RectangleLabels>
  <Image name="image" value="$image" zoom="true"/>
  <TextArea name="text" toName="image" perRegion="true" editable="true" rows="1" maxSubmissions="1"
            displayMode="region-list" required="true"/>
</View>
"""


def write_tasks(asked: Sequence[Asked], out: Path, *, address: str = ADDRESS) -> None:
    """Write tasks for Label Studio.

    Args:
        asked: the images with their questions.
        out: folder to write; appears complete or not at all.
        address: what stands before `images/0.jpg` in the address of a picture.

    Raises:
        InputError: if a picture is no longer the one that was read.
    """
    with folder_when_complete(out) as folder:
        (folder / "images").mkdir()
        tasks = []
        for i, image in enumerate(with_progress(asked)):
            path = f"images/{i}.jpg"
            tasks.append(_task(image, address + path, save_picture(image, folder / path)))
        (folder / "tasks.json").write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        labels = "\n".join(f'    <Label value="{name}" background="{_COLOURS[name]}"/>' for name in VERDICTS)
        (folder / "config.xml").write_text(_CONFIG.format(labels=labels), encoding="utf-8")


def _task(image: Asked, address: str, size: tuple[int, int]) -> dict[str, Any]:
    regions = {f"caption-{i}": question for i, question in enumerate(image.questions)}
    return {
        "data": {
            "image": address,
            "image_id": image.product.image_id,
            "sha256": image.sha256,
            "split": image.split,
            "title": image.product.title,
            "attributes": image.product.attributes,
            "questions": {name: {"line": each.line, "read": each.read} for name, each in regions.items()},
        },
        "predictions": [
            {
                "model_version": "read",
                "score": 1 - image.risk,
                "result": [part for name, each in regions.items() for part in _region(name, each, size)],
            }
        ],
    }


def _region(name: str, question: Question, size: tuple[int, int]) -> Iterator[dict[str, Any]]:
    """Both results of a region: its place with the label, and its text."""
    width, height = size
    x1, y1, x2, y2 = (100 * place / length for place, length in zip(question.box, size * 2, strict=True))
    place = {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1, "rotation": 0}
    common = {"id": name, "to_name": "image", "original_width": width, "original_height": height, "image_rotation": 0}
    yield common | {"type": "rectanglelabels", "from_name": "verdict", "value": place | {"rectanglelabels": [KEEP]}}
    yield common | {"type": "textarea", "from_name": "text", "value": place | {"text": [question.read]}}


def is_export(content: Any) -> bool:
    """Whether something looks like an export of Label Studio."""
    return isinstance(content, list)


@dataclass
class Export:
    """What an export of Label Studio says.

    Attributes:
        files: one file of answers for each author, in the form of `answers`, not checked yet.
        new: number of regions that were drawn new and are left out.
        repeated: number of annotations that are left out, since their author has made a later one of the same task.
        problems: what is wrong, in words.
    """

    files: list[dict[str, Any]]
    new: int
    repeated: int
    problems: list[str]


def read_export(tasks: list[Any], place: str) -> Export:
    """Read an export.

    Args:
        tasks: the list of tasks.
        place: name of the file, for messages.
    """
    of_author: dict[str, list[dict[str, Any]]] = {}
    found = Export([], 0, 0, [])
    for i, task in enumerate(tasks):
        data = task.get("data") if isinstance(task, dict) else None
        annotations = task.get("annotations") if isinstance(task, dict) else None
        questions = data.get("questions") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(questions, dict) or not isinstance(annotations, list):
            found.problems.append(
                f"{place}: task [{i}]: no task of a review; expected the export as JSON (not JSON-MIN) of tasks that "
                "`review export --form label-studio` has written"
            )
            continue
        last: dict[str, dict[str, dict[str, Any]]] = {}  # author -> region -> what it says
        for annotation in annotations:
            if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
                continue
            author = _author(annotation.get("completed_by"))
            found.repeated += author in last
            last[author] = _regions(annotation.get("result"))
        for author, regions in last.items():
            where = f"{place}: task [{i}], annotation of {author!r:.60}"
            found.new += len(regions.keys() - questions.keys())
            if not regions.keys() & questions.keys():
                found.problems.append(
                    f"{where}: holds none of the captions, so all of them would be dropped; annotate with the "
                    "predictions shown, or skip the task"
                )
                continue
            for name, question in questions.items():
                if not isinstance(question, dict):
                    found.problems.append(f"{place}: task [{i}]: question {name!r:.60}: got {question!r:.60}")
                    continue
                region = regions.get(name, {"verdict": DROP})
                if region.get("verdict") not in VERDICTS:
                    found.problems.append(
                        f"{where}: the rectangle of {question.get('read')!r:.60} has the label "
                        f"{region.get('verdict')!r:.60}, expected one of {', '.join(VERDICTS)}"
                    )
                    continue
                about = {key: data.get(key) for key in ("image_id", "sha256")}
                about |= {key: question.get(key) for key in ("line", "read")}
                said = {"text": region.get("text", question.get("read"))} if region["verdict"] == KEEP else {}
                of_author.setdefault(author, []).append(about | {"verdict": region["verdict"]} | said)
    found.files = [{"format": FORMAT, "reviewer": name, "answers": entries} for name, entries in of_author.items()]
    return found


def _regions(results: Any) -> dict[str, dict[str, Any]]:
    """Label ("verdict") and text of each region, as far as it has them, by its id."""
    found: dict[str, dict[str, Any]] = {}
    for result in results if isinstance(results, list) else []:
        value = result.get("value") if isinstance(result, dict) else None
        if not isinstance(value, dict) or not isinstance(result.get("id"), str):
            continue
        region = found.setdefault(result["id"], {})
        if isinstance(value.get("rectanglelabels"), list):
            label = (value["rectanglelabels"] or [None])[0]
            region["verdict"] = label if isinstance(label, str) else None
        text = value.get("text")
        if parts := [part for part in (text if isinstance(text, list) else [text]) if isinstance(part, str)]:
            region["text"] = "".join(parts)
    return found


def _author(completed_by: Any) -> str:
    """Name of an annotation's author: the export tells a number, or an object with an address."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("username") or completed_by.get("id")
    return completed_by if isinstance(completed_by, str) and completed_by else f"Label Studio user {completed_by}"
