"""Checks submitted entries: runs every check, lists every failure, and trusts nothing that an entry says.

Invariants:
* a check that fails, even by an unexpected error, does not stop the others, and counts as a failure;
* the scores that an entry claims are recomputed from its predictions and compared bit for bit;
* reading and work are bounded by the size of the data set, whatever the files hold; nothing of an entry is executed;
* an entry is compared with every other entry in its folder, on both splits, so a copy is always found.
"""

import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset.schema import EVALUATED_SPLITS
from ..dataset.store import Split
from ..errors import InputError
from ..metrics import cider
from ..predictions import read_predictions
from ..scoring import blind
from ..scoring.evaluation import MAX_MEAN_LENGTH, evaluate
from ..scoring.receipt import (
    first_difference,
    later_metrics,
    make_receipt,
    other_versions,
    read_receipt,
    version_problem,
)
from ..scoring.withheld import place_of, told
from .accepted import HashList, Status, status
from .copies import ENOUGH_SYSTEMS, NEAR_DUPLICATE, Closeness, Degree, Similarity, caption_hashes, kept_share
from .entries import (
    ENTRY_NAME,
    HASH_LIST,
    MAX_NAME,
    Entry,
    all_entries,
    entry_name,
    list_entry,
    neighbours,
    predictions_of,
    readme,
    receipt_of,
)
from .metadata import Metadata, read_metadata
from .names import folded, refused, remarks
from .review import below, jumps, sameness
from .statistics_cache import StatisticsCache

#: Systems without a model that an entry should beat.
_FLOOR = ("title copy", "most frequent caption")
#: Maximum number of other entries that are named as similar to one.
_MAX_SIMILAR = 5


@dataclass
class Report:
    """Result of checking an entry.

    Attributes:
        path: path of the entry.
        status: how its scores were obtained, see `accepted.Status`.
        failures: name of the check and message, for each failure.
        warnings: what a reviewer must look at before the entry is accepted; not failures.
        notes: further observations for a reviewer.
        captions: valid predictions, by (seed, split).
        hashes: `copies.caption_hashes` of these predictions, by (seed, split).
        receipts: receipts recomputed from these predictions, by (seed, split), as far as they are told.
        metadata: the metadata; None if it is not valid.
    """

    path: Path
    status: Status = "self-scored"
    failures: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    captions: dict[tuple[int, str], list[str]] = field(default_factory=dict)
    hashes: dict[tuple[int, str], np.ndarray] = field(default_factory=dict)
    receipts: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)
    metadata: Metadata | None = None


