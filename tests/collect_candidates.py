"""Hand-made candidates and records for the tests of the rules."""

from pathlib import Path

from benchmark.dataset.collect.records import Candidate, Line, Listing, Reading, Record

SIDE = 1000


def candidate(text: str = "温和不刺激", line: int = 0, height: float = 100, **changes: object) -> Candidate:
    """A candidate that every preset keeps, but for what is changed."""
    values = {"line": line, "text": text, "box": (0.0, 0.0, 500.0, float(height)), **changes}
    return Candidate(**values)  # type: ignore[arg-type]


def record(
    *captions: Candidate, image_id: str = "a", title: str = "", attributes: str = "", **changes: object
) -> Record:
    """A record of a square picture; each candidate has its line, whose text is that of the candidate."""
    read = {c.line: c for c in captions}
    ordered = [read.get(i, candidate("")) for i in range(max(read, default=-1) + 1)]
    lines = tuple(Line(c.text, c.score, ((0.0, 0.0),) * 4) for c in ordered)
    reading = {"sha256": "", "width": SIDE, "height": SIDE, "lines": lines, **changes}
    product = Listing(image_id, Path("a.png"), title, attributes)
    return Record(product, Reading(**reading), captions)  # type: ignore[arg-type]


def texts(kept: Record | None) -> list[str]:
    """The captions of a record; none if it was dropped."""
    return [c.text for c in kept.captions] if kept else []
