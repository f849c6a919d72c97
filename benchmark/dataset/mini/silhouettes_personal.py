"""Drawings of personal products (clothes, care, ...), on a canvas of about 100 x 100.

Invariant: a product is between 0.72 and 1.4 times as wide as high, and a good part of its area is body, so that shape,
colour and pattern show whatever it is.
"""

from collections.abc import Mapping

from .vector import Drawing, arc, blob, box, line, mirrored, oval, poly, star, symmetric

PERSONAL: Mapping[str, Drawing] = {
    # Skin care
    "jar": Drawing(
        box("body", 6, 42, 94, 100, 18),
        symmetric("metal", "40,34 40,46"),
        box("light", 2, 8, 98, 38, 8),
        *(line("line", 1.2, f"{x},14 {x},32") for x in (16, 33, 50, 67, 84)),
    ),
    "dropper": Drawing(
        symmetric("body", "12,46 38,58 42,66 42,104 38,110"),
        symmetric("metal", "16,32 16,47"),
        blob("dark", "38,33 39,14 50,2 61,14 62,33 50,34"),
        box("light", 26, 72, 74, 94, 3),
        blob("leaf", "50,75 57,84 50,91 43,84"),
    ),
    "sheet_mask": Drawing(
        blob("body", "50,0 82,8 95,38 88,72 66,98 50,102 34,98 12,72 5,38 18,8"),
        *mirrored(blob("light", "18,42 29,35 41,42 29,47")),
        blob("light", "35,75 43,77 50,79 57,77 65,75 58,84 50,87 42,84"),
        line("line", 1.6, "45,62 50,65 55,62"),
        *mirrored(line("line", 1.6, "0,30 12,34")),
    ),
    "tube": Drawing(
        poly("body", "4,8 96,8 80,88 20,88"),
        box("metal", 2, 0, 98, 10, 2),
        box("dark", 22, 86, 78, 110, 6),
        *(line("line", 1.2, f"{x},91 {x},106") for x in (32, 44, 56, 68)),
    ),
    "bottle": Drawing(
        box("body", 12, 42, 88, 112, 16),
        box("metal", 38, 28, 62, 43),
        poly("dark", "4,16 30,8 64,8 64,20 32,20 14,22 14,30 4,30"),
        box("dark", 45, 18, 55, 30),
        line("line", 1.6, "24,58 24,96"),
    ),
    # Make-up
    "lipstick": Drawing(
        blob("body", "30,40 29,20 34,8 54,0 68,2 71,14 70,40 60,44 40,44"),
        poly("shade", "34,10 66,2 62,16 36,22"),
        box("metal", 20, 38, 80, 56, 2),
        box("body", 8, 54, 92, 106, 4),
        line("line", 1.6, "8,64 92,64"),
    ),
    "palette": Drawing(
        box("body", 2, 0, 98, 44, 8),
        box("metal", 20, 42, 80, 50),
        box("body", 0, 47, 100, 92, 8),
        *(oval(paint, x, 69, 9, 13) for x, paint in ((14, "rosy"), (38, "wood"), (62, "light"), (86, "dark"))),
        box("metal", 44, 88, 56, 95, 2),
    ),
    "foundation": Drawing(
        box("body", 8, 42, 92, 108, 12),
        box("metal", 36, 34, 64, 44),
        box("dark", 26, 0, 74, 36, 5),
        oval("light", 50, 75, 17),
        blob("rosy", "50,63 58,77 50,86 42,77"),
    ),
    "mascara": Drawing(
        box("metal", 16, 18, 34, 34),
        box("body", 2, 32, 48, 110, 9),
        box("body", 54, 0, 100, 60, 9),
        box("metal", 66, 58, 88, 66),
        box("line", 75, 66, 79, 76),
        *(line("dark", 3.5, f"68,{y + 3} 86,{y - 3}") for y in range(78, 108, 6)),
        box("dark", 73, 74, 81, 111, 4),
    ),
    "compact": Drawing(
        oval("body", 50, 42, 42),
        oval("light", 50, 42, 23),
        line("metal", 4, "40,50 54,32"),
        line("metal", 3, "49,54 60,40"),
        box("metal", 32, 78, 68, 86),
        box("body", 0, 80, 100, 106, 12),
        box("metal", 42, 89, 58, 96, 2),
    ),
    # Clothes
    "dress": Drawing(
        symmetric("body", "14,0 22,0 26,26 20,46 48,98 24,104 0,98"),
        symmetric("light", "13,0 8,13 0,16"),
        symmetric("dark", "20.5,42 22,50"),
        *mirrored(line("line", 1.6, "42,54 34,96")),
        poly("dark", "50,46 60,40 60,52 50,46 40,40 40,52"),
    ),
    "shirt": Drawing(
        symmetric("body", "16,2 36,12 52,40 38,49 31,38 31,98"),
        poly("light", "35,0 65,0 50,22"),
        *mirrored(poly("light", "33,2 37,-4 50,16 42,26")),
        line("line", 1.4, "50,20 50,98"),
        *(oval("light", 50, y, 2.6) for y in (36, 54, 72, 90)),
        box("shade", 56, 42, 74, 60, 2),
    ),
    "coat": Drawing(
        symmetric("body", "12,4 30,8 48,74 34,78 28,48 34,108"),
        *mirrored(poly("light", "38,0 30,30 50,50")),
        poly("shade", "38,2 62,2 50,48"),
        line("line", 1.4, "50,50 50,108"),
        *mirrored(*(oval("dark", 42, y, 2.8) for y in (58, 74)), line("line", 2.4, "22,78 34,82")),
        box("dark", 19, 62, 81, 67),
        box("metal", 44, 60, 56, 69, 2),
    ),
    "skirt": Drawing(
        symmetric("body", "26,8 50,84 38,92 25,86 13,94 0,88"),
        symmetric("dark", "25,0 27,13"),
        *mirrored(line("line", 1.6, "41,14 37,90"), line("line", 1.6, "31,14 13,90")),
        line("line", 1.6, "50,14 50,88"),
    ),
    "sweater": Drawing(
        symmetric("body", "14,2 34,10 54,76 38,82 31,46 31,94"),
        symmetric("dark", "15,-2 14,6 7,12 0,13"),
        symmetric("shade", "10,-1 8,4 0,6"),
        symmetric("dark", "31.5,88 30,100"),
        *mirrored(poly("dark", "-4.5,76 11.5,82 12,92 -3,86")),
    ),
    # Shoes and bags
    "sneaker": Drawing(
        blob("body", "5,70 4,38 2,12 12,6 28,10 42,6 47,22 62,38 88,50 100,66 98,76 50,78 8,78"),
        blob("light", "78,74 80,58 90,53 101,66 101,76"),
        box("light", 0, 72, 104, 88, 7),
        line("line", 1.6, "2,80 102,80"),
        *(line("light", 3.6, f"{40 + 8 * i},{23 + 9 * i} {54 + 8 * i},{16 + 9 * i}") for i in range(4)),
        poly("dark", "3,24 15,24 16,44 4,44"),
    ),
    "heel": Drawing(
        poly("dark", "6,36 26,40 20,86 10,86"),
        blob("dark", "6,14 18,12 34,24 52,40 68,46 78,48 70,60 40,56 10,30"),
        blob(
            "body",
            "4,16 10,14 30,38 52,56 68,56 78,50 92,60 103,77 98,86 74,86 52,82 34,64 22,52 6,48 1,32",
        ),
        *(poly("light", f"76,62 {76 + dx},55 {76 + dx},70") for dx in (-11, 11)),
        oval("rosy", 76, 62.5, 3.5),
    ),
    "backpack": Drawing(
        arc("dark", 6, 50, 12, 14, 13, 180, 360),
        *mirrored(box("dark", 4, 58, 20, 100, 7)),
        box("body", 12, 8, 88, 106, 28),
        box("body", 22, 58, 78, 98, 10),
        line("dark", 3, "24,70 76,70"),
        line("line", 2, "22,42 78,42"),
        box("light", 62, 40, 67, 52, 2),
        *mirrored(box("dark", 28, 24, 34, 36)),
    ),
    "handbag": Drawing(
        arc("dark", 7, 50, 42, 25, 40, 180, 360),
        poly("body", "10,36 90,36 100,104 0,104"),
        poly("shade", "10,36 90,36 92,48 50,64 8,48"),
        box("metal", 42, 54, 58, 72, 4),
        *mirrored(oval("metal", 25, 42, 4)),
    ),
    "boot": Drawing(
        blob("body", "14,6 40,4 64,6 62,34 64,54 84,64 100,78 99,94 56,96 14,95 15,50"),
        box("light", 9, 0, 69, 18, 7),
        *(line("light", 3.4, f"46,{y} 64,{y - 3}") for y in (32, 42, 52)),
        box("dark", 10, 92, 104, 103, 4),
        box("dark", 10, 96, 42, 109, 2),
    ),
    # Mother and child
    "baby_bottle": Drawing(
        blob("wood", "36,32 40,16 44,4 50,0 56,4 60,16 64,32"),
        *mirrored(arc("dark", 7, 18, 68, 19, 18, 90, 270)),
        box("body", 14, 42, 86, 112, 16),
        box("light", 18, 28, 82, 46, 6),
        *(line("line", 1.6, f"62,{y} 84,{y}") for y in (62, 74, 86, 98)),
    ),
    "blocks": Drawing(
        box("body", 26, 0, 74, 48, 5),
        *mirrored(box("body", 0, 46, 49, 94, 5)),
        star("light", 50, 25, 18),
        oval("light", 24.5, 70, 14),
        poly("light", "75.5,54 90,83 61,83"),
    ),
    "stroller": Drawing(
        line("dark", 6, "66,60 96,22 106,24"),
        line("dark", 5, "28,66 76,92"),
        line("dark", 5, "70,66 24,92"),
        blob("body", "0,50 2,30 12,12 30,2 50,0 64,6 56,28 52,50"),
        line("line", 1.4, "48,48 34,6"),
        line("line", 1.4, "46,48 10,22"),
        blob("body", "2,46 40,44 90,44 84,64 66,76 30,76 10,64"),
        line("light", 4, "3,48 89,48"),
        *(
            part
            for x in (22, 78)
            for part in (oval("dark", x, 94, 14), oval("light", x, 94, 8), oval("metal", x, 94, 3))
        ),
    ),
    "bear": Drawing(
        *mirrored(oval("body", 24, 12, 13), oval("light", 24, 12, 7), oval("body", 12, 64, 13, 18)),
        *mirrored(oval("body", 28, 98, 17, 15), oval("light", 27, 100, 9, 8)),
        oval("body", 50, 76, 31, 30),
        oval("body", 50, 32, 36, 31),
        oval("light", 50, 42, 15, 12),
        oval("dark", 50, 37, 5, 4),
        line("line", 1.6, "50,40 50,47"),
        *mirrored(oval("line", 36, 26, 4)),
        poly("dark", "50,64 62,58 62,71 50,65 38,71 38,58"),
    ),
    "hat": Drawing(
        blob("body", "0,74 20,62 50,58 80,62 100,74 84,86 50,90 16,86"),
        symmetric("body", "16,14 28,22 33,50 34,68 0,70", smooth=True),
        symmetric("dark", "34,54 36,70 20,75 0,76"),
        poly("rosy", "64,62 80,54 78,66 82,78"),
        oval("rosy", 66, 64, 5),
    ),
}