class Checker:
    """Checks entries against one data set; predictions of other entries are read once and kept."""

    def __init__(
        self,
        splits: dict[str, Split],
        hashes: HashList | None = None,
        *,
        maintainer: bool = False,
        merged: frozenset[str] = frozenset(),
    ) -> None:
        """Prepare checks against a data set.

        Args:
            splits: splits by name: val and test with references, and train, if available, to find copied captions.
            hashes: list of accepted entries; default: an empty list.
            maintainer: whether metadata may set `checked` and `reproduced` before an entry is accepted.
            merged: names of entries that are merged already; their names are taken, as are those of accepted ones.

        Raises:
            InputError: if val or test is missing or has hidden references.
        """
        lacking = [name for name in EVALUATED_SPLITS if name not in splits or not splits[name].has_references]
        if lacking:
            raise InputError(f"the data set has no {' and '.join(lacking)} split with references, needed for scoring")
        self._splits, self._maintainer = splits, maintainer
        self._accepted = hashes or HashList(Path(HASH_LIST))
        self._merged = merged | self._accepted.entries.keys()
        self._read: dict[Path, np.ndarray | None] = {}
        self._known_metadata: dict[Path, Metadata | None] = {}

    @cached_property
    def _train(self) -> np.ndarray | None:
        train = self._splits.get("train")
        return np.unique(caption_hashes(train.captions)) if train is not None and train.has_references else None

    @cached_property
    def _references(self) -> dict[str, np.ndarray]:
        return {name: caption_hashes(self._splits[name].captions) for name in EVALUATED_SPLITS}

    def _others(self, entry: Path, beside: Path, split: str) -> Iterator[tuple[str, np.ndarray]]:
        """Name of the entry and caption hashes of each valid file of a split of other entries; each is read once."""
        for name, theirs, path in neighbours(beside, entry):
            if theirs != split:
                continue
            if path not in self._read:
                try:
                    self._read[path] = StatisticsCache().hashes(path, self._splits[split])
                except InputError:
                    self._read[path] = None  # the check of that entry reports it
            if (hashes := self._read[path]) is not None:
                yield name, hashes

    #: Names of all checks, in the order in which they run; `receipts` takes the longest.
    CHECKS = ("name", "files", "sizes", "unchanged", "metadata", "label", "readme", "complete", "predictions",
              "receipts", "duplicates", "leak", "notes")  # fmt: skip
    #: Checks that an accepted entry need not pass again: their results follow from files that have not changed.
    DONE = ("label", "readme", "complete", "predictions", "receipts", "duplicates", "leak", "notes")

    def check(self, path: Path, *, beside: Path | None = None, without: Sequence[str] = ()) -> Report:
        """Run all checks on one entry.

        Args:
            path: path of the entry's folder.
            beside: folder with the other entries; default: the one that contains this entry.
            without: names of checks to leave out.

        Returns:
            All failures and notes; a check that raises an unexpected error is a failure.
        """
        path = path.absolute()
        report = Report(path)
        try:
            entry = list_entry(path)
        except InputError as error:
            report.failures += [("files", problem) for problem in error.problems]
            return report
        for name in self.CHECKS:
            if name in without:
                continue
            run: Callable[[Entry, Report, Path], list[str]] = getattr(self, f"_{name}")
            try:
                problems = list(run(entry, report, (beside or path.parent).absolute()))
            except InputError as error:
                problems = list(error.problems)
            except Exception as error:  # a bug in a check must not hide the failures that others find
                at = traceback.extract_tb(error.__traceback__)[-1]
                problems = [f"{path}: the check failed: {error!r:.200} ({Path(at.filename).name}:{at.lineno})"]
            report.failures += [(name, problem) for problem in problems]
        report.receipts = {
            (seed, split): receipt if self._splits[split].public else told(receipt)
            for (seed, split), receipt in report.receipts.items()
        }
        if report.metadata is not None:
            report.status = status(entry, self._accepted, report.metadata)
        return report

    def _name(self, entry: Entry, report: Report, beside: Path) -> list[str]:
        name = entry.path.name
        if not ENTRY_NAME.fullmatch(name) or len(name) > MAX_NAME:
            return [f"{entry.path.parent}/{name!a:.120}: expected <YYYYMMDD>_<system> in a-z, 0-9 and -"]
        try:
            datetime.strptime(name[:8], "%Y%m%d")
        except ValueError:
            return [f"{entry.path}: {name[:8]} is not a date, expected <YYYYMMDD>_<system>"]
        return []

    def _files(self, entry: Entry, report: Report, beside: Path) -> list[str]:
        return entry.foreign

    def _sizes(self, entry: Entry, report: Report, beside: Path) -> list[str]:
        return entry.oversized

    def _unchanged(self, entry: Entry, report: Report, beside: Path) -> list[str]:
        return self._accepted.changes(entry)

    def _metadata(self, entry: Entry, report: Report, beside: Path) -> list[str]:
        if "metadata.yaml" not in entry.files:
            return [f"{entry.path}/metadata.yaml: missing, or not a regular file of allowed size"]
        accepted = entry.path.name in self._accepted.entries and not self._accepted.changes(entry)
        report.metadata = read_metadata(entry.files["metadata.yaml"], maintainer=self._maintainer or accepted)
        day = f"{report.metadata.date:%Y%m%d}"
        if not entry.path.name.startswith(f"{day}_"):
            return [
                f"{entry.path}: metadata.yaml says date {report.metadata.date}, expected a folder {day}_...; "
                f"try {entry_name(report.metadata)}"
            ]
        return []

    def _label(self, entry: Entry, report: Report, beside: Path) -> list[str]:
        if report.metadata is None:
            return []  # another check reports it
        path, name = entry.path / "metadata.yaml", report.metadata.name
        problems = [f"{path}: name: got {name!r}, {reason}" for reason in refused(name)]
        report.warnings += remarks(name)
        versions = 1
        for other, theirs in self._others_metadata(entry.path, beside):
            if folded(name) != folded(theirs.name):
                continue
            if (name, report.metadata.contact) == (theirs.name, theirs.contact):
                versions += 1
                report.notes.append(f"{other} has the same name and contact: is this entry a new version of it?")
            elif entry.path.name not in self._merged and (other in self._merged or other < entry.path.name):
                problems.append(
                    f"{path}: name: got {name!r}, which looks like {theirs.name!r} of {other}; take another"
                )
        if report.metadata.attempts < versions:
            report.notes.append(
                f"attempts is {report.metadata.attempts}, but there are {versions} entries of this system"
            )
        return problems

    def _others_metadata(self, entry: Path, beside: Path) -> Iterator[tuple[str, Metadata]]:
        """Folder name and metadata of each other entry whose metadata is valid; each is read once."""
        for path in all_entries(beside) if beside.is_dir() else ():
            if path.name == entry.name or not ENTRY_NAME.fullmatch(path.name):
                continue
            if path not in self._known_metadata:
                try:
                    content = list_entry(path).files["metadata.yaml"]
                    self._known_metadata[path] = read_metadata(content, maintainer=True)
                except (InputError, KeyError):
                    self._known_metadata[path] = None  # the check of that entry reports it
            if (metadata := self._known_metadata[path]) is not None:
                yield path.name, metadata

    def _readme(self, entry: Entry, report: Report, beside: Path) -> list[str]:
        if report.metadata is None or "README.md" not in entry.files:
            return []  # another check reports it
        if entry.files["README.md"].read_bytes() != readme(report.metadata).encode():
            return [f"{entry.path}/README.md: differs from what metadata.yaml gives; make the entry again with submit"]
        return []

    def _complete(self, entry: Entry, report: Report, beside: Path) -> list[str]:
        problems: list[str] = []
        seeds = sorted(report.metadata.seeds) if report.metadata else entry.seeds
        if seeds != entry.seeds:
            problems.append(
                f"{entry.path}: metadata.yaml has seeds {seeds}, but there are folders of seeds {entry.seeds}"
            )
        if not entry.seeds:
            problems.append(f"{entry.path}: no folder seed<k>, expected one per seed")
        return problems + [one for one in entry.missing(entry.seeds) if "metadata.yaml" not in one]

    def _predictions(self, entry: Entry, report: Report, beside: Path) -> list[str]:
        problems: list[str] = []
        for seed, split in entry.seeds_and_splits:
            path = entry.files.get(predictions_of(seed, split))
            if path is None:
                continue
            try:
                captions = read_predictions(path, self._splits[split])
            except InputError as error:
                problems += error.problems
                continue
            if (mean := sum(map(len, captions)) / len(captions)) > MAX_MEAN_LENGTH:
                problems.append(
                    f"{path}: got {mean:.0f} characters per caption on average, expected at most {MAX_MEAN_LENGTH}; "
                    "not scored"
                )
            else:
                report.captions[seed, split] = captions
                report.hashes[seed, split] = caption_hashes(captions)
        said = report.metadata.unanswered_boxes if report.metadata else None
        empty = sum(not caption.strip() for captions in report.captions.values() for caption in captions)
        if said is not None and said != empty and not problems:
            problems.append(
                f"{entry.path / 'metadata.yaml'}: unanswered_boxes: got {said:,}, but {empty:,} captions are empty; "
                "a box without an answer has an empty caption, and no other box"
            )
        return problems

    def _receipts(self, entry: Entry, report: Report, beside: Path) -> list[str]:
        problems: list[str] = []
        older: dict[str, int] = {}
        for (seed, split), captions in report.captions.items():
            opened = self._splits[split]
            report.receipts[seed, split] = recomputed = make_receipt(opened, evaluate(opened, captions))
            path = entry.files.get(receipt_of(seed, split))
            if path is not None:
                try:
                    stored = read_receipt(path)
                except InputError as error:
                    problems += error.problems
                    continue
                problems += self._receipt_problems(path, stored, split, recomputed)
                for name in later_metrics(stored):
                    older[name] = older.get(name, 0) + 1
        report.notes += [f"{name} is not in {n} of its receipts, since it was added later" for name, n in older.items()]
        return problems

    def _receipt_problems(
        self, path: Path, stored: dict[str, Any], split: str, recomputed: dict[str, Any]
    ) -> list[str]:
        opened = self._splits[split]
        problems = []
        about = stored.get("data")
        fingerprint = about.get("fingerprint") if isinstance(about, dict) else None
        here = opened.fingerprint.hexdigest()
        if fingerprint != here:
            problems.append(
                f"{path}:{_line(path, 'data.fingerprint')}: data.fingerprint: got {fingerprint!r:.80}, expected "
                f"{here!r} ({opened.dataset}/{split}); was it scored on other data?"
            )
        if problem := version_problem(stored):
            problems.append(f"{path}:{_line(path, problem.partition(': ')[0])}: {problem}")
        for name, (then, now) in other_versions(stored).items():
            problems.append(
                f"{path}:{_line(path, f'metrics.{name}')}: version of {name}: got {then!r:.40}, expected {now!r}; "
                "score again"
            )
        difference = first_difference(stored, recomputed)
        if difference and difference != problem:
            line = _line(path, difference.partition(": ")[0])
            if not opened.public:  # the recomputed number would tell of the references
                difference = place_of(difference)
            problems.append(f"{path}:{line}: does not belong to its predictions: {difference}")
        return problems

    def _duplicates(self, entry: Entry, report: Report, beside: Path) -> list[str]:
        problems = []
        nearest: dict[str, tuple[Similarity, str]] = {}
        for (seed, split), mine in report.hashes.items():
            references = self._references[split]
            for other in (number for number, name in report.hashes if name == split and number < seed):
                similarity = Similarity.of(mine, report.hashes[other, split], references)
                if similarity.degree == "copy":
                    problems.append(
                        f"{entry.path}: seeds {other} and {seed} have {similarity.equal:.1%} equal captions on {split}"
                        "; a seed counted twice makes the deviation too small"
                    )
                elif similarity.degree == "look":
                    report.warnings.append(
                        f"seeds {other} and {seed} are very similar on {split}: {similarity}; were they trained apart?"
                    )
            for name, theirs in self._others(entry.path, beside, split):
                similarity = Similarity.of(mine, theirs, references)
                if similarity.degree == "copy":
                    path = entry.path / predictions_of(seed, split)
                    problems.append(
                        f"{path}: {similarity.equal:.1%} of the captions equal those of {name}, expected less than "
                        f"{NEAR_DUPLICATE:.0%}; is it the same system?"
                    )
                elif similarity.degree:
                    nearest[name] = max(nearest.get(name, (similarity, "")), (similarity, f"seed {seed}, {split}"))
        similar = sorted(nearest.items(), key=lambda item: item[1], reverse=True)
        for name, (similarity, where) in similar[:_MAX_SIMILAR]:
            if similarity.degree == "look":
                report.warnings.append(f"{where}: very similar to {name}: {similarity}; is it a copy?")
        if similar and similar[0][1][0].degree == "note":
            name, (similarity, where) = similar[0]
            report.notes.append(f"{where}: of all entries most similar to {name}: {similarity}")
        if len(similar) > 1:
            report.notes.append(f"entries that share half of the wrong captions or more: {len(similar)}")
        return problems

    def _leak(self, entry: Entry, report: Report, beside: Path) -> list[str]:
        problems = []
        strongest: dict[str, tuple[float, Degree, str]] = {}
        for (seed, split), mine in report.hashes.items():
            others = list(self._others(entry.path, beside, split))
            enough = len({name for name, _ in others}) >= ENOUGH_SYSTEMS
            kept = kept_share(report.captions[seed, split], self._splits[split].captions)
            known = [hashes for _, hashes in others] if enough else []
            closeness = Closeness.of(mine, kept, self._references[split], known)
            if leaked := closeness.leaked:
                path = entry.path / predictions_of(seed, split)
                problems.append(f"{path}: {leaked}; have references leaked into the predictions?")
                continue
            for sign in closeness.signs:
                found = sign.share, sign.degree, f"seed {seed}, {split}: {sign.share:.1%} {sign.words}"
                strongest[sign.words] = max(strongest.get(sign.words, found), found)
        report.warnings += [
            f"{words}; were references seen?" for _, degree, words in strongest.values() if degree == "look"
        ]
        report.notes += [words for _, degree, words in strongest.values() if degree == "note"]
        return problems

    def _notes(self, entry: Entry, report: Report, beside: Path) -> list[str]:
        for (seed, split), captions in report.hashes.items():
            if split == "test":
                if self._train is not None:
                    share = float(np.isin(captions, self._train).mean())
                    report.notes.append(f"seed {seed}: {share:.1%} of the test captions are verbatim training captions")
                report.notes += sameness(seed, captions)
        report.notes += jumps(report.receipts, self._best_other(entry, beside))
        report.notes += below(report.receipts, self._without_model)
        return []

    @cached_property
    def _without_model(self) -> dict[str, float]:
        """Test CIDEr of the quick systems without a model by name; empty without a train split."""
        train, test = self._splits.get("train"), self._splits["test"]
        if train is None or not train.has_references:
            return {}
        found = {}
        for name in _FLOOR:
            corpus = evaluate(test, blind.SYSTEMS[name](train, test)).corpus
            found[name] = 100 * float(cider.aggregate(cider.statistics(corpus).sum(axis=0))[0])
        return found

    def _best_other(self, entry: Entry, beside: Path) -> tuple[str, float] | None:
        """Name and test CIDEr (mean over seeds, from receipts) of the best other accepted entry, if any."""
        found = []
        for name in self._accepted.entries.keys() - {entry.path.name}:
            try:
                other = list_entry(beside / name)
                receipts = [read_receipt(other.files[receipt_of(seed, "test")]) for seed in other.seeds]
                found.append((float(np.mean([receipt["scores"]["CIDEr"] for receipt in receipts])), name))
            except (InputError, LookupError, TypeError):
                continue  # the check of that entry reports it
        return max(found)[::-1] if found else None


def _line(path: Path, place: str) -> int:
    """The line of a receipt with the value at a path such as scores.CIDEr, as far as it can be found."""
    text = path.read_text(encoding="utf-8")
    at = 0
    for key in re.split(r"\.|\[", place):
        at = max(at, text.find(f'"{key}":', at))
    return text.count("\n", 0, at) + 1
