"""Captions for a picture of one's own: those of the data set path, and one sentence for all that cannot be used."""

import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import prepared, tiny

from benchmark import cli
from benchmark.dataset.store import Split
from benchmark.rendering import draw_captions
from reference_model import caption
from reference_model.run_folder import load_run
from reference_model.train import train
from reference_model.training.batches import collate, image_batch
from reference_model.training.evaluation import caption_split
from reference_model.training.vocabulary import Vocabulary

Splits = dict[str, Split]


@pytest.fixture(scope="module")
def run(splits: Splits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run long enough to say different things of different boxes."""
    settings = ("train.pretrain_updates=60", "train.finetune_updates=0", "train.rate=0.01", "train.validate_every=60")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAPONIMAGE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        runs = tmp_path_factory.mktemp("runs")
        return train(tiny("context", *settings), {k: splits[k] for k in ("train", "val")}, seed=1, runs=runs)


@pytest.fixture
def call(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """The command line, with a sound picture and a sound box where nothing else is given."""
    Image.new("RGB", (300, 256), (200, 180, 160)).save(tmp_path / "sound.png")
    (tmp_path / "sound.json").write_text("[[0.1, 0.1, 0.5, 0.3]]")
    sound = {"--run": run, "--image": tmp_path / "sound.png", "--boxes": tmp_path / "sound.json"}

    def called(*more: object, **given: object) -> tuple[object, str, str]:
        options = sound | {"-o": tmp_path / "out.png"} | {f"--{name}": value for name, value in given.items()}
        arguments = [str(part) for pair in options.items() for part in pair] + list(map(str, more))
        monkeypatch.setattr(sys, "argv", ["caption", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.run(caption.main)
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return called


INPUTS = {
    "context": (),
    "top2": (),
    "random-neighbours": (),
    "chain": (),
    "baseline": (),
    "leak": (),
    "no-image": (),
    "full": ("inputs.grid_map=floor", "inputs.info_format=authors", "inputs.max_info=9", "inputs.image_side=32"),
}


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("variant", INPUTS)
def test_the_model_sees_what_it_saw_in_training(
    variant: str, cached: bool, splits: Splits, vocabulary: Vocabulary
) -> None:
    """A second input path drifts from the first: another rounding, mask, separator or neighbour, and captions decay."""
    config = tiny(variant, *INPUTS[variant])
    split = splits["test"]
    data = prepared(split, config, vocabulary, seed=3)
    data.keep_images = data.keep_images and cached  # False: pictures are made from the stored rectangles
    offsets = data.arrays["box_offsets"]
    for i, row in enumerate(split.rows()):
        wanted = collate(data, np.arange(offsets[i], offsets[i + 1]), sos=True)
        found = image_batch(row, split.image(row["image_id"]), config.inputs, vocabulary, seed=3)
        assert (
            data.span("masked", i).tolist() == row["masked_boxes"]
        )  # to the last bit: pixels are cut off, not rounded
        assert vars(wanted).keys() == vars(found).keys()
        for name, tensor in vars(wanted).items():
            same = torch.equal(tensor, getattr(found, name)) if torch.is_tensor(tensor) else tensor == vars(found)[name]
            assert same, name


@pytest.mark.parametrize("beam", [1, 3])
def test_captions_are_those_of_the_data_set(beam: int, run: Path, splits: Splits, call: Any, tmp_path: Path) -> None:
    """The whole way through files and command line, against a prediction file's captions for the same images."""
    config, model, vocabulary = load_run(run)
    split = splits["test"]
    wanted = caption_split(model, config, vocabulary, split, seed=1, beam=beam)
    assert len(set(wanted)) > 5
    for i, row in enumerate(split.rows()):
        if i % 4:
            continue
        (tmp_path / "boxes.json").write_text(json.dumps([{"box": box, "note": "any"} for box in row["boxes"]]))
        (tmp_path / "masked.json").write_text(json.dumps(row["masked_boxes"]))
        given = {"image": split.image_path(row["image_id"]), "boxes": tmp_path / "boxes.json", "beam": beam}
        text = {"title": row["title"], "attributes": row["attributes"], "masked": tmp_path / "masked.json"}
        code, out, err = call(**given, **text)
        assert code == 0, err
        mine = wanted[split.offsets[i] : split.offsets[i + 1]]
        assert out.splitlines() == [f"{json.dumps(box)} {c}" for box, c in zip(row["boxes"], mine, strict=True)]
        drawn = draw_captions(split.image(row["image_id"]), row["boxes"], mine)
        assert (np.asarray(Image.open(tmp_path / "out.png")) == np.asarray(drawn)).all()


def test_all_text_is_hidden_from_the_model(call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text left on the picture that the model sees is a picture of a kind that training never showed."""
    (tmp_path / "masked.json").write_text("[[0, 0, 300, 64]]")
    Image.new("RGB", (300, 256), "white").save(tmp_path / "white.png")
    pictures = []
    plain = caption.image_batch
    monkeypatch.setattr(caption, "image_batch", lambda *a, **k: pictures.append(batch := plain(*a, **k)) or batch)
    for masked in ({}, {"masked": tmp_path / "masked.json"}):
        code, _, err = call(image=tmp_path / "white.png", **masked)
        assert code == 0, err
    alone, both = (batch.images[0].float().mean(dim=(0, 2)) for batch in pictures)
    assert alone[0] == both[20] == 255
    assert alone[12] < 255
    assert both[:14].max() == 0
    assert np.asarray(Image.open(tmp_path / "out.png"))[:20].min() == 255  # not blacked out in what is written


def test_pixels_and_ratios_are_the_same_boxes(call: Any, tmp_path: Path) -> None:
    """A box read in the wrong unit lands in a corner, without a word."""
    (tmp_path / "ratios.json").write_text("[[0.25, 0.25, 0.5, 1]]")
    (tmp_path / "pixels.json").write_text("[[75, 64, 150, 256]]")
    shown = {}
    for unit in ("ratios", "pixels"):
        code, out, err = call(boxes=tmp_path / f"{unit}.json")
        assert code == 0
        assert f"{unit}.json: read as {unit}" in err
        shown[unit] = (out.split("] ")[1], (tmp_path / "out.png").read_bytes())
    assert shown["ratios"] == shown["pixels"]


@pytest.mark.parametrize(
    ("content", "ratios"),
    [
        ("[[0, 0, 1.0000001, 1]]", [0, 0, 1, 1]),
        ("[[-1e-9, 0, 1, 1]]", [0, 0, 1, 1]),
        ("[[0, -0.0039, 1.0039, 1]]", [0, 0, 1, 1]),
        ("[[0.25, 0, 300.0001, 256]]", [0.25 / 300, 0, 1, 1]),
    ],
)
def test_rounding_leaves_the_unit_and_the_picture_alone(content: str, ratios: list[float], tmp_path: Path) -> None:
    """Arithmetic of 32 bits gives 1.0000001: the whole file was read as pixels, and its boxes as single ones."""
    (tmp_path / "boxes.json").write_text(content)
    found = caption.read_boxes(tmp_path / "boxes.json", (300, 256))
    assert found.ratios == [ratios]
    assert found.given == json.loads(content)
    assert found.unit == ("pixels" if ratios[0] else "ratios")


def test_what_the_model_cannot_read_is_said(call: Any) -> None:
    """An unknown character is <unk> to the model, and what is beyond its length does not exist for it."""
    code, _, err = call(title="\U00020000\U00020000补水", attributes="")
    assert code == 0
    assert "does not know: 2" in err
    code, _, err = call(title="补水" * 40)
    assert code == 0
    assert "the first 60 of 80" in err


def test_many_boxes_are_captioned_in_parts(call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand boxes at once would need the memory of a thousand prefixes; parts must not lose or repeat one."""
    rows = [[x / 10, y / 6, (x + 1) / 10, (y + 1) / 6] for x in range(10) for y in range(6)]
    (tmp_path / "many.json").write_text(json.dumps(rows))
    code, whole, _ = call(boxes=tmp_path / "many.json")
    assert code == 0
    monkeypatch.setattr(caption, "BOXES_PER_BATCH", 7)
    _, parts, _ = call(boxes=tmp_path / "many.json")
    assert parts == whole
    assert [json.loads(line.split("] ")[0] + "]") for line in parts.splitlines()] == rows


BAD_BOXES = {
    "[[0.1, 0.1, 0.5": "not JSON",
    "\xff\xfe": "not JSON",
    "": "not JSON",
    "[" * 100_000: "not JSON",
    "[1" + "0" * 10_000 + "]": "not JSON",
    "{}": "got {}, expected a list",
    "null": "got None, expected a list",
    "[]": "got 0 boxes",
    json.dumps([[0, 0, 1, 1]] * 1001): "got 1001 boxes",
    " " * (1 << 20) + "[[0, 0, 1, 1]]": "more than 1,048,576 bytes",
    "[[0.1, 0.1, 0.5, NaN]]": "box 0: got [0.1, 0.1, 0.5, nan], expected four numbers",
    "[[0.1, 0.1, 0.5, 1e999]]": "box 0: got [0.1, 0.1, 0.5, inf], expected four numbers",
    "[[0, 0, 1, 1], [0.1, 0.1, 0.5]]": "box 1: got [0.1, 0.1, 0.5], expected four numbers",
    '[[0, 0, 1, "1"]]': "expected four numbers",
    "[[0, 0, 1, true]]": "expected four numbers",
    '[{"bbox": [0, 0, 1, 1]}]': "expected four numbers",
    '["0_0_1_1"]': "expected four numbers",
    "[[0.5, 0.1, 0.5, 0.2]]": "expected x1 < x2",
    "[[0.5, 0.3, 0.6, 0.2]]": "expected x1 < x2 and y1 < y2",
    "[[-0.1, 0, 0.5, 0.5]]": "out of the image, expected 0 to 1 and 0 to 1",
    "[[0, 0, 302, 10]]": "read as pixels; it reaches out of the image, expected 0 to 300 and 0 to 256",
    "[[0, 0, 1.01, 0.5]]": "the largest number is 1.01, too large for ratios and too small for pixels",
    "[[0.1, 0.1, 0.1001, 0.5]]": "read as ratios; less than a pixel",
    "[[-0.01, 0, 0.5, 0.5]]": "out of the image, expected 0 to 1 and 0 to 1",
    "[[1.0000001, 0, 1.0000002, 1]]": "out of the image",
    "[[0, 0, 40, 60], [0, 0, 1, 1]]": "box 1: got [0, 0, 1, 1], read as pixels; it looks like ratios",
    "[[[0, 0, 1, 1]]]": "box 0: got [[0, 0, 1, 1]], expected four numbers",
    "[0, 0, 1, 1]": "box 0: got 0, expected four numbers",
    '[{"box": [0, 0, 1, 1], "\\u0062ox": [0, 0, 0.5, 1]}]': "not JSON (a key twice in one object)",
    json.dumps([0] * 1000): "and 980 more boxes",
}


@pytest.mark.parametrize("option", ["boxes", "masked"])
@pytest.mark.parametrize("content", BAD_BOXES, ids=lambda content: content[:24].strip() or "blank")
def test_bad_boxes_are_refused_in_words(content: str, option: str, call: Any, tmp_path: Path) -> None:
    """A traceback, or worse, a caption for a box that nobody meant."""
    path = tmp_path / "bad.json"
    path.write_bytes(content.encode("latin-1"))
    code, out, err = call(**{option: path})
    assert code == 2
    assert out == ""
    assert f"{path}" in err
    assert BAD_BOXES[content] in err
    assert not (tmp_path / "out.png").exists()


def png(width: int, height: int) -> bytes:
    """A PNG that claims to be of a size, with no pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def test_bad_pictures_are_refused_in_words(call: Any, tmp_path: Path) -> None:
    """A file of a few bytes that unpacks to gigabytes, a format nobody expects, half a download."""
    sound = (tmp_path / "sound.png").read_bytes()
    Image.new("RGB", (30, 30)).save(tmp_path / "as.gif")
    Image.new("RGB", (30, 30)).save(tmp_path / "as.bmp")
    bad = {
        png(7_100, 7_100): "more than 50,000,000 pixels",
        png(60_000, 60_000): "more than 50,000,000 pixels",
        png(2**31 - 1, 2**31 - 1): "more than 50,000,000 pixels",
        png(300, 300): "no picture",
        sound[: len(sound) // 2]: "no picture",
        b"": "no picture",
        b"<svg/>": "no picture",
        (tmp_path / "as.gif").read_bytes(): "no picture",
        (tmp_path / "as.bmp").read_bytes(): "no picture",
    }
    for content, words in bad.items():
        (tmp_path / "bad.png").write_bytes(content)
        code, _, err = call(image=tmp_path / "bad.png")
        assert code == 2
        assert f"{tmp_path / 'bad.png'}: " in err
        assert words in err
    for path in (tmp_path / "missing.png", tmp_path):
        code, _, err = call(image=path)
        assert code == 2
        assert "no such file" in err


def test_all_problems_come_at_once(call: Any, tmp_path: Path) -> None:
    """Mending one mistake a run is a way to lose an afternoon."""
    boxes = tmp_path / "bad.json"
    boxes.write_text('[[0, 0, 9, 9], [5, 5, 4, 9], "x", [0, 0, 5, NaN]]')
    code, _, err = call(boxes=boxes, image=tmp_path / "no.png", masked=tmp_path / "no.json", run=tmp_path, beam=2)
    assert code == 2
    for words in ("box 1:", "box 2:", "box 3:", "no.png", "no.json: No such file", "holds no run"):
        assert words in err
    assert "box 0" not in err
    code, _, err = call(**{"output": tmp_path / "out.jpg"})
    assert code == 2
    assert "ends in .png" in err
