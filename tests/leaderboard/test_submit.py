"""From prediction files to an entry: the words of the command line, and that nothing half-made is left."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pydantic")
pytest.importorskip("yaml")

from benchmark import submit
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.leaderboard import new_entry
from benchmark.leaderboard.check import Checker
from benchmark.leaderboard.entries import expected_files
from benchmark.leaderboard.interview import Interview
from benchmark.leaderboard.metadata import Metadata, read_metadata, template
from benchmark.predictions import write_predictions

METADATA = """\
name: Turned
authors: [A. Author]
contact: a@example.org
organisation: University of Example
license: Apache-2.0
date: 2027-01-31
uses_external_data: false
pretrained_from: []
trained_on_val_or_test: false
n_params: 0
hardware: none
seeds: [1, 2]
decoding: greedy
attempts: 1
open_weights: true
"""
NAME = "20270131_turned"


class Desk:
    """A folder with predictions of two seeds and metadata; `submit` runs the command on them."""

    def __init__(self, folder: Path, splits: dict[str, Split]) -> None:
        self.folder, self.splits = folder, splits
        self.submissions = folder / "submissions"
        self.metadata = folder / "metadata.yaml"
        self.metadata.write_text(METADATA)
        self.files = {split: [folder / f"{split}{seed}.jsonl" for seed in (1, 2)] for split in ("val", "test")}
        for split, paths in self.files.items():
            captions = splits[split].captions
            for turn, path in enumerate(paths, 1):  # captions of other boxes: some right, none leaked
                write_predictions(path, splits[split], captions[turn:] + captions[:turn])

    def submit(self, *, dry_run: bool = False) -> None:
        data = str(self.splits["test"].directory)
        test, val = self.files["test"], self.files["val"]
        submit.main(test, val, self.metadata, data=data, submissions=self.submissions, dry_run=dry_run)

    def problems(self) -> str:
        with pytest.raises(InputError) as refusal:
            self.submit()
        assert not self.left(), "something half-made was left"
        return "\n".join(refusal.value.problems)

    def left(self) -> list[str]:
        return sorted(p.name for p in self.submissions.iterdir()) if self.submissions.exists() else []


@pytest.fixture
def desk(tmp_path: Path, splits: dict[str, Split]) -> Desk:
    return Desk(tmp_path, splits)


def test_an_entry_is_complete_passes_and_is_never_overwritten(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Files that the checker then misses; a second run that replaces what was handed in."""
    desk.submit()
    shown = capsys.readouterr().out
    assert "±" in shown
    assert f"git switch -c submit/{NAME}" in shown
    entry = desk.submissions / NAME
    assert desk.left() == [NAME]
    assert sorted(str(p.relative_to(entry)) for p in entry.rglob("*") if p.is_file()) == sorted(expected_files([1, 2]))
    assert Checker(desk.splits).check(entry).failures == []
    before = {p: p.read_bytes() for p in entry.rglob("*") if p.is_file()}
    with pytest.raises(InputError, match="exists and is not overwritten"):
        desk.submit()
    assert desk.left() == [NAME]
    assert before == {p: p.read_bytes() for p in entry.rglob("*") if p.is_file()}


