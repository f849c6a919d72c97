"""Requests: nothing of the answer is in them, whatever is told and shown."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.vlm.plan import plan, prices_from
from benchmark.vlm.prompt import Settings, read_prompt
from benchmark.vlm.request import CaptionRequest, Writer, characters, place, requests

ALL = [
    Settings(),
    Settings(coordinates="pixel", length=False),
    Settings("box", "ratio", neighbours=True, shots=2),
    Settings("box", "marks"),
    Settings(without=("location",)),
    Settings(coordinates="thousand", without=("text",)),
    Settings(without=("image",)),
]


def writer(splits: dict[str, Split], settings: Settings, split: str = "test", prompt: str = "zh") -> Writer:
    return Writer(splits[split], read_prompt(prompt, settings), splits["train"])


def corners(box: list[float], size: tuple[int, int]) -> tuple[slice, slice]:
    x1, y1, x2, y2 = (int(value * side) for value, side in zip(box, size * 2, strict=True))
    return slice(y1, y2 + 1), slice(x1, x2 + 1)


def filled(png: bytes, split: Split, asked: CaptionRequest, *, marks: bool) -> None:
    """Every text rectangle of a picture that was sent is black; with frames, it tells nothing of what was below."""
    [row] = split.rows(only=range(asked.image, asked.image + 1))
    sent = np.asarray(Image.open(io.BytesIO(png)))
    original = np.asarray(split.image(asked.image_id))
    assert sent.shape == original.shape
    text = np.zeros(sent.shape[:2], bool)
    for box in [*row["boxes"], *row["masked_boxes"]]:
        text[corners(box, split.image(asked.image_id).size)] = True
    assert text.any()
    if marks:
        blank = Image.fromarray(np.where(text[..., None], 0, original))
        from benchmark.vlm.request import draw_marks

        draw_marks(blank, {box + 1: row["boxes"][box] for box in asked.boxes})
        assert np.array_equal(sent, np.asarray(blank))
    else:
        assert not sent[text].any()
        assert np.array_equal(sent[~text], original[~text])


@pytest.mark.parametrize("settings", ALL, ids=str)
def test_no_pixel_of_a_text_is_sent(splits: dict[str, Split], settings: Settings) -> None:
    """The leak of this benchmark: the pictures carry the captions that are asked for."""
    split, asking = splits["test"], writer(splits, settings)
    for asked in requests(split, asking.prompt)[:8]:
        turn = asking.turn(asked)
        if turn.picture is None:
            assert "image" in settings.without
        else:
            filled(turn.picture, split, asked, marks=settings.marks)
    for (question, _), image_id in zip(asking.examples, asking.example_ids, strict=True):
        assert question.picture is not None
        train = splits["train"]
        unit = (0,) if settings.unit == "box" else tuple(range(len(next(train.rows())["boxes"])))
        filled(
            question.picture,
            train,
            CaptionRequest(image_id, train.position(image_id), image_id, unit),
            marks=settings.marks,
        )


@pytest.mark.parametrize("settings", ALL, ids=str)
def test_captions_change_nothing_that_is_asked(splits: dict[str, Split], settings: Settings) -> None:
    """A request that was written from the references, of which something would then be in it."""
    hidden = replace(splits["test"])
    hidden.__dict__["captions"] = ["绝密"] * splits["test"].n_boxes
    own, other = writer(splits, settings), Writer(hidden, read_prompt("zh", settings), splits["train"])
    for asked in requests(hidden, own.prompt)[:5]:
        assert own.turn(asked) == other.turn(asked)
        assert "绝密" not in other.turn(asked).text


def test_what_is_left_out_is_not_told(splits: dict[str, Split]) -> None:
    """A row without locations whose lengths or frames tell them, or one without info that names the product."""
    split = splits["test"]
    [asked, *_] = requests(split, writer(splits, Settings()).prompt)
    told = writer(splits, Settings()).turn(asked).text
    assert split.titles[0] in told
    assert "可容纳" in told
    unlocated = writer(splits, Settings(without=("location",))).turn(asked).text
    assert not any(word in unlocated for word in ("可容纳", "位置", "红框", "["))
    assert split.titles[0] not in writer(splits, Settings(without=("text",))).turn(asked).text
    english = writer(splits, Settings(), prompt="en").turn(asked).text
    assert "holds about" in english
    assert "文本框" not in english


def test_examples_come_from_train_by_the_seed(splits: dict[str, Split]) -> None:
    """Examples from val or test, which are answers, or others in every run."""
    drawn = writer(splits, Settings(shots=3))
    assert len(drawn.example_ids) == 3
    assert set(drawn.example_ids) <= set(splits["train"].image_ids)
    assert drawn.example_ids == writer(splits, Settings(shots=3), "val").example_ids
    assert drawn.example_ids != writer(splits, Settings(shots=3, seed=2)).example_ids
    with pytest.raises(InputError, match="--shots 0"):
        Writer(splits["test"], read_prompt("zh", Settings(shots=1)), None)


def test_units(splits: dict[str, Split]) -> None:
    """A box that is asked for twice or never."""
    split = splits["test"]
    for unit in ("image", "box"):
        asked = requests(split, read_prompt("zh", Settings(unit=unit)))
        assert len({one.id for one in asked}) == len(asked)
        boxes = [(one.image, box) for one in asked for box in one.boxes]
        assert len(boxes) == len(set(boxes)) == split.n_boxes


def test_places_and_lengths() -> None:
    """A place in another system than the prompt says, which no model can make up for."""
    box = [0.25, 0.5, 0.75, 1.0]
    assert place(box, (320, 200), "thousand") == "[250, 500, 750, 1000]"
    assert place(box, (320, 200), "pixel") == "[80, 100, 240, 200]"
    assert place(box, (320, 200), "ratio") == "[0.250, 0.500, 0.750, 1.000]"
    assert [characters(ratio) for ratio in (1.0, 4.6, 0.2)] == [1, 5, 1]


def test_the_plan_counts_before_anything_is_sent(splits: dict[str, Split]) -> None:
    """A bill that nobody was told of."""
    asking = writer(splits, Settings(shots=1))
    planned = plan(asking, requests(splits["test"], asking.prompt))
    assert (planned.requests, planned.boxes) == (12, splits["test"].n_boxes)
    alone = plan(writer(splits, Settings()), requests(splits["test"], asking.prompt))
    assert planned.tokens_in > 1.5 * alone.tokens_in
    assert "price about" in planned.lines("m", asking.prompt, prices_from("in=1,out=2"))[2]
    for text in ("", "in=1", "in=1,out=x", "in=-1,out=2", "in=1,out=nan"):
        with pytest.raises(InputError, match="expected in="):
            prices_from(text)
