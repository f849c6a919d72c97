"""Any bytes as a prediction file: read or refused in words, never a traceback; and repair is what it says."""

import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prediction_files import CAPTIONS, RECORDS, text, tiny_split

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.predictions.check import read_predictions
from benchmark.predictions.files import repair_predictions, tidy_caption


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return tiny_split(tmp_path_factory.mktemp("tiny"))


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")  # NaN and halves of pairs included


def _patched(content: bytes, at: int, new: bytes, removed: int) -> bytes:
    return content[:at] + new + content[at + removed :]


GOOD = text().encode()
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["lamp", "0_0_1_1"])
KEYS = st.text() | st.sampled_from(["image_id", "box", "caption"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=6
)
IMAGE_IDS = st.sampled_from(["lamp", "7_shoe", "a_0.5_b", "lamp.png", " lamp", "cup-1", "07_shoe"])
BOXES = st.integers(-1, 4) | st.sampled_from(["0", 1.0, "64_32_256_96", [0.5, 0.25, 0.75, 0.5]])
RECORD_LIKE = st.fixed_dictionaries(
    {},
    optional={
        "image_id": IMAGE_IDS | VALUES,
        "box": BOXES | VALUES,
        "caption": st.text(max_size=5) | VALUES,
        "extra": VALUES,
    },
)
LINES = st.lists(
    st.sampled_from(GOOD.splitlines())
    | (RECORD_LIKE | VALUES).map(_line)
    | st.binary(max_size=30)
    | st.text(alphabet="{}[]\":,\\ u01eENaIi'", max_size=30).map(str.encode),
    max_size=14,
)
SMALL = st.binary(max_size=3)
FILES = st.one_of(
    st.binary(max_size=200),
    LINES.map(b"\n".join),
    LINES.map(lambda lines: GOOD + b"\r\n".join(lines)),
    LINES.map(lambda lines: gzip.compress(b"\n".join(lines))),
    st.builds(_patched, st.just(GOOD), st.integers(0, len(GOOD)), SMALL, st.integers(0, 20)),
    st.builds(_patched, st.just(gzip.compress(GOOD)), st.integers(0, 200), SMALL, st.integers(0, 99)),
    st.builds(bytes.__add__, st.sampled_from([b"\xff\xfe", b"\xfe\xff"]), st.binary(max_size=50)),
)
SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(SETTINGS, max_examples=600)
@given(content=FILES)
def test_any_bytes(split: Split, tmp_path: Path, content: bytes) -> None:
    """A traceback, an unprintable message, an accepted file that is not whole; a repair that is not one."""
    path, out, again = (tmp_path / name for name in ("in.jsonl", "out.jsonl", "again.jsonl"))
    path.write_bytes(content)
    problems: tuple[str, ...] = ()
    try:
        captions = read_predictions(path, split)
    except InputError as refusal:
        problems = refusal.problems
        assert problems, "refused without a reason"
    else:
        assert len(captions) == split.n_boxes
        assert all(tidy_caption(caption) == caption for caption in captions)
    for problem in problems:
        assert problem.replace("\n    ", "").isprintable()
        assert len(problem) < 2500

    try:
        done = repair_predictions(path, split, out)
    except InputError:
        assert problems
        return
    assert set(done.problems) <= {problem for problem in problems if "--fix OUT repairs this" not in problem}
    try:
        left = repair_predictions(out, split, again)
    except InputError:  # with its blank lines and marks gone, it is seen to be no JSON Lines at all
        assert done.problems
        return
    assert left.repairs == []
    assert len(left.problems) == len(done.problems)
    assert again.read_bytes() == out.read_bytes()


@settings(SETTINGS, max_examples=200)
@given(random=st.randoms(use_true_random=False))
def test_repairable_noise(split: Split, tmp_path: Path, random: Random) -> None:
    """Every mixture of what can be repaired is repaired, to the captions that were meant."""
    lines = []
    for record in random.sample(RECORDS, len(RECORDS)):
        noisy = dict(record)
        image = split.index[record["image_id"]]
        place = split.boxes[split.offsets[image] + record["box"]].tolist()
        alone = record["image_id"] != "a_0.5_b" or record["box"] == 2
        noisy["image_id"] = random.choice(["{}", "{}.png", "images/{}", "C:\\data\\{}.JPG"]).format(record["image_id"])
        noisy["box"] = random.choice(
            [record["box"], str(record["box"]), float(record["box"])]
            + ([place, "_".join(map(str, place))] if alone else [])
        )
        noisy["caption"] = random.choice(["{}", " {}", "{}\n", "\t{}\u3000", "\r\n{}\x85"]).format(record["caption"])
        lines += [json.dumps(noisy)] * random.choice([1, 1, 2, 3]) + [""] * random.choice([0, 0, 1])
    content = random.choice(["", "\ufeff"]) + random.choice(["\n", "\r\n", "\r"]).join(lines)
    path = tmp_path / "in.jsonl"
    path.write_text(content, encoding=random.choice(["utf-8", "utf-16"]), newline="")
    assert repair_predictions(path, split, tmp_path / "out.jsonl").problems == []
    assert read_predictions(tmp_path / "out.jsonl", split) == CAPTIONS
