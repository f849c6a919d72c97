"""Inputs of the figures: the splits of a data set, and captions from the stored runs of named systems.

Invariant: captions always belong to this data set; a run trained on other data is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from reference_model.config import override
from reference_model.registry import named
from reports.runs.stored import Run, check_data
from reports.tables.measured import Measurer

LABEL = "synthetic data"


class MissingInputError(InputError):
    """An input of one figure does not exist: a run, captions or a type model. Other figures may still be drawn."""


@dataclass(frozen=True)
class Material:
    """A data set and the folders of the runs trained on it.

    Attributes:
        splits: splits of the data set, by name.
        roots: run folders, or folders of `<variant>/<hash>/seed<k>`.
        split: name of the split whose predictions are drawn.
        profile: model sizes of the runs: paper, mini or smoke.
        changes: settings changed in all rows alike, such as "train.batch=8".
        types: type model (see `caption_types.load_type_model`); None for that of mini, for synthetic data only.
    """

    splits: dict[str, Split]
    roots: Sequence[Path]
    split: str = "test"
    profile: str = "mini"
    changes: tuple[str, ...] = ()
    types: str | None = None

    @property
    def evaluated(self) -> Split:
        """The split whose predictions are drawn.

        Raises:
            InputError: if the data set does not have it.
        """
        if self.split not in self.splits:
            raise InputError(f"--split: got {self.split!r}, expected one of {', '.join(self.splits)}")
        return self.splits[self.split]

    @property
    def with_references(self) -> dict[str, Split]:
        """The splits that have captions.

        Raises:
            MissingInputError: if the captions of every split are hidden.
        """
        if found := {name: split for name, split in self.splits.items() if split.has_references}:
            return found
        raise MissingInputError("it needs captions; this data set hides those of every split")

    @property
    def data_label(self) -> str:
        """Description of the data for the title of every picture."""
        first = next(iter(self.splits.values()))
        return f"{first.dataset}: {LABEL}" if first.synthetic else first.dataset

    @property
    def label(self) -> str:
        """Description of the data and the models for the title of every picture that shows predictions."""
        return self.data_label + ("" if self.profile == "paper" else f"; scaled-down models, profile {self.profile}")

    @cached_property
    def _runs(self) -> list[Run]:
        found: list[Path] = []
        for root in self.roots:
            inside = (
                [root]
                if (root / "config.json").is_file()
                else sorted(p.parent for p in root.glob("*/*/seed*/config.json"))
            )
            if not inside:
                raise MissingInputError(
                    f"no run in {root}: expected config.json there, or VARIANT/HASH/seedK/config.json below it"
                )
            found += inside
        return [run for run in map(Run, found) if run.complete]

    def captions(self, variant: str) -> list[str]:
        """Captions of the evaluated split, from a variant's run with the lowest seed.

        Rows of tables may be a variant with some settings changed; of several configurations that of the variant itself
        is taken.

        Raises:
            MissingInputError: if the variant has no complete run.
            InputError: if its runs have several configurations, none of them its own, or were trained on other data.
        """
        mine = [run for run in self._runs if _variant(run) == variant]
        own = override(named(variant, self.profile), list(self.changes)).hash
        mine = [run for run in mine if run.folder.parent.name == own] or mine
        if not mine:
            places = ", ".join(map(str, self.roots))
            raise MissingInputError(
                f"no complete run of {variant!r} in {places}; train it, or name its folder: --run DIR"
            )
        if len({run.folder.parent.resolve() for run in mine}) > 1:
            places = ", ".join(str(run.folder) for run in mine)
            raise InputError(f"runs of several configurations of {variant!r}: {places}; name one: --run DIR")
        run = min(mine, key=lambda run: int(run.content["seed"]))
        if "train" in self.splits:
            check_data(run, self.splits["train"])
        return run.captions(self.evaluated)

    @cached_property
    def measurer(self) -> Measurer:
        """Scorer of table rows from all seeds of these runs, found by the hashes of their configurations."""
        runs: dict[str, dict[str, Run]] = {}
        for run in self._runs:
            runs.setdefault(run.folder.parent.name, {}).setdefault(run.folder.name, run)
        by_hash = {key: [seeds[name] for name in sorted(seeds)] for key, seeds in runs.items()}
        return Measurer(self.splits, by_hash, self.profile, self.changes)


def _variant(run: Run) -> str:
    try:
        return str(run.content["config"]["name"])
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{run.folder / 'config.json'}: expected the configuration of a run, got something else"
        ) from None
