"""Ranks with honest ties: the rank range and the tie group of each system, by CIDEr, mean over seeds.

`scoring.ties` decides which systems differ, for all pairs at once:

* the rank range of a system goes from 1 + the number of significantly better ones to the number of all systems - the
  number of significantly worse ones;
* tie groups: going down the ranks, a system opens a new group when it is significantly worse than the first of the
  group above. "Not significantly different" is not transitive: the last of one group may tie with the first of the
  next, which their rank ranges show.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..scoring.ties import Comparison


@dataclass(frozen=True)
class Place:
    """Rank range and tie group of a system among those it was ranked with.

    Attributes:
        system: index of the system.
        group: number of its tie group, 1 for the best.
        best: highest rank that cannot be excluded.
        worst: lowest rank that cannot be excluded.
    """

    system: int
    group: int
    best: int
    worst: int

    @property
    def range(self) -> str:
        """The rank range in words: "3" or "3-5"."""
        return str(self.best) if self.best == self.worst else f"{self.best}-{self.worst}"


def rank(comparison: Comparison, systems: Sequence[int] | None = None) -> list[Place]:
    """Rank all systems or some of them, best first; the tests are those of the whole board either way."""
    chosen = range(len(comparison.systems)) if systems is None else systems
    ordered = sorted(chosen, key=lambda i: (-comparison.scores[i], comparison.systems[i].name))
    places: list[Place] = []
    leader, group = -1, 0
    for system in ordered:
        if leader < 0 or comparison.better(leader, system):
            leader, group = system, group + 1
        above = sum(comparison.better(other, system) for other in ordered)
        below = sum(comparison.better(system, other) for other in ordered)
        places.append(Place(system, group, 1 + above, len(ordered) - below))
    return places
