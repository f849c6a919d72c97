"""An entry that passes every check, made by `submit`, and what the checker says of it."""

from pathlib import Path

from benchmark import submit
from benchmark.dataset.store import Split
from benchmark.leaderboard.check import Checker
from benchmark.predictions import write_predictions

NAME = "20270131_turned"
METADATA = """\
{name: Turned, authors: [A. Author], contact: a@example.org, organisation: Example, license: MIT, date: 2027-01-31,
uses_external_data: false, pretrained_from: [], trained_on_val_or_test: false, n_params: 0, hardware: none,
seeds: [1], decoding: greedy, attempts: 1, open_weights: true}
"""


def made_entry(folder: Path, splits: dict[str, Split], *, name: str = "Turned", turn: int = 1) -> Path:
    """An entry in `folder/submissions` whose captions are the references of other boxes, `turn` boxes away."""
    metadata = folder / "metadata.yaml"
    metadata.write_text(METADATA.replace("Turned", name))
    files = {split: folder / f"{split}.jsonl" for split in ("val", "test")}
    for split, path in files.items():
        captions = splits[split].captions
        write_predictions(path, splits[split], captions[turn:] + captions[:turn])
    data = str(splits["test"].directory)
    submit.main([files["test"]], [files["val"]], metadata, data, folder / "submissions")
    return folder / "submissions" / f"20270131_{name.lower()}"


def failures(checker: Checker, entry: Path) -> dict[str, str]:
    """Problems by the name of the check."""
    found: dict[str, str] = {}
    for name, problem in checker.check(entry).failures:
        found[name] = found.get(name, "") + problem + "\n"
    return found
