"""Receipts: complete, recomputable, and unforgiving."""

import json
from pathlib import Path

import pytest
from made_split import made_split

from benchmark.errors import InputError
from benchmark.scoring.evaluation import evaluate
from benchmark.scoring.receipt import first_difference, make_receipt, read_receipt, signature


def test_receipt_survives_json_bit_for_bit(tmp_path: Path) -> None:
    """A float printed with too few digits, an array or NaN that JSON cannot hold."""
    split, predictions = made_split(tmp_path)
    receipt = make_receipt(split, evaluate(split, predictions))
    stored = json.loads(json.dumps(receipt, allow_nan=False))
    assert first_difference(stored, receipt) is None


def test_every_tampered_number_is_named(tmp_path: Path) -> None:
    """A verifier that looks at the headline only."""
    split, predictions = made_split(tmp_path)
    receipt = make_receipt(split, evaluate(split, predictions))
    places = [
        ("scores", "CIDEr"), ("intervals", "BLEU-4", 0), ("slices", "category", "面霜", "METEOR"),
        ("sha256", "predictions"), ("data", "fingerprint"), ("signature",), ("length_fit", "predictions", 1),
    ]  # fmt: skip
    for place in places:
        forged = json.loads(json.dumps(receipt))
        target = forged
        for key in place[:-1]:
            target = target[key]
        value = target[place[-1]]
        target[place[-1]] = value + "0" if isinstance(value, str) else value * (1 + 1e-15) + 1e-300
        difference = first_difference(forged, receipt)
        assert difference is not None, place
        assert str(place[-1]) in difference


def test_versions_do_not_count(tmp_path: Path) -> None:
    """A receipt made with another Python must verify here."""
    split, predictions = made_split(tmp_path)
    receipt = make_receipt(split, evaluate(split, predictions))
    assert first_difference(receipt | {"versions": {"python": "9"}}, receipt) is None


def test_one_changed_caption_changes_the_receipt(tmp_path: Path) -> None:
    """Two predictions with equal scores must still have different receipts."""
    split, predictions = made_split(tmp_path)
    wrong = [*predictions[:-1], "囗囗"]
    again = [*predictions[:-1], "凵凵"]
    receipts = [make_receipt(split, evaluate(split, p)) for p in (wrong, again)]
    assert receipts[0]["scores"] == receipts[1]["scores"]
    assert "sha256.predictions" in str(first_difference(*receipts))


def test_signature_names_data_and_recipe(tmp_path: Path) -> None:
    """The line for papers, word for word."""
    split, _ = made_split(tmp_path)
    assert signature(split) == (
        f"caponimage|data:made/test@{split.fingerprint.hexdigest()[:8]}|tok:char|bleu:1-4|meteor:1.5-en-norm"
        "|cider-d:n4,s6|div:char-uni|boot:1000,seed12345|v0.1"
    )


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"format": "caponimage-receipt/1", "scores": {"a": 1, "a": 2}}',
        '{"format": "other/1"}',
        "[" * 100_000,
        "\x00",
    ],
)
def test_what_is_no_receipt_is_refused_in_words(tmp_path: Path, content: str) -> None:
    """A traceback for a file that somebody confused."""
    path = tmp_path / "scores.json"
    path.write_text(content)
    with pytest.raises(InputError, match="not a receipt"):
        read_receipt(path)
