"""A first look at some pictures: why lines would go, what the whole would take, and a sheet with all lines framed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.filesize import decimal

from ... import cli
from ...files import replace_when_complete
from .account import reasons
from .explain import contact_sheet, drawing
from .opening import open_seen
from .pipeline import Collected
from .reading import Summary
from .reading_progress import duration
from .records import Listing, Reading

#: Bytes of a stored PNG whose short side is 256 pixels, measured on real posters.
_PNG_BYTES = 140_000


def show_first_look(
    found: Collected,
    products: Sequence[Listing],
    readings: Mapping[str, Reading],
    work: Path,
    *,
    total: int,
    summary: Summary,
    side: int,
    readers: int,
) -> None:
    """Show what a first look has found, and what the whole would take.

    Args:
        found: what the stages made of the pictures.
        products: the pictures that were looked at.
        readings: what was read on each.
        work: the working folder, which gets the sheet.
        total: number of pictures in all.
        summary: what reading took.
        side: length of the shorter side of stored pictures, in pixels.
        readers: number of engines that read each picture.
    """
    reasons(found.account.stages).show(cli.stdout)
    captions = {r.image_id: r.captions for records in found.splits.values() for r in records}
    drawn = (
        (p.image_id, drawing(open_seen(p.path), readings[p.image_id], captions.get(p.image_id, ())))
        for p in products
        if not readings[p.image_id].problem
    )
    sheet = work / "contact_sheet.png"
    with replace_when_complete(sheet) as partial:
        contact_sheet(drawn).save(partial, format="PNG")
    images = found.n_images / len(products) * total
    size = images * _PNG_BYTES * (side / 256) ** 2
    if summary.read:  # counted for each engine, as is the work that the whole would be
        time = (
            f"reading all {total:,} would take about {duration(summary.seconds / summary.read * readers * total)} here"
        )
    else:
        time = f"nothing was read anew, so the time for all {total:,} is not known"
    cli.say(
        f"looked at {len(products):,} pictures; {time}, and about {images:,.0f} images about {decimal(int(size))}; "
        f"look at {sheet}"
    )
