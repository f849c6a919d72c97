"""Lists of texts: columns, rings, diagonals, banners and the other ways to arrange selling points.

A function for each draws the list between header and foot of a sheet, and tells where products stand. A run of
neighbours in the list gets captions; the rest are decoys.
"""

import math
from collections.abc import Callable

from .draws import between, peaked
from .sheets import Sheet, shaken


def _rooms(sheet: Sheet, n: int, low: float, mode: float, high: float) -> list[float]:
    """Rooms of the texts of one list, which are alike."""
    usual = peaked(sheet.random, low, mode, high)
    return [min(max(shaken(sheet, usual, 0.35), 2.0), 10.0) for _ in range(n)]


def _column(sheet: Sheet, side: str, slots: int, x: float, *, align: float, rooms: tuple[float, float, float]) -> None:
    height = sheet.height("list")
    pitch = min((sheet.bottom - sheet.top) / slots, 0.15)
    top = between(sheet.random, sheet.top, sheet.bottom - pitch * slots + 1e-9) + pitch / 2
    found = _rooms(sheet, slots, *rooms)
    boxes = [
        sheet.box(shaken(sheet, x, 0.012), top + pitch * i, room, height, align=align, widest=0.5)
        for i, room in enumerate(found)
    ]
    sheet.add_list(boxes, {1: 0.18, 2: 0.36, 3: 0.34, 4: 0.12})


def _column_left(sheet: Sheet) -> None:
    sheet.areas = ((0.48, sheet.top, 0.96, sheet.bottom),)
    _column(sheet, "left", 5, 0.06, align=0.0, rooms=(3.0, 5.2, 8.0))


def _column_right(sheet: Sheet) -> None:
    sheet.areas = ((0.04, sheet.top, 0.52, sheet.bottom),)
    _column(sheet, "right", 5, 0.94, align=1.0, rooms=(3.0, 5.2, 8.0))


def _two_columns(sheet: Sheet) -> None:
    sheet.areas = ((0.27, sheet.top, 0.73, sheet.bottom),)
    for x, align in ((0.05, 0.0), (0.95, 1.0)):
        _column(sheet, "", 4, x, align=align, rooms=(2.2, 3.4, 4.8))


def _column_between(sheet: Sheet) -> None:
    sheet.areas = ((0.03, sheet.top, 0.36, sheet.bottom), (0.64, sheet.top, 0.97, sheet.bottom))
    _column(sheet, "middle", 5, 0.5, align=0.5, rooms=(2.4, 3.6, 5.0))


def _ring(sheet: Sheet) -> None:
    middle = (sheet.top + sheet.bottom) / 2
    sheet.areas = ((0.24, sheet.top + 0.02, 0.76, sheet.bottom - 0.02),)
    height, radius = sheet.height("list"), between(sheet.random, 0.24, 0.3)
    rooms = _rooms(sheet, 6, 2.0, 2.9, 4.2)
    boxes = []
    for i, room in enumerate(rooms):  # from the bottom left over the top to the bottom right
        angle = math.radians((-38, 0, 38)[i % 3] if i < 3 else (38, 0, -38)[i % 3])
        x = 0.5 + (-0.33 if i < 3 else 0.33) * (0.9 + 0.1 * math.cos(angle))
        boxes.append(sheet.box(shaken(sheet, x, 0.012), middle - radius * math.sin(angle) * 1.25, room, height))
    sheet.add_list(boxes, {2: 0.4, 3: 0.38, 4: 0.22})


def _diagonal(sheet: Sheet, *, down: bool) -> None:
    height, slots = sheet.height("list"), 4
    step = (sheet.bottom - sheet.top) / slots
    rooms = _rooms(sheet, slots, 3.0, 4.6, 6.2)
    boxes = []
    for i, room in enumerate(rooms):
        x = 0.06 + 0.13 * i if down else 0.45 - 0.13 * i
        boxes.append(
            sheet.box(shaken(sheet, x, 0.012), sheet.top + step * (i + 0.5), room, height, align=0.0, widest=0.48)
        )
    sheet.areas = ((0.55, sheet.top, 0.96, 0.62),) if down else ((0.55, 0.42, 0.96, sheet.bottom),)
    sheet.add_list(boxes, {1: 0.1, 2: 0.35, 3: 0.37, 4: 0.18})


