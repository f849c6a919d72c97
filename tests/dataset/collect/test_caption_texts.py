"""The form of texts: normalised once and for all, and what they give away of people."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.dataset.collect.normalise import (
    compatible,
    contact_details,
    normalise,
    product_info,
)
from benchmark.dataset.collect.records import Listing
from benchmark.dataset.collect.rules import DECORATION, RELEASED_PUNCTUATION
from benchmark.invisible import visible


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        ("温和，不刺激！", "温和不刺激"),
        ("【温和】 不\u3000刺激。", "温和不刺激"),
        ("－ 温 和 －", "温和"),
        ("温\u200b和™", "温和"),
        ("ＡＢ①", "AB1"),
        ("￥９９", "99"),
        ("防滑、耐磨", "防滑、耐磨"),
        ("温和>", "温和>"),
        ("…“温和”…", "温和"),
        ("", ""),
    ],
)
def test_normalise(read: str, expected: str) -> None:
    assert normalise(read) == expected


def test_the_released_scripts_delete_no_more() -> None:
    """The signs that the scripts keep, which then make a caption go, or stay in it."""
    assert normalise("温-和/不、刺>激", RELEASED_PUNCTUATION) == "温-和/不、刺>激"
    assert normalise("温 和!", "") == "温和!"


@given(st.text(max_size=30) | st.text(RELEASED_PUNCTUATION + DECORATION + "温A1\u0301\u200b\u3000¨Å ", max_size=12))
def test_normalising_twice_changes_nothing(text: str) -> None:
    """Two forms of one text, which no comparison would find equal."""
    once = normalise(text)
    assert normalise(once) == once == visible(once) == "".join(once.split())
    assert not set(once) & set(RELEASED_PUNCTUATION + DECORATION)
    assert compatible(compatible(text)) == compatible(text)


def test_product_info() -> None:
    """The texts of the shop as the released scripts prepare them."""
    product = Listing("a", Path("a"), "【新品】 温和 洗面奶100ml（男士）", "功效:控油；类型：A/清爽")
    assert product_info(product) == "温和洗面奶(男士) 功效控油;类型清爽"
    assert product_info(Listing("a", Path("a"))) == ""


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("电话 138 1234 5678", ["phone number"]),
        ("138-1234-5678", ["phone number"]),
        ("编号1138123456789", []),
        ("+86 138 1234 5678", ["phone number"]),
        ("电话:86-13812345678", ["phone number"]),
        ("12812345678", []),
        ("加微信：abc", ["WeChat"]),
        ("ＱＱ群 12345", ["QQ"]),
        ("HTTP://a.cn 微信", ["WeChat", "web address"]),
        ("www.a.cn", ["web address"]),
        ("温和不刺激", []),
        ("1" * 100_000, []),
    ],
)
def test_contact_details(text: str, kinds: list[str]) -> None:
    assert contact_details(text) == kinds
