"""What an import could not take over as it stands: every case on disk, counts and first examples in memory.

`import_report.jsonl`: one JSON object a line, `outcome` (what became of it), `reason`, then where and what, as far as
it applies: `split`, `image_id`, `box` (position in the released list), `got`, `count` (a line that stands for many).
"""

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from rich.markup import escape
from rich.table import Table

EXAMPLES = 3


class ImportReport:
    """Collects cases, and writes each to a file at once."""

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
            outcome: what became of it: "image dropped", "box dropped", "kept" and the like.
            reason: why, the same words for every such case.
            count: cases this line stands for.
            where: split, image_id, box, got; values of None are left out.
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

    def table(self) -> Table:
        """Outcomes, reasons, counts and the first examples."""
        table = Table("outcome", "reason", "count", "first examples", title="Not taken over as it stands")
        table.columns[2].justify = "right"
        for (outcome, reason), count in sorted(self.counts.items()):
            examples = escape("; ".join(filter(None, self._examples[outcome, reason])))
            table.add_row(outcome, reason, f"{count:,}", examples)
        return table


def _short(value: Any) -> Any:
    """Untrusted values, short, printable and writable as UTF-8."""
    if isinstance(value, int):
        return value
    text = value if isinstance(value, str) else repr(value)
    return "".join(c if c.isprintable() else "?" for c in text[:120].encode("utf-8", "replace").decode("utf-8"))