def _banners(sheet: Sheet, *, above: bool) -> None:
    height, slots = sheet.height("list") * 1.05, 4
    pitch = min(0.105, height * 1.45)
    first = sheet.top + pitch / 2 if above else sheet.bottom - pitch * (slots - 0.5)
    rooms = _rooms(sheet, slots, 5.0, 7.0, 9.5)
    centre = between(sheet.random, 0.46, 0.54)
    boxes = [sheet.box(shaken(sheet, centre, 0.02), first + pitch * i, room, height) for i, room in enumerate(rooms)]
    edge = first + pitch * (slots - 0.5) if above else first - pitch / 2
    sheet.areas = ((0.2, edge, 0.8, sheet.bottom),) if above else ((0.2, sheet.top, 0.8, edge),)
    sheet.add_list(boxes, {1: 0.2, 2: 0.45, 3: 0.35})


def _row(sheet: Sheet) -> None:
    height, slots = sheet.height("list"), 4
    y = sheet.bottom - between(sheet.random, 0.06, 0.12)
    rooms = _rooms(sheet, slots, 2.0, 2.4, 3.2)
    boxes = [
        sheet.box(shaken(sheet, 0.155 + 0.23 * i, 0.01), shaken(sheet, y, 0.006), room, height, widest=0.21)
        for i, room in enumerate(rooms)
    ]
    sheet.areas = ((0.15, sheet.top, 0.85, y - 0.06),)
    sheet.add_list(boxes, {2: 0.35, 3: 0.4, 4: 0.25})


def _couplets(sheet: Sheet) -> None:
    thickness = between(sheet.random, 0.075, 0.09) * min(sheet.size) / sheet.size[0]
    boxes = []
    for x, room in zip((0.14, 0.86), _rooms(sheet, 2, 3.0, 4.5, 6.5), strict=True):
        length = min(room * thickness * sheet.size[0] / sheet.size[1], sheet.bottom - sheet.top)
        top = sheet.top + (sheet.bottom - sheet.top - length) * between(sheet.random, 0.2, 0.6)
        left = shaken(sheet, x, 0.02) - thickness / 2
        boxes.append((round(left, 4), round(top, 4), round(left + thickness, 4), round(top + length, 4)))
    sheet.areas = ((0.22, sheet.top, 0.78, sheet.bottom),)
    sheet.add_list(boxes, {1: 0.2, 2: 0.8})


def _under_each(sheet: Sheet) -> None:
    height = sheet.height("list")
    y = sheet.bottom - between(sheet.random, 0.05, 0.1)
    rooms = _rooms(sheet, 4, 2.4, 3.6, 4.8)
    boxes = [
        sheet.box(shaken(sheet, x, 0.012), y - 0.11 * line, rooms[2 * line + column], height, widest=0.42)
        for line in (1, 0)
        for column, x in enumerate((0.27, 0.73))
    ]
    area = (sheet.top, y - 0.17)
    sheet.areas = ((0.05, area[0], 0.48, area[1]), (0.52, area[0], 0.95, area[1]))
    sheet.add_list(boxes, {2: 0.45, 3: 0.3, 4: 0.25})


def _alone(sheet: Sheet) -> None:
    sheet.areas = ((0.15, sheet.top, 0.85, sheet.bottom),)


#: Name of a list -> its share, and what draws it.
LISTS: dict[str, tuple[float, Callable[[Sheet], None]]] = {
    "column left": (0.16, _column_left),
    "column right": (0.16, _column_right),
    "two columns": (0.10, _two_columns),
    "column between": (0.07, _column_between),
    "ring": (0.10, _ring),
    "diagonal down": (0.07, lambda sheet: _diagonal(sheet, down=True)),
    "diagonal up": (0.07, lambda sheet: _diagonal(sheet, down=False)),
    "banners above": (0.05, lambda sheet: _banners(sheet, above=True)),
    "banners below": (0.06, lambda sheet: _banners(sheet, above=False)),
    "row": (0.05, _row),
    "couplets": (0.04, _couplets),
    "under each": (0.04, _under_each),
    "alone": (0.03, _alone),
}
