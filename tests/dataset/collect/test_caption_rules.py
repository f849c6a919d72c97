"""The settings: checked when made, plain data, and told with the nearest name where they are misspelt."""

import json

import pytest

from benchmark.dataset.collect.rules import PRESETS, Rules, describe, from_dict, parse, preset, signature, to_dict
from benchmark.errors import InputError


def test_the_measured_thresholds_are_the_default() -> None:
    """A default that drifts from what was measured on real pictures."""
    rules = preset("default")
    assert (rules.min_length, rules.max_length, rules.min_captions) == (2, 10, 2)
    assert (rules.size, rules.slant, rules.confidence) == (0.035, 8, 0.8)
    assert (rules.language_model, rules.lm_cut, rules.lm_share) == ("ngram", "share", 0.02)
    assert (rules.redundancy, rules.redundancy_rounding) == (0.7, "ceil")


def test_the_released_preset_is_what_the_scripts_do() -> None:
    """A rule of our own in the preset that is to reproduce the authors' scripts."""
    rules = preset("released")
    assert (rules.size, rules.slant, rules.allow_vertical, rules.discounts) == (0, 90, True, "off")
    assert (rules.confidence, rules.second_reading, rules.evidence, rules.near_duplicates) == (0, False, 0, -1)
    assert (rules.lm_cut, rules.lm_threshold, rules.keep_if_in_info) == ("threshold", -4.5, True)
    assert (rules.redundancy_rounding, rules.order, rules.fill) == ("round", "nearest", "black")
    assert set("!/！、>") >= set(rules.refused)
    assert set("]-￥口") == set(rules.deleted_at_last)


@pytest.mark.parametrize("name", PRESETS)
def test_rules_survive_json(name: str) -> None:
    """A signature in dataset.json from which the rules cannot be made again."""
    rules = parse("watermarks=某平台,某店 corpus=some/where.txt", preset(name))
    assert from_dict(json.loads(json.dumps(to_dict(rules)))) == rules


def test_parse() -> None:
    rules = parse("size=0.03 discounts=images second_reading=false max_length=12 watermarks=a,b lexicon=")
    assert (rules.size, rules.discounts, rules.second_reading, rules.max_length) == (0.03, "images", False, 12)
    assert rules.watermarks == ("a", "b")
    assert parse(["refused=a b"]).refused == "a b"
    assert parse([], preset("paper")) == preset("paper")


def test_everything_wrong_is_told_at_once() -> None:
    """A user who mends one setting after the other, a run each."""
    with pytest.raises(InputError) as caught:
        parse("sise=0.03 size=3 discounts=image slant confidence=nan second_reading=no min_length=2.5 zzzzz=1")
    told = "\n".join(caught.value.problems)
    assert "sise: no such setting; did you mean size?" in told
    assert "size: got 3.0, expected a number from 0 to 1" in told
    assert "discounts: got 'image', expected off or captions or images" in told
    assert "'slant': no '=' in it" in told
    assert "confidence: got nan" in told
    assert "second_reading: got 'no', expected true or false" in told
    assert "min_length: got '2.5', expected a whole number from 1 to 1000" in told
    assert "zzzzz: no such setting; the settings are min_length, max_length" in told
    assert len(caught.value.problems) == 8


@pytest.mark.parametrize(
    "assignments", ["language_model=gpt", "language_model=hf:", "language_model=kenlm", "min_length=5 max_length=4"]
)
def test_settings_that_contradict(assignments: str) -> None:
    with pytest.raises(InputError):
        parse(assignments)


def test_data_from_others() -> None:
    """A hand-edited dataset.json that ends in a traceback, or is taken as it is."""
    content = to_dict(Rules())
    del content["size"]
    with pytest.raises(InputError) as caught:
        from_dict({**content, "near_duplicate": 3, "watermarks": [1], "allow_latin": 1, 5: 5})
    assert {problem.split(":")[0] for problem in caught.value.problems} == {
        "size", "near_duplicate", "watermarks", "allow_latin", "5"
    }  # fmt: skip
    for wrong in (None, [], "size"):
        with pytest.raises(InputError):
            from_dict(wrong)
    with pytest.raises(InputError, match="did you mean released"):
        preset("release")


def test_whole_numbers_are_one_form() -> None:
    """Two signatures for the same rules, 0 and 0.0."""
    assert json.dumps(to_dict(Rules(size=0))) == json.dumps(to_dict(parse("size=0")))


def test_signature_holds_no_folder() -> None:
    """A data set that tells where its maker's files lie."""
    rules = parse("language_model=hf:/home/me/gpt corpus=/home/me/news.txt lexicon=/home/me/mine.txt")
    assert "/home" not in json.dumps(signature(rules))
    assert signature(rules)["language_model"] == "hf:gpt"
    assert signature(Rules())["lexicon"] == ""


def test_describe() -> None:
    assert [describe(rules) for rules in PRESETS.values()] == list(PRESETS)
    assert describe(parse("size=0.03 second_reading=false")) == "default size=0.03 second_reading=false"
