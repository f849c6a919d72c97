"""The copy check: directions, brevity penalty, verbatim share."""

import pytest

from benchmark.metrics.copying import copy_check


def test_both_directions_by_hand() -> None:
    """Info as hypothesis divides by the info's length, the caption as hypothesis by the caption's, unpunished."""
    check = copy_check(["温和好"], ["温和不刺激"], ["温和 好", "别的"])
    assert check.info_to_caption[0] == pytest.approx(2 / 5)
    assert check.caption_to_info[0] == pytest.approx(2 / 3)
    assert check.verbatim_in_train == 1.0


def test_no_train_split_is_not_zero() -> None:
    """Unknown must not read as "nothing copied"."""
    assert copy_check(["温和"], ["温和"]).verbatim_in_train is None
