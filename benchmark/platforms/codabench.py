"""The Codabench bundle: `competition.yaml` and the files it names, and a check that Codabench accepts them.

The rules are those of Codabench's unpacker (version 2) and compute worker: src/apps/competitions/unpackers/v2.py,
src/apps/leaderboards/models.py, compute_worker/compute_worker.py. Where its
documentation and its code differ, the code counts.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from ..dataset.store import Split
from ..errors import InputError
from ..metrics import BOARD
from .bundle import PACKAGES, write_program
from .public import write_public
from .references import write_references
from .texts import Challenge, logo, markdown, pages

COMMAND = "python3 /app/program/score.py /app/input /app/output"
RULES = ("Add", "Add_And_Delete", "Add_And_Delete_Multiple", "Force_Last", "Force_Latest_Multiple", "Force_Best")
MAX_KEY, MAX_TITLE = 36, 64
#: Codabench's default limit for scoring one submission, in seconds.
TIME_LIMIT = 600


def fill(
    folder: Path, splits: Mapping[str, Split], plan: Challenge, *, packages: str, image: str | None, pictures: bool
) -> None:
    """Lay out the bundle in a folder.

    Args:
        folder: existing folder to fill.
        splits: val and test, with references.
        plan: title, days and limits of the challenge.
        packages: source of the packages, see `bundle.write_program`.
        image: Docker image in which the program runs; default: the plain Python that fits the packages.
        pictures: whether participants get the pictures.

    Raises:
        InputError: if references, pictures or packages are missing.
    """
    import yaml  # type: ignore[import-untyped]

    (folder / "scoring_program").mkdir()
    own = {"metadata.yaml": f"command: {COMMAND}\n", "score.py": ""}
    python = write_program(folder / "scoring_program", own, packages)
    if image is None and python is None:
        raise InputError(f"no packages in the bundle: name an image that has {', '.join(PACKAGES)} with --image")
    for name, split in splits.items():
        (folder / f"reference_{name}").mkdir()
        write_references(split, folder / f"reference_{name}" / f"{name}.json")
    write_public(splits, folder / "public_data.zip", pictures=pictures)
    (folder / "pages").mkdir()
    for name, page in pages(plan).items():
        (folder / "pages" / f"{name}.md").write_text(markdown(page), encoding="utf-8", newline="\n")
    (folder / "logo.png").write_bytes(logo("PNG"))
    text = yaml.safe_dump(_competition(splits, plan, image or f"python:{python}-slim"), sort_keys=False)
    (folder / "competition.yaml").write_text(text, encoding="utf-8", newline="\n")


def _competition(splits: Mapping[str, Split], plan: Challenge, image: str) -> dict[str, Any]:
    # Phases cannot overlap: val ends a second before test starts.
    spans = {"val": (_at(plan.start), _at(plan.test_start, -1)), "test": (_at(plan.test_start), _at(plan.end))}
    per_day = {"val": (20, 1000), "test": (2, 20)}
    return {
        "version": 2,
        "title": plan.title,
        "description": "Short Chinese captions for given text boxes on product images",
        "image": "logo.png",
        "terms": "pages/terms.md",
        "docker_image": image,
        "registration_auto_approve": True,
        "enable_detailed_results": True,
        "show_detailed_results_in_submission_panel": True,
        "make_programs_available": True,
        "make_input_data_available": False,
        "pages": [
            {"title": name.capitalize(), "file": f"pages/{name}.md"}
            for name in ("overview", "evaluation", "submission")
        ],
        "tasks": [
            {
                "index": i,
                "name": name,
                "scoring_program": "scoring_program",
                "reference_data": f"reference_{name}",
            }
            for i, name in enumerate(splits)
        ],
        "phases": [
            {
                "index": i,
                "name": name,
                "start": spans[name][0],
                "end": spans[name][1],
                "tasks": [i],
                "max_submissions_per_day": per_day[name][0],
                "max_submissions": per_day[name][1],
                "execution_time_limit": plan.time_limit,
                "public_data": "public_data.zip",
            }
            for i, name in enumerate(splits)
        ],
        "leaderboards": [
            {
                "title": "Results",
                "key": "main",
                "submission_rule": "Force_Best",  # the default, Add, shows no score by itself
                "columns": [
                    {
                        "title": metric.name,
                        "key": metric.key,
                        "index": i,
                        "sorting": "asc" if metric.higher_is_better is False else "desc",
                        "precision": 2,
                    }
                    for i, metric in enumerate(BOARD)
                ],
            }
        ],
    }


def _at(day: date, seconds: int = 0) -> str:
    return f"{datetime.combine(day, time()) + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"


def check(folder: Path) -> list[str]:
    """List everything in an unpacked bundle that Codabench would refuse, or read otherwise than meant."""
    import yaml

    path = folder / "competition.yaml"
    if not path.is_file():
        return ["competition.yaml: missing at the root of the bundle"]
    try:
        about = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return [f"competition.yaml: not YAML ({str(error).splitlines()[0]:.100})"]
    if not isinstance(about, dict):
        return ["competition.yaml: got no mapping, expected keys such as title"]
    problems = [] if about.get("version") == 2 else [f"version: got {about.get('version')!r:.40}, expected 2"]
    try:
        problems += [*_top_problems(folder, about), *_task_problems(folder, about), *_phase_problems(folder, about)]
        problems += _board_problems(about)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        problems.append(f"competition.yaml: {type(error).__name__}: {error!s:.100}")
    return problems


def _exists(folder: Path, name: Any, *, filled: bool = False) -> bool:
    path = folder / str(name)
    inside = path.resolve().is_relative_to(folder.resolve())
    return isinstance(name, str) and inside and path.exists() and (not filled or path.stat().st_size > 0)


def _top_problems(folder: Path, about: dict[str, Any]) -> Iterator[str]:
    for key in ("title", "image", "terms", "pages", "tasks", "phases", "leaderboards"):
        if not about.get(key):
            yield f"{key}: missing"
    if not about.get("docker_image"):
        yield "docker_image: missing; the default image has Python 3.7, too old for the program"
    if not _exists(folder, about.get("image")):
        yield f"image: no file {about.get('image')!r:.80}"
    for key, name in [("terms", about.get("terms")), *(("pages", page["file"]) for page in about.get("pages", []))]:
        if not _exists(folder, name, filled=True):
            yield f"{key}: no file {name!r:.80}, or an empty one"


def _task_problems(folder: Path, about: dict[str, Any]) -> Iterator[str]:
    tasks = about["tasks"]
    if len({task["index"] for task in tasks}) < len(tasks):
        yield "tasks: got an index twice, expected each once"
    for task in tasks:
        for key in ("scoring_program", "reference_data"):
            if not _exists(folder, task[key]):
                yield f"task {task['name']!r:.40}: no {key} {task[key]!r:.80}"
        program = folder / task["scoring_program"]
        if not any((program / name).is_file() for name in ("metadata.yaml", "metadata")):
            yield f"task {task['name']!r:.40}: the scoring program has no metadata.yaml with its command"


def _phase_problems(folder: Path, about: dict[str, Any]) -> Iterator[str]:
    indexes = {task["index"] for task in about["tasks"]}
    previous: datetime | None = None
    for phase in about["phases"]:
        name = f"phase {phase['name']!r:.40}"
        start = datetime.fromisoformat(str(phase["start"]))
        if previous is not None and start <= previous:
            yield f"{name}: starts before the phase before it ends"
        if phase is not about["phases"][-1] and "end" not in phase:
            yield f"{name}: has no end"
        previous = datetime.fromisoformat(str(phase["end"])) if "end" in phase else None
        if previous is not None and previous <= start:
            yield f"{name}: ends before it starts"
        if not phase["tasks"] or not indexes.issuperset(phase["tasks"]):
            yield f"{name}: tasks {phase['tasks']!r:.40}, expected some of {sorted(indexes)}"
        for key in ("public_data", "starting_kit"):
            if key in phase and not _exists(folder, phase[key]):
                yield f"{name}: no {key} {phase[key]!r:.80}"


def _board_problems(about: dict[str, Any]) -> Iterator[str]:
    board = about["leaderboards"][0]  # the others are not attached to any phase
    if len(board["title"]) > MAX_TITLE or len(board["key"]) > MAX_KEY:
        yield f"leaderboard: title of at most {MAX_TITLE} and key of at most {MAX_KEY} characters expected"
    if board.get("submission_rule", "Add") not in RULES:
        yield f"leaderboard: submission_rule {board['submission_rule']!r:.40}, expected one of {', '.join(RULES)}"
    columns = board["columns"]
    for key in ("index", "key"):
        if len({column[key] for column in columns}) < len(columns) or not columns:
            yield f"leaderboard: {key} of columns: expected at least one, each once"
    for column in columns:
        if max(len(column["title"]), len(column["key"])) > MAX_KEY or type(column["index"]) is not int:
            yield f"column {column['key']!r:.60}: expected title and key of at most {MAX_KEY} characters, integer index"
        if column.get("sorting", "desc") not in ("asc", "desc"):
            yield f"column {column['key']!r:.60}: got another sorting than asc or desc"
