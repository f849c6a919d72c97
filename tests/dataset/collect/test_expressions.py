"""The lexicon of discounts: what it finds on real posters, and what becomes of a file that users have edited."""

import json
import os
import time
from pathlib import Path

import pytest

from benchmark.dataset.collect.expressions import DISCOUNTS, MAX_TEXT, Expressions, read_expressions
from benchmark.errors import InputError

PICTURES = os.environ.get("CAPONIMAGE_SAMPLE_PICTURES", "")


def lexicon(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "mine.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "全场８折起",
        "满 199 减 20",
        "￥59",
        "59元",
        "领券立减",
        "包邮",
        "买一送一",
        "双11预售",
        "送家纺配套壕礼",
        "第2件半价",
        "618",
    ],
)
def test_discounts_are_found(text: str) -> None:
    assert read_expressions().find(text)


@pytest.mark.parametrize(
    "text",
    [
        "可折叠",
        "三折伞",
        "满满胶原",
        "送女友礼物",
        "送长辈有面子",
        "圆满",
        "终身保修",
        "送货包安装",
        "6180毫安",
        "",
        "元气满满",
    ],
)
def test_descriptions_are_not(text: str) -> None:
    """Words that share a character with those of discounts."""
    assert read_expressions().find(text) is None


@pytest.mark.skipif(not PICTURES, reason="CAPONIMAGE_SAMPLE_PICTURES names no folder of sample pictures: NOT TESTED")
def test_lines_of_real_posters() -> None:
    """27 of 36 lines on discounts were found on 37 pictures, and no line of copy; the samples hold 31 such lines."""
    rows = [json.loads(line) for line in (Path(PICTURES) / "posters" / "texts.jsonl").read_text("utf-8").splitlines()]
    lines = [(line["kind"], line["text"]) for row in rows for line in row["lines"]]
    discounts = [text for kind, text in lines if kind == "discount_or_service"]
    missed = [text for text in discounts if not read_expressions().find(text)]
    assert len(discounts) == 31
    assert len(missed) <= 31 * 9 / 36, missed
    assert [text for kind, text in lines if kind == "copy" and read_expressions().find(text)] == []


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    """Comments, blanks, a byte order mark and Windows' line ends are no expressions."""
    mine = read_expressions(lexicon(tmp_path, "\ufeff# mine\r\n\r\n打折  # often\r\n打折\r\nsale\r\n"))
    assert mine == Expressions(("打折", "sale"))
    assert mine.find("Big SALE") == "sale"
    assert mine.sha256 == read_expressions(lexicon(tmp_path, "打折\nsale")).sha256
    assert mine.sha256 != read_expressions().sha256


def test_bad_expressions_are_told_with_their_lines(tmp_path: Path) -> None:
    """All of them at once, and none that could run for hours."""
    bad = ["打折", "(", "(a+)+b", "(?:a|b){2,}", ".*.*.*.*", "x?", "a" * 201, "[", r"\d{99999999999}"]
    path = lexicon(tmp_path, "\n".join(bad))
    with pytest.raises(InputError) as caught:
        read_expressions(path)
    assert [problem.removeprefix(f"{path}:").split(":")[0] for problem in caught.value.problems] == list("23456789")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a" * 1_000_001, "\n".join(f"x{i}y" for i in range(1001))])
def test_files_that_are_none(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(InputError):
        read_expressions(lexicon(tmp_path, content))


def test_file_that_is_missing(tmp_path: Path) -> None:
    for path in (tmp_path / "no.txt", tmp_path):
        with pytest.raises(InputError, match="expected a file of expressions"):
            read_expressions(path)


def test_the_slowest_expression_is_bounded(tmp_path: Path) -> None:
    """An expression with as many repeats as are allowed, on a text that is as bad for it as can be."""
    slow = read_expressions(lexicon(tmp_path, ".*.*.*折"))
    start = time.process_time()
    assert slow.find("一" * 100_000) is None
    assert slow.find("一" * (MAX_TEXT - 1) + "折") == ".*.*.*折"
    assert time.process_time() - start < 2


def test_the_lexicon_has_no_needless_expression() -> None:
    """An expression that occurs twice in the file."""
    lines = [line.split("  #")[0].strip() for line in DISCOUNTS.read_text(encoding="utf-8").splitlines()]
    expressions = [line for line in lines if line and not line.startswith("#")]
    assert sorted(set(expressions)) == sorted(expressions)
    assert read_expressions().expressions == tuple(expressions)
