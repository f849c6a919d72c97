"""The EvalAI bundle: `challenge_config.yaml` and the files it names, and a check that EvalAI accepts them.

The rules are those of EvalAI's validator and worker: apps/challenges/challenge_config_utils.py,
scripts/workers/submission_worker.py. Where its documentation and its code differ, the code counts.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..dataset.store import Split
from ..metrics import BOARD
from .bundle import PACKAGES, folder_members, write_program, write_zip
from .references import write_references
from .texts import Challenge, as_html, logo, pages

_PAGES = {
    "description": "overview",
    "evaluation_details": "evaluation",
    "terms_and_conditions": "terms",
    "submission_guidelines": "submission",
}
_SPLIT_KEYS = (
    "challenge_phase_id", "leaderboard_id", "dataset_split_id", "visibility",
    "leaderboard_decimal_precision", "is_leaderboard_order_descending",
)  # fmt: skip


def fill(folder: Path, splits: Mapping[str, Split], plan: Challenge, *, packages: str) -> None:
    """Lay out the challenge in a folder.

    Args:
        folder: existing folder to fill.
        splits: val and test, with references.
        plan: title and days of the challenge.
        packages: source of the packages, see `bundle.write_program`.

    Raises:
        InputError: if references or packages are missing.
    """
    import yaml  # type: ignore[import-untyped]

    with TemporaryDirectory() as place:
        own = {"__init__.py": "from .main import evaluate\n", "main.py": ""}
        if packages == "none":  # EvalAI's workers install these, within their own pins of numpy
            own["requirements.txt"] = "".join(f"{name}\n" for name in PACKAGES)
        write_program(Path(place), own, packages)
        write_zip(folder / "evaluation_script.zip", folder_members(Path(place)))
    (folder / "annotations").mkdir()
    for name, split in splits.items():
        write_references(split, folder / "annotations" / f"{name}.json")
    (folder / "templates").mkdir()
    texts = pages(plan)
    for key, name in _PAGES.items():
        (folder / "templates" / f"{key}.html").write_text(as_html(texts[name]), encoding="utf-8", newline="\n")
    for name in splits:
        (folder / "templates" / f"phase_{name}.html").write_text(
            as_html([f"The {name} split"]), encoding="utf-8", newline="\n"
        )
    (folder / "logo.jpg").write_bytes(logo("JPEG"))
    text = yaml.safe_dump(_challenge(splits, plan), sort_keys=False)
    (folder / "challenge_config.yaml").write_text(text, encoding="utf-8", newline="\n")


def _challenge(splits: Mapping[str, Split], plan: Challenge) -> dict[str, Any]:
    limits = {"val": (20, 200, 1000), "test": (2, 10, 20)}
    starts = {"val": plan.start, "test": plan.test_start}
    names = [metric.name for metric in BOARD]
    return {
        "title": plan.title,
        "short_description": "Short Chinese captions for given text boxes on product images",
        **{key: f"templates/{key}.html" for key in _PAGES},
        "image": "logo.jpg",
        "evaluation_script": "evaluation_script.zip",
        "remote_evaluation": False,
        "start_date": _at(plan.start),
        "end_date": _at(plan.end),
        "published": True,
        "leaderboard": [
            {
                "id": 1,
                "schema": {
                    "labels": names,
                    "default_order_by": names[0],
                    "metadata": {
                        metric.name: {"sort_ascending": metric.higher_is_better is False, "description": metric.name}
                        for metric in BOARD
                    },
                },
            }
        ],
        "challenge_phases": [
            {
                "id": i,
                "name": name,
                "codename": name,
                "description": f"templates/phase_{name}.html",
                "leaderboard_public": True,
                "is_public": True,
                "is_submission_public": True,
                "start_date": _at(starts[name]),
                "end_date": _at(plan.end),
                "test_annotation_file": f"annotations/{name}.json",
                "max_submissions_per_day": limits[name][0],
                "max_submissions_per_month": limits[name][1],
                "max_submissions": limits[name][2],
                "is_restricted_to_select_one_submission": False,
                "is_partial_submission_evaluation_enabled": False,
                "allowed_submission_file_types": ".jsonl, .json, .zip",
            }
            for i, name in enumerate(splits, 1)
        ],
        "dataset_splits": [{"id": i, "name": name, "codename": f"{name}_split"} for i, name in enumerate(splits, 1)],
        "challenge_phase_splits": [
            {
                "challenge_phase_id": i,
                "leaderboard_id": 1,
                "dataset_split_id": i,
                "visibility": 3,
                "leaderboard_decimal_precision": 2,
                "is_leaderboard_order_descending": True,
            }
            for i, _ in enumerate(splits, 1)
        ],
    }


def _at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def check(folder: Path) -> list[str]:
    """List everything in an unpacked challenge zip that EvalAI would refuse."""
    import yaml

    path = folder / "challenge_config.yaml"
    if not path.is_file():
        return ["challenge_config.yaml: missing at the root of the zip"]
    try:
        about = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return [f"challenge_config.yaml: not YAML ({str(error).splitlines()[0]:.100})"]
    if not isinstance(about, dict):
        return ["challenge_config.yaml: got no mapping, expected keys such as title"]
    try:
        return [*_top_problems(folder, about), *_phase_problems(folder, about), *_mapping_problems(about)]
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        return [f"challenge_config.yaml: {type(error).__name__}: {error!s:.100}"]


def _exists(folder: Path, name: Any, suffix: str) -> bool:
    path = folder / str(name)
    return path.suffix == suffix and path.resolve().is_relative_to(folder.resolve()) and path.is_file()


def _top_problems(folder: Path, about: dict[str, Any]) -> Iterator[str]:
    if not about.get("title"):
        yield "title: missing"
    for key in _PAGES:
        if not _exists(folder, about.get(key), ".html"):
            yield f"{key}: no .html file {about.get(key)!r:.80}"
    if not _exists(folder, about.get("evaluation_script"), ".zip"):
        yield f"evaluation_script: no .zip file {about.get('evaluation_script')!r:.80}"
    if about["start_date"] > about["end_date"]:
        yield "start_date: after end_date"
    for board in about["leaderboard"]:
        schema = board["schema"]
        if not schema["labels"] or schema["default_order_by"] not in schema["labels"]:
            yield f"leaderboard {board['id']}: default_order_by is not one of its labels"


def _phase_problems(folder: Path, about: dict[str, Any]) -> Iterator[str]:
    phases = about["challenge_phases"]
    for kind in ("challenge_phases", "dataset_splits"):
        if len({item["codename"] for item in about[kind]}) < len(about[kind]):
            yield f"{kind}: got a codename twice, expected each once"
        if missing := [key for item in about[kind] for key in ("id", "name", "codename") if not item.get(key)]:
            yield f"{kind}: missing {', '.join(missing)}"
    for phase in phases:
        name = f"phase {phase['codename']!r:.40}"
        if not _exists(folder, phase["description"], ".html"):
            yield f"{name}: description: no .html file {phase['description']!r:.80}"
        if not _exists(folder, phase["test_annotation_file"], ".json"):
            yield f"{name}: test_annotation_file: no .json file {phase['test_annotation_file']!r:.80}"
        if phase["start_date"] > phase["end_date"]:
            yield f"{name}: start_date after end_date"
        if phase.get("is_restricted_to_select_one_submission") and phase.get("is_submission_public"):
            yield f"{name}: is_restricted_to_select_one_submission and is_submission_public exclude each other"


def _mapping_problems(about: dict[str, Any]) -> Iterator[str]:
    known = [{item["id"] for item in about[key]} for key in ("challenge_phases", "leaderboard", "dataset_splits")]
    seen = set()
    for mapping in about["challenge_phase_splits"]:
        if missing := [key for key in _SPLIT_KEYS if key not in mapping]:
            yield f"challenge_phase_splits: missing {', '.join(missing)}"
            continue
        triple = tuple(mapping[key] for key in _SPLIT_KEYS[:3])
        if triple in seen:
            yield f"challenge_phase_splits: got {triple} twice, expected each once"
        seen.add(triple)
        if any(one not in ids for one, ids in zip(triple, known, strict=True)):
            yield f"challenge_phase_splits: {triple} names a phase, leaderboard or split that is not there"
        if mapping["visibility"] not in (1, 2, 3):
            yield f"challenge_phase_splits: visibility {mapping['visibility']!r:.20}, expected 1, 2 or 3"
    if not seen:
        yield "challenge_phase_splits: got none, expected at least one"