def test_dry_run_writes_nothing(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """A rehearsal that leaves a folder behind."""
    desk.submit(dry_run=True)
    assert "all checks passed" in capsys.readouterr().out
    assert not desk.submissions.exists()


def test_all_problems_of_all_files_at_once(desk: Desk) -> None:
    """One problem per try: metadata first, then val, then test."""
    desk.metadata.write_text(METADATA.replace("greedy", "").replace("attempts: 1", "attempts: 0"))
    desk.files["test"][1].write_text("{\n")
    desk.files["val"] = desk.files["val"][:1]
    problems = desk.problems()
    for part in (
        "metadata.yaml:13: decoding",
        "metadata.yaml:14: attempts",
        "1 prediction files for val",
        "test2.jsonl",
    ):
        assert part in problems


def test_one_file_for_two_seeds(desk: Desk) -> None:
    """A seed counted twice makes the deviation too small."""
    desk.files["test"][1] = desk.files["test"][0]
    assert "seeds 1 and 2 have 100.0% equal captions" in desk.problems()


def test_maintainers_fields_are_refused(desk: Desk) -> None:
    """A submitter who gives themselves the badge."""
    desk.metadata.write_text(METADATA + "checked: true\n")
    assert "maintainers set it" in desk.problems()


def test_an_error_while_writing_leaves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an entry after a full disk."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(new_entry, "write_predictions", full)
    with pytest.raises(OSError, match="No space"):
        desk.submit()
    assert desk.left() == []


def test_init_writes_a_template_once(tmp_path: Path) -> None:
    """A template that wipes out filled-in metadata."""
    submit.init(tmp_path / "metadata.yaml")
    (tmp_path / "metadata.yaml").write_text("mine")
    with pytest.raises(InputError, match="not overwritten"):
        submit.init(tmp_path / "metadata.yaml")
    assert (tmp_path / "metadata.yaml").read_text() == "mine"


ANSWERS = {
    "name": ["", "x" * 61, "Turned"],
    "authors": ["", "A. Author", "李华", ""],
    "contact": ["nobody", "a@example.org"],
    "organisation": ["University of Example"],
    "paper_url": [""],
    "code_url": ["javascript:alert(1)", "https://example.org/code"],
    "code_commit": ["", "HEAD", "0123abc"],
    "training_command": ["python train.py: 'x' # y"],
    "license": ["MIT"],
    "date": ["soon", "2027-01-31"],
    "uses_external_data": ["maybe", "no"],
    "pretrained_from": [""],
    "trained_on_val_or_test": ["n"],
    "prompt": [""],
    "n_params": ["-1", "many", "", "71000000"],
    "hardware": ["yes"],
    "gpu_hours": ["inf", "12.5"],
    "seeds": ["1", "1", "", "1", "2", ""],
    "decoding": ["12"],
    "attempts": ["0", "1"],
    "open_weights": ["true"],
}


class Answers:
    """Somebody at the keyboard, who goes when they have nothing to say any more."""

    def __init__(self, answers: dict[str, list[str]]) -> None:
        self._answers = {name: list(lines) for name, lines in answers.items()}
        self.refused = 0

    def ask(self, prompt: str) -> str:
        lines = self._answers.get(prompt.partition(":")[0].partition("[")[0], [])
        if not lines:
            raise EOFError
        return lines.pop(0)

    def show(self, line: str) -> None:
        self.refused += "not accepted: " in line

    def left(self) -> list[str]:
        return [name for name, lines in self._answers.items() if lines]


def test_questions_and_answers_make_metadata(tmp_path: Path) -> None:
    """Answers that are taken and then refused, turned into something else, or dropped in silence."""
    desk = Answers(ANSWERS)
    interview = Interview(desk.ask, desk.show)
    interview.run()
    assert desk.left() == []
    assert desk.refused == 15
    path = tmp_path / "metadata.yaml"
    path.write_text(template(interview.answers))
    metadata = read_metadata(path)
    assert (metadata.authors, metadata.seeds, metadata.gpu_hours) == (["A. Author", "李华"], [1, 2], 12.5)
    assert (metadata.hardware, metadata.decoding) == ("yes", "12")  # text that YAML takes for something else
    assert metadata.training_command == "python train.py: 'x' # y"
    assert metadata.paper_url is None


def test_external_data_is_asked_for_where_it_is_used() -> None:
    """Metadata that is refused at the end for a question that was never asked."""
    desk = Answers(ANSWERS | {"uses_external_data": ["yes"], "external_data": ["", "LAION-5B"], "code_url": [""]})
    interview = Interview(desk.ask, desk.show)
    interview.run()
    assert desk.left() == ["code_commit"]
    assert interview.answers["external_data"] == "LAION-5B"


def test_a_prompted_system_is_asked_for_what_only_it_has() -> None:
    """Metadata of a model behind a provider that is refused for its number of parameters, which nobody knows."""
    told = {"prompt": ["zh (0123)"], "provider": ["", "own server"], "unanswered_boxes": ["-1", "0"], "n_params": [""]}
    told |= {"tokens_per_image": [""], "cost_per_1000_images": ["1.5"]}
    desk = Answers(ANSWERS | told | {"uses_external_data": [], "external_data": ["whatever"]})
    interview = Interview(desk.ask, desk.show)
    interview.run()
    assert desk.left() == []
    metadata = Metadata(**interview.answers)
    assert (metadata.provider, metadata.unanswered_boxes, metadata.n_params) == ("own server", 0, None)


def test_init_interactive_keeps_what_was_answered_when_interrupted(tmp_path: Path) -> None:
    """Twenty answers lost to a slip of the finger; half a file; a list of the fields that hangs at the end of input."""
    command = [sys.executable, "-m", "caponimage.submit", "init", "--interactive", "metadata.yaml"]
    said = "Turned\nA. Author\n\nnobody\n"
    done = subprocess.run(command, cwd=tmp_path, input=said, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")
    assert "not accepted: expected an e-mail address" in done.stdout
    text = (tmp_path / "metadata.yaml").read_text()
    assert '\nname: "Turned"\n' in text
    assert '\nauthors: ["A. Author"]\n' in text
    assert "\ncontact:\n" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metadata.yaml"]


def test_half_a_list_is_kept_when_interrupted() -> None:
    """Nineteen authors lost because the twentieth was never typed; numbers that come back as text."""
    for name, said, kept in (("authors", ["A. Author", "李华"], ["A. Author", "李华"]), ("seeds", ["3"], [3])):
        desk = Answers(ANSWERS | {name: said})
        interview = Interview(desk.ask, desk.show)
        with pytest.raises(EOFError):
            interview.run()
        assert interview.answers[name] == kept
    assert "decoding" not in interview.answers
