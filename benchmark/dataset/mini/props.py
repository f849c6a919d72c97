"""Drawings of the objects that stand beside products, a tall one and a small one for each scene.

The canvas is about 100 x 100. Invariant: no object has a part that is painted as the product's body.
"""

from collections.abc import Mapping

from .vector import Drawing, arc, blob, box, line, mirrored, oval, poly, star, symmetric

#: Scene -> a tall object and a small one that tell of it.
PROPS: Mapping[str, tuple[Drawing, Drawing]] = {
    "kitchen": (
        Drawing(
            line("wood", 6, "36,60 24,14"),
            oval("wood", 22, 8, 10, 14),
            line("metal", 4, "52,60 53,26"),
            *(arc("metal", 2.6, 53, 12, rx, 17, 0, 360) for rx in (11, 5)),
            line("clay", 6, "66,60 78,24"),
            poly("clay", "70,0 92,6 86,30 70,26"),
            symmetric("sea", "29,48 27,94 22,102 0,103"),
            line("light", 5, "22,60 78,60"),
            line("light", 3, "22.5,86 77.5,86"),
        ),
        Drawing(
            oval("amber", 28, 66, 30, 27),
            blob("leaf", "30,40 42,24 62,22 52,38"),
            oval("light", 76, 72, 28, 27),
            oval("amber", 76, 72, 24, 23),
            *(
                line("light", 2.4, f"{76 - dx},{72 - dy} {76 + dx},{72 + dy}")
                for dx, dy in ((23, 0), (12, 19), (12, -19))
            ),
        ),
    ),
    "night": (
        Drawing(
            arc("dark", 4, 50, 10, 12, 14, 150, 390),
            symmetric("dark", "8,10 30,26 30,32 0,32"),
            box("amber", 26, 32, 74, 88, 3),
            oval("light", 50, 66, 11, 17),
            *mirrored(box("dark", 24, 30, 30, 90)),
            *mirrored(box("dark", 42, 30, 44.5, 90)),
            box("dark", 18, 86, 82, 98, 4),
        ),
        Drawing(
            star("light", 72, 26, 13),
            star("amber", 88, 56, 8),
            blob("amber", "46,0 22,18 14,48 26,78 56,90 84,80 60,74 42,56 38,30"),
            box("wood", 20, 86, 84, 98, 5),
        ),
    ),
    "bedroom": (
        Drawing(
            *mirrored(line("dark", 7, "28,84 18,100"), oval("amber", 24, 14, 17, 13)),
            line("dark", 5, "50,16 50,2"),
            oval("dark", 50, 3, 7, 5),
            oval("rosy", 50, 54, 42, 41),
            oval("light", 50, 54, 32, 31),
            *(oval("dark", 50 + dx, 54 + dy, 2.4) for dx, dy in ((25, 0), (-25, 0), (0, 24), (0, -24))),
            line("dark", 4.4, "50,54 50,34"),
            line("dark", 4.4, "50,54 64,62"),
            oval("scarlet", 50, 54, 4),
        ),
        Drawing(
            blob("plum", "2,16 26,20 50,15 74,20 98,16 94,34 97,52 94,70 98,88 74,84 50,89 26,84 2,88 6,70 3,52 6,34"),
            blob("rosy", "50,42 58,34 68,38 68,50 58,62 50,69 42,62 32,50 32,38 42,34"),
        ),
    ),
    "study": (
        Drawing(
            box("wood", 30, 68, 70, 75, 3),
            line("wood", 6, "50,58 50,70"),
            arc("metal", 4, 50, 30, 34, 34, 20, 215),
            oval("sea", 50, 30, 29),
            blob("leaf", "34,16 46,10 52,18 46,28 38,32 40,44 32,36 26,26"),
            blob("leaf", "58,26 70,22 74,34 66,46 60,38"),
            box("scarlet", 8, 74, 92, 86, 2),
            box("light", 84, 76, 93, 84),
            box("plum", 2, 86, 86, 100, 2),
            box("light", 0, 88, 10, 98),
        ),
        Drawing(
            *(
                part
                for paint, x, top in (("amber", 34, 4), ("scarlet", 50, -8), ("leaf", 64, 6))
                for part in (
                    line(paint, 11, f"{x},60 {x + (x - 50) / 3},{top + 14}"),
                    poly(
                        "sand",
                        f"{x - 5},{top + 15} {x + (x - 50) / 2.4},{top} {x + 6 + (x - 50) / 3},{top + 15}",
                    ),
                )
            ),
            symmetric("dark", "30,40 27,98 0,98"),
            line("amber", 6, "20,56 80,56"),
        ),
    ),
    "seaside": (
        Drawing(
            oval("sand", 50, 100, 40, 10),
            blob("wood", "46,28 56,28 58,60 66,98 46,98 50,62"),
            *(line("line", 1.6, f"{49 + y / 40},{y} {57 + y / 16},{y - 2}") for y in (46, 60, 74, 88)),
            *mirrored(
                blob("leaf", "50,28 34,6 8,2 -8,14 12,14 34,22"),
                blob("leaf", "50,28 26,20 2,30 -10,52 10,40 34,34"),
                blob("leaf", "50,28 34,36 22,52 20,70 34,52"),
            ),
            blob("leaf", "50,28 46,8 54,-10 66,-14 62,4 56,20"),
            *(oval("clay", x, y, 6) for x, y in ((46, 33), (57, 35))),
        ),
        Drawing(
            star("clay", 34, 44, 40, 5, 0.46),
            *(
                oval("sand", 34 + dx, 44 + dy, 2.6)
                for dx, dy in ((0, 0), (0, -18), (17, -5), (-17, -5), (10, 14), (-10, 14))
            ),
            blob("sand", "80,88 60,76 54,54 64,38 80,32 98,38 108,54 100,76"),
            *(line("line", 1.6, f"80,86 {x},{y}") for x, y in ((62, 50), (72, 40), (80, 38), (90, 40), (99, 50))),
        ),
    ),
    "forest": (
        Drawing(
            blob("light", "36,46 56,46 60,98 46,102 30,98"),
            blob("scarlet", "-4,50 2,20 24,0 46,-4 70,0 92,20 98,50 70,56 46,58 22,56"),
            *(
                oval("light", x, y, r, 0.8 * r)
                for x, y, r in ((24, 22, 8), (52, 12, 7), (72, 32, 9), (44, 38, 7), (12, 42, 5))
            ),
            blob("light", "84,76 94,76 97,100 90,103 80,100"),
            blob("clay", "64,80 70,64 89,56 108,64 114,80 89,84"),
            *(oval("light", x, y, 3.4) for x, y in ((80, 70), (98, 72))),
            *(poly("leaf", f"{x},104 {x + dx},80 {x + 7},104") for x, dx in ((14, -4), (20, 4), (68, 2), (106, 10))),
        ),
        Drawing(
            blob("leaf", "60,30 84,2 112,0 92,26 70,40"),
            *(
                part
                for x, y in ((26, 34), (74, 46))
                for part in (
                    line("wood", 6, f"{x},{y - 12} {x + 5},{y - 28}"),
                    blob(
                        "amber", f"{x - 22},{y + 2} {x + 22},{y + 2} {x + 19},{y + 34} {x},{y + 54} {x - 19},{y + 34}"
                    ),
                    blob(
                        "wood",
                        f"{x - 28},{y + 6} {x - 19},{y - 12} {x},{y - 18} {x + 19},{y - 12} {x + 28},{y + 6}",
                    ),
                    line("line", 1.4, f"{x - 22},{y - 2} {x},{y + 2} {x + 22},{y - 2}"),
                )
            ),
        ),
    ),
    "snow": (
        Drawing(
            *mirrored(line("wood", 4, "24,54 2,36"), line("wood", 3, "10,43 12,30")),
            oval("light", 50, 84, 34, 30),
            oval("light", 50, 52, 26, 24),
            oval("light", 50, 24, 19),
            box("dark", 30, 4, 70, 10, 3),
            box("dark", 36, -18, 64, 6, 3),
            box("scarlet", 36, -3, 64, 4),
            *mirrored(oval("line", 43, 20, 2.6)),
            poly("clay", "49,24 74,29 50,31"),
            poly("scarlet", "58,38 74,72 62,76 50,42"),
            blob("scarlet", "30,36 50,41 70,36 72,44 50,49 28,44"),
            *(oval("dark", 50, y, 2.6) for y in (58, 76, 90)),
        ),
        Drawing(
            box("wood", 44, 88, 56, 104),
            *(
                poly("fir", f"50,{y - 4} {50 + reach},{y + 50} {50 - reach},{y + 50}")
                for y, reach in ((44, 42), (22, 35), (0, 26))
            ),
            poly("light", "50,-6 67,32 58,27 50,36 42,27 33,33"),
            *mirrored(poly("light", "72,42 85,72 74,64 66,70 62,60"), poly("light", "78,66 92,94 80,86 70,92 66,84")),
        ),
    ),
    "garden": (
        Drawing(
            *(line("leaf", 4, f"50,70 {x},24") for x in (22, 50, 78)),
            *mirrored(blob("leaf", "48,66 22,62 8,44 30,50")),
            *(
                blob(
                    paint,
                    f"{x},{y + 26} {x - 14},{y + 16} {x - 13},{y - 4} {x - 6},{y + 5} {x},{y - 8} {x + 6},{y + 5} "
                    f"{x + 13},{y - 4} {x + 14},{y + 16}",
                )
                for paint, x, y in (("rosy", 20, 6), ("scarlet", 50, -6), ("amber", 80, 6))
            ),
            symmetric("clay", "26,72 20,104 0,105"),
            box("clay", 20, 62, 80, 75, 3),
        ),
        Drawing(
            arc("sea", 6, 74, 60, 26, 28, -100, 100),
            poly("sea", "36,72 4,28 12,24 40,52"),
            poly("metal", "-6,34 14,16 18,22 -2,40"),
            box("sea", 32, 34, 80, 96, 6),
            box("metal", 30, 30, 82, 38, 3),
            oval("light", 56, 66, 9),
            oval("amber", 56, 66, 4),
        ),
    ),
}
