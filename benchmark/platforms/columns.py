"""The columns of the score table on other platforms: those of our own board, the ranking one first.

All other scores stand in what a participant gets of each submission.
"""

import re
from typing import NamedTuple

from ..metrics import length_fit


class Column(NamedTuple):
    """One column.

    Attributes:
        name: of the score, as everywhere in this project.
        key: the name in a-z, 0-9 and _, for platforms.
        ascending: whether less is better.
    """

    name: str
    key: str
    ascending: bool


#: As `leaderboard.board.METRICS`, which a worker cannot load.
NAMES = ("CIDEr", "BLEU-1", "BLEU-4", "METEOR", "Div@1", "Div@2", "Exact", "Length error")

COLUMNS = tuple(Column(name, re.sub("[^a-z0-9]+", "_", name.lower()), name in length_fit.NAMES) for name in NAMES)
