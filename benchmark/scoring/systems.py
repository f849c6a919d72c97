"""A system with its seeds, and whether two systems differ."""

from dataclasses import dataclass

from .evaluation import Evaluation
from .significance import Difference, paired_difference


@dataclass(frozen=True)
class System:
    """A named system and the evaluations of its seeds."""

    name: str
    seeds: list[Evaluation]


def compare(a: System, b: System) -> Difference:
    """The paired difference of two systems over all metrics of `Evaluation.names`."""
    ours, theirs = ([seed.image_statistics for seed in system.seeds] for system in (a, b))
    return paired_difference(ours, theirs, a.seeds[0].aggregate)
