"""Systems with known differences, made from the references of a split."""

from collections.abc import Sequence
from random import Random

from benchmark.dataset.store import Split
from benchmark.scoring.evaluation import System, evaluate
from reports.experiments import TableRow
from reports.tables.measured import Measured


def spoilt(split: Split, share: float, seed: int) -> list[str]:
    """The references, of which about `share` are replaced by one wrong caption."""
    random = Random(seed)
    return ["错错错错" if random.random() < share else caption for caption in split.captions]


def measured(row: TableRow | str, split: Split, captions: Sequence[list[str]]) -> Measured:
    """A row with the given captions, a list for each seed."""
    row = row if isinstance(row, TableRow) else TableRow(row, row, "context")
    return Measured(row, list(captions), System(row.id, [evaluate(split, c) for c in captions]))


def system(row: TableRow | str, split: Split, share: float, seeds: Sequence[int] = (1,)) -> Measured:
    """A row whose seeds are spoilt alike."""
    return measured(row, split, [spoilt(split, share, seed) for seed in seeds])
