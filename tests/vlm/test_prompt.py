"""Prompts: their ids tell them apart, and what is wrong with one is said at once."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.errors import InputError
from benchmark.vlm.prompt import Settings, known_prompts, read_prompt, settings_from

OTHER = {
    "unit": "box", "coordinates": "ratio", "length": False, "neighbours": True, "without": ("image",), "shots": 2,
    "seed": 3, "structured": True,
}  # fmt: skip


def test_equal_hashes_mean_equal_words() -> None:
    """Two runs that asked differently under one id."""
    base = Settings(unit="box", shots=1)
    told = [read_prompt(name, base) for name in known_prompts()]
    told += [read_prompt("zh", replace(base, **{name: value})) for name, value in OTHER.items() if name != "unit"]
    told.append(read_prompt("zh", replace(base, unit="image")))
    assert len({prompt.hash for prompt in told}) == len({prompt.id for prompt in told}) == len(told)


def test_hashes_stay() -> None:
    """A hash that moves with the version of Python or the order of a table, so that no stored run has its prompt."""
    assert read_prompt("zh", Settings()).hash == read_prompt("zh", settings_from({"without": ""})).hash
    assert set(known_prompts()) == {"en", "zh"}


def test_all_problems_at_once(tmp_path: Path) -> None:
    """One problem at a time, each at the price of another start."""
    wrong = Settings("page", "thousand+ratio", neighbours=True, without=("image", "text", "sound"), shots=99)
    with pytest.raises(InputError) as refused:
        read_prompt("zh", wrong)
    assert len(refused.value.problems) == 5
    text = read_prompt("zh", Settings()).texts
    lines = "\n".join(f"{name} = {value!r}" for name, value in text.items() if name != "place")
    bad = tmp_path / "own.toml"
    bad.write_text(f"nmae = 'x'\n[texts]\nextra = 'x'\n{lines}\n[coordinates]\nthousand = '{{x}}'\n", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_prompt(str(bad), Settings())
    said = "\n".join(refused.value.problems)
    assert all(word in said for word in ("nmae", "lacks place", "'extra'", "got {x}", "lacks pixel"))
    for nothing in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(InputError, match="expected one of en, zh"):
            read_prompt(str(nothing), Settings())


@pytest.mark.parametrize("values", [{"shots": "2"}, {"length": 1}, {"coordinates": 3}])
def test_values_of_other_types_are_refused(values: dict[str, object]) -> None:
    """`-T length=1`, which would be another prompt than length=true with the same words."""
    with pytest.raises(InputError, match="expected"):
        settings_from(values)
