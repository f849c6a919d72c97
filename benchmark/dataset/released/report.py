"""Report of an import: every record or value that could not be used unchanged, with counts and examples.

All cases are written to `import_report.jsonl`; only counts and the first examples are kept in memory. Each line is a
JSON object with `outcome`, `reason` and, as far as they apply, `split`, `image_id`, `box` (index in the released list),
`got`, and `count` (of a line that summarises several cases).
"""

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from ...grid import Grid, count

EXAMPLES = 3


class ImportReport:
    """Collection of the cases of one import; each is written to the file at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[tuple[str, str]] = Counter()  # (outcome, reason) -> cases
        self._examples: dict[tuple[str, str], list[str]] = {}

    def __enter__(self) -> Self:
        self._file = self.path.open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, outcome: str, reason: str, *, count: int = 1, **where: Any) -> None:
        """Record a case.

        Args:
            outcome: consequence of the problem, such as "image dropped", "box dropped" or "kept".
            reason: cause, in the same words for every such case.
            count: number of cases that this line summarises.
            where: place and value: split, image_id, box, got; values of None are left out.
        """
        where = {key: _short(value) for key, value in where.items() if value is not None}
        self.counts[outcome, reason] += count
        examples = self._examples.setdefault((outcome, reason), [])
        if len(examples) < EXAMPLES:
            example = str(where.get("image_id", ""))
            example += f" box {where['box']}" if "box" in where else ""
            example += f": {where['got']}" if "got" in where else ""
            examples.append(example)
        line = {"outcome": outcome, "reason": reason, **where} | ({"count": count} if count > 1 else {})
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def table(self) -> Grid:
        """Table of outcomes, reasons, counts and the first examples."""
        grid = Grid("Not imported unchanged", ["outcome", "reason", "count", "first examples"])
        for (outcome, reason), cases in sorted(self.counts.items()):
            grid.add(outcome, reason, count(cases), "; ".join(filter(None, self._examples[outcome, reason])))
        return grid


def _short(value: Any) -> Any:
    """Make an untrusted value short, printable and writable as UTF-8."""
    if isinstance(value, int):
        return value
    text = value if isinstance(value, str) else repr(value)
    return "".join(c if c.isprintable() else "?" for c in text[:120].encode("utf-8", "replace").decode("utf-8"))
