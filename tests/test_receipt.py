"""Receipts: complete, recomputable, and unforgiving."""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from made_split import made_split
from metric_versions import set_versions

from benchmark import verify
from benchmark.errors import InputError
from benchmark.metrics import METRICS, cider
from benchmark.metrics.corpus import Corpus
from benchmark.predictions import write_predictions
from benchmark.scoring import receipt as receipt_module
from benchmark.scoring.evaluation import METRIC_VERSION, evaluate
from benchmark.scoring.receipt import first_difference, make_receipt, other_versions, read_receipt, signature


def test_receipt_survives_json_bit_for_bit(tmp_path: Path) -> None:
    """A float printed with too few digits, an array or NaN that JSON cannot hold."""
    split, predictions = made_split(tmp_path)
    receipt = make_receipt(split, evaluate(split, predictions))
    stored = json.loads(json.dumps(receipt, allow_nan=False))
    assert first_difference(stored, receipt) is None


def document_frequencies(references: list[str]) -> str:
    """The digest as it is defined: one line for each n-gram, in the order of the code points."""
    found: Counter[str] = Counter()
    for caption in references:
        found.update({caption[i : i + n] for n in range(1, 5) for i in range(len(caption) - n + 1)})
    lines = "".join(f"{gram} {boxes}\n" for gram, boxes in sorted(found.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()


@pytest.mark.parametrize("alphabet", ["好用的a😀\U00010400\ud800\0", "".join(map(chr, range(0x4E00, 0x4E00 + 60_000)))])
def test_document_frequencies_of_any_text(alphabet: str) -> None:
    """Another order of lines than by code points: UTF-16's for emoji, or that of a number which does not hold a row."""
    random = Random(1)
    references = ["", *("".join(random.choices(alphabet, k=random.randint(1, 6))) for _ in range(11)), *alphabet]
    corpus = Corpus.from_captions(predictions=references, references=references)
    expected = document_frequencies(list(corpus.references))
    assert receipt_module._document_frequencies_digest(corpus) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(receipt_module, "_LINES", 7)
        short = Corpus(references[:12], references[:12], corpus.offsets[:13])
        assert receipt_module._document_frequencies_digest(short) == document_frequencies(references[:12])


def test_document_frequencies_without_any_ngram() -> None:
    """A maximum of nothing."""
    corpus = Corpus.from_captions(predictions=["好"], references=[" "])
    assert receipt_module._document_frequencies_digest(corpus) == document_frequencies([""])


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


def test_versions_of_other_programs_do_not_count(tmp_path: Path) -> None:
    """A receipt made with another Python must verify here."""
    split, predictions = made_split(tmp_path)
    receipt = make_receipt(split, evaluate(split, predictions))
    other = receipt | {"versions": {"python": "9", "metrics": METRIC_VERSION}}
    assert first_difference(other, receipt) is None


@pytest.mark.parametrize("versions", [{"metrics": "99"}, {"metrics": 0.1}, {"metrics": ["0.1"]}, {}, None, "0.1"])
def test_the_common_version_is_verified(versions: Any, tmp_path: Path) -> None:
    """A receipt of version "99", "verified, every number recomputed"; or blamed on the predictions instead."""
    split, predictions = made_split(tmp_path / "data")
    write_predictions(tmp_path / "preds.jsonl", split, predictions)
    forged = make_receipt(split, evaluate(split, predictions)) | {"versions": versions, "signature": "anything"}
    assert str(first_difference(forged, forged)).startswith("versions.metrics: got ")
    (tmp_path / "scores.json").write_text(json.dumps(forged))
    with pytest.raises(InputError) as error:
        verify.main(tmp_path / "scores.json", tmp_path / "preds.jsonl", str(split.directory))
    [problem] = error.value.problems
    assert "json: versions.metrics: got " in problem
    assert "expected '0.1', the version of what all metrics share (tokens, data, bootstrap)" in problem
    assert "belong" not in problem


def test_an_earlier_common_version_excuses_scores_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Data, hashes or metrics of an old receipt that are anything, since its scores cannot be compared."""
    split, predictions = made_split(tmp_path)
    receipt = make_receipt(split, evaluate(split, predictions))
    old = json.loads(json.dumps(receipt)) | {"versions": {"metrics": "0.0"}, "signature": "caponimage|old"}
    old["scores"]["CIDEr"] += 1
    del old["slices"]
    assert "versions.metrics" in str(first_difference(old, receipt))
    monkeypatch.setattr(receipt_module, "EARLIER_METRIC_VERSIONS", ("0.0",))
    assert first_difference(old, receipt) is None
    assert first_difference(old_form(old), receipt) is None
    for key, value in (("data", {}), ("sha256", {}), ("format", "x"), ("metrics", {"CIDEr": "0"}), ("more", 1)):
        assert str(first_difference(old | {key: value}, receipt)).startswith(key)


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


def test_a_raised_version_shows_in_the_signature(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Scores of two versions of a metric under one signature."""
    split, _ = made_split(tmp_path)
    before = signature(split)
    for raised, was, now in (
        ({"CIDEr": "2"}, "cider-d:n4,s6|", "cider-d:n4,s6,v2|"),
        ({f"BLEU-{n}": "3" for n in (1, 2, 3, 4)}, "bleu:1-4|", "bleu:1-4,v3|"),
        ({"Div@2": "2"}, "div:char-uni|", "div:char-uni|div_2:v2|"),
        ({"Exact": "2", "Length error": "5"}, "div:char-uni|", "div:char-uni|exact:v2|length_error:v5|"),
    ):
        set_versions(monkeypatch, raised)
        assert signature(split) == before.replace(was, now)


def test_recipes_name_the_parameters_of_their_modules() -> None:
    """A signature that stays when a constant changes."""
    assert cider.RECIPE == "cider-d:n4,s6"


def old_form(receipt: dict[str, Any]) -> dict[str, Any]:
    """A receipt from before versions of metrics stood in receipts."""
    return {key: value for key, value in json.loads(json.dumps(receipt)).items() if key != "metrics"}


def test_receipts_without_versions_of_metrics_are_valid(tmp_path: Path) -> None:
    """Every receipt ever published, void since the form has a key more; and one that hides a bad score."""
    split, predictions = made_split(tmp_path)
    receipt = make_receipt(split, evaluate(split, predictions))
    assert receipt["metrics"] == {metric.name: "1" for metric in METRICS}
    assert first_difference(old_form(receipt), receipt) is None
    for stored in (receipt, old_form(receipt)):
        for metric in METRICS:
            short = json.loads(json.dumps(stored))
            for part in (short["scores"], short["intervals"], short.get("metrics", {})):
                part.pop(metric.name, None)
            assert "missing in the receipt" in str(first_difference(short, receipt))


def test_sections_go_with_the_metrics_that_they_are_made_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A raised version of BLEU after which receipts with a copy check, which is BLEU, are called forged."""
    split, predictions = made_split(tmp_path)
    receipt = make_receipt(split, evaluate(split, predictions), copying_from=split)
    other = old_form(receipt)
    other["copying"]["info_to_caption"][0] += 1
    assert "copying.info_to_caption" in str(first_difference(other, receipt))
    set_versions(monkeypatch, {"BLEU-1": "2"})
    assert first_difference(other, make_receipt(split, evaluate(split, predictions), copying_from=split)) is None


def _take(key: str, value: Any) -> Callable[[dict[str, Any]], object]:
    return lambda receipt: receipt.__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r["metrics"].update(Best="1"), "metrics that this version does not know: Best; update the package"),
        (lambda r: r["metrics"].update({"\x1b[1m": "1"}), r"does not know: \x1b[1m; update"),
        (lambda r: r["metrics"].update({f"M{n}": "1" for n in range(99)}), "M0, M1, M2, M3, M4, ...; update"),
        (lambda r: r["metrics"].update(CIDEr="0"), "metrics.CIDEr: the receipt says '0', recomputed '1'"),
        (lambda r: r["metrics"].update(CIDEr="-1"), "metrics.CIDEr: the receipt says '-1', recomputed '1'"),
        (lambda r: r["metrics"].update(CIDEr="9" * 5000), "metrics.CIDEr: the receipt says '999"),
        (lambda r: r["scores"].update(Best=1.0), "scores.Best: in the receipt, but not recomputed"),
        (lambda r: r["metrics"].update(CIDEr=1), "metrics.CIDEr: the receipt says 1, recomputed '1'"),
        (lambda r: r["metrics"].pop("CIDEr"), "metrics.CIDEr: missing in the receipt"),
        (_take("metrics", []), "metrics: the receipt says [], recomputed"),
        (_take("slices", {"category": 3}), "slices.category: the receipt says 3"),
        (_take("scores", 3), "scores: the receipt says 3"),
        (_take("cider", {}), "cider: in the receipt, but not recomputed"),
        (lambda r: r.pop("length_fit"), "length_fit: missing in the receipt"),
    ],
)
def test_what_is_no_list_of_metrics(change: Callable[[dict[str, Any]], object], said: str, tmp_path: Path) -> None:
    """A metric made up, one left out, a section that nobody knows, or a crash over any of them."""
    split, predictions = made_split(tmp_path)
    receipt = make_receipt(split, evaluate(split, predictions))
    forged = json.loads(json.dumps(receipt))
    change(forged)
    assert said in str(first_difference(forged, receipt))


@pytest.mark.parametrize("version", ["0", "-1", "01", "1.0", " 1", "\u0661", "1\n", "v1", ""])
def test_versions_that_never_existed_excuse_nothing(
    version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Any score at all, behind a version of its metric that was made up."""
    split, predictions = made_split(tmp_path)
    set_versions(monkeypatch, {"CIDEr": "3"})
    receipt = make_receipt(split, evaluate(split, predictions))
    forged = json.loads(json.dumps(receipt))
    forged["metrics"]["CIDEr"] = version
    forged["scores"]["CIDEr"] = 9999.0
    forged["signature"] = forged["signature"].replace("s6,v3", f"s6,v{version}")
    assert other_versions(forged) == {}
    assert str(first_difference(forged, receipt)).startswith("metrics.CIDEr: the receipt says")


@pytest.mark.parametrize(
    ("new", "version", "sign", "said"),
    [("First", "1", "|first:v1|boot", "First"), ("CIDEr", "2", "|boot", "CIDEr version 2")],
)
def test_a_receipt_newer_than_the_package(new: str, version: str, sign: str, said: str, tmp_path: Path) -> None:
    """An honest receipt of a newer package that "does not belong to FILE" for its signature."""
    split, predictions = made_split(tmp_path / "data")
    write_predictions(tmp_path / "preds.jsonl", split, predictions)
    receipt = make_receipt(split, evaluate(split, predictions))
    newer = json.loads(json.dumps(receipt))
    newer["metrics"][new] = version
    newer["scores"][new] = 1.0
    newer["signature"] = newer["signature"].replace("|boot", sign).replace("s6|", f"s6{',v2' * (new == 'CIDEr')}|")
    (tmp_path / "scores.json").write_text(json.dumps(newer))
    arguments = [str(tmp_path / "scores.json"), str(tmp_path / "preds.jsonl"), "--data", str(split.directory)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmark.verify", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    told = f"the receipt has metrics that this version does not know: {said}; update the package"
    assert told in " ".join(done.stderr.split())
    assert "belong" not in done.stderr


def test_metrics_are_compared_before_the_signature(tmp_path: Path) -> None:
    """A signature that is named where the metrics from which it follows are wrong."""
    split, predictions = made_split(tmp_path)
    receipt = make_receipt(split, evaluate(split, predictions))
    forged = receipt | {"metrics": receipt["metrics"] | {"CIDEr": "0"}, "signature": "anything"}
    assert str(first_difference(forged, receipt)).startswith("metrics.CIDEr")


def test_other_versions_are_not_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Old scores of a metric confirmed by a new version of it, or other metrics no longer compared."""
    split, predictions = made_split(tmp_path / "data")
    write_predictions(tmp_path / "preds.jsonl", split, predictions)
    now = make_receipt(split, evaluate(split, predictions))
    old = old_form(now)
    old["scores"]["CIDEr"] += 1
    old["slices"]["category"]["面霜"]["CIDEr"] += 1
    old["length_fit"]["distance"] += 1
    set_versions(monkeypatch, {"CIDEr": "2", "Overflow": "2"})
    again = make_receipt(split, evaluate(split, predictions))
    assert other_versions(old) == {"CIDEr": ("1", "2"), "Overflow": ("1", "2")}
    assert first_difference(old, again) is None
    assert "signature" in str(first_difference(old | {"signature": again["signature"]}, again))
    (tmp_path / "scores.json").write_text(json.dumps(old))
    arguments = (tmp_path / "scores.json", tmp_path / "preds.jsonl", str(split.directory))
    with pytest.raises(InputError) as error:
        verify.main(*arguments)
    assert [problem.partition(": ")[2] for problem in error.value.problems] == [
        "CIDEr was computed with version 1, this is version 2; not compared",
        "Overflow was computed with version 1, this is version 2; not compared",
    ]
    old["scores"]["METEOR"] += 1
    (tmp_path / "scores.json").write_text(json.dumps(old))
    with pytest.raises(InputError, match=r"scores\.METEOR: the receipt says"):
        verify.main(*arguments)
    (tmp_path / "scores.json").write_text(json.dumps(again))
    verify.main(*arguments)
    assert "verified" in capsys.readouterr().out


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
