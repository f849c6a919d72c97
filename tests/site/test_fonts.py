"""The Chinese font of a site."""

from pathlib import Path

from benchmark.site.pages import FONT, Site, write_font


def test_every_chinese_character_of_pages_and_data_has_a_glyph(tmp_path: Path) -> None:
    """Boxes instead of characters for readers without a Chinese font, or a font of eight megabytes for all."""
    from fontTools.ttLib import TTFont

    (tmp_path / "index.html").write_text("<p>温和不刺激</p>", "utf-8")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/captions.js").write_text('show("护眼台灯，")', "utf-8")
    Site(tmp_path, "一个网站", "", []).finish()
    path = tmp_path / FONT
    with TTFont(path) as font:
        has = set(map(chr, font.getBestCmap()))
    assert has == set("温和不刺激护眼台灯，中")
    assert path.stat().st_size < 20_000
    first = path.read_bytes()
    assert write_font(tmp_path).read_bytes() == first
