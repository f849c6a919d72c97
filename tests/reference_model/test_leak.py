"""Captions cannot be read off the picture; the `leak` control, which leaves the text there, shows that they could."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import prepared

from benchmark.dataset.description import write_description
from benchmark.dataset.schema import AnnotationRow
from benchmark.dataset.store import Split, SplitWriter, open_directory
from benchmark.metrics.corpus import characters
from benchmark.rendering import draw_captions
from reference_model.config import override
from reference_model.registry import named
from reference_model.run_folder import build_model
from reference_model.training.batches import image_batch
from reference_model.training.distributed import World
from reference_model.training.evaluation import predict
from reference_model.training.inputs import PreparedSplit
from reference_model.training.trainer import Trainer
from reference_model.training.vocabulary import Vocabulary

BOXES = [[0.05, 0.1, 0.95, 0.45], [0.05, 0.55, 0.95, 0.9]]
#: Only the drawn text tells which of them stands on an image (in both boxes).
CAPTIONS = ("一一一一", "鼎鼎鼎鼎")


@pytest.fixture(scope="module")
def coin_flips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    directory, random = tmp_path_factory.mktemp("coin_flips"), Random(1)
    (directory / "images").mkdir()
    summaries = {}
    for name, images in (("train", 200), ("val", 60)):
        with SplitWriter(directory, name) as writer:
            for i in range(images):
                captions = [random.choice(CAPTIONS)] * 2
                row: AnnotationRow = {
                    "image_id": f"{name}{i:03d}",
                    "width": 256,
                    "height": 256,
                    "title": "沐芷新款保湿面霜",
                    "attributes": "",
                    "category": "面霜",
                    "boxes": BOXES,
                    "captions": captions,
                    "masked_boxes": BOXES,
                }
                writer.append(row)
                ground = Image.new("RGB", (256, 256), tuple(random.randrange(120, 256) for _ in range(3)))
                draw_captions(ground, BOXES, captions).save(directory / "images" / f"{row['image_id']}.png")
        summaries[name] = writer.summary()
    write_description(directory, name="coin-flips", synthetic=True, splits=summaries)
    return open_directory(directory)


def exact_match(variant: str, splits: dict[str, Split], folder: Path) -> float:
    """On validation images, after training the mini profile with a backbone of its own."""
    settings = ["model.backbone_weights=none", "model.freeze_backbone=false", "model.width=64", "train.batch=40"]
    updates = ["train.pretrain_updates=1", "train.finetune_updates=159", "train.rate=0.002", "train.warmup=20"]
    config = override(named(variant, "mini"), [*settings, *updates])
    vocabulary = Vocabulary.of_split(splits["train"])
    train, val = (prepared(splits[name], config, vocabulary) for name in ("train", "val"))
    torch.manual_seed(1)
    model = build_model(config, len(vocabulary))
    world = World(0, 1, torch.device("cpu"))
    Trainer(
        model, config, seed=1, data=train, validation=None, vocabulary=vocabulary, folder=folder, world=world
    ).train()
    written = predict(model, val, vocabulary)
    return float(np.mean([a == characters(b) for a, b in zip(written, splits["val"].captions, strict=True)]))


def test_a_box_that_no_mask_covers_is_hidden_too(tmp_path: Path) -> None:
    """A data set whose masked boxes lack a box, so that its caption can be read off the picture."""
    (tmp_path / "images").mkdir()
    row: AnnotationRow = {
        "image_id": "one",
        "width": 64,
        "height": 64,
        "title": "面霜",
        "attributes": "",
        "category": "面霜",
        "boxes": [[0.0, 0.0, 0.5, 0.5], [0.5, 0.0, 1.0, 0.5]],
        "captions": ["一一", "鼎鼎"],
        "masked_boxes": [[0.0, 0.5, 0.5, 1.0], [0.0, 0.0, 0.5, 0.5]],
    }
    white = Image.new("RGB", (64, 64), "white")
    white.save(tmp_path / "images" / "one.png")
    with SplitWriter(tmp_path, "train") as writer:
        writer.append(row)
    write_description(tmp_path, name="one", synthetic=True, splits={"train": writer.summary()})
    split = open_directory(tmp_path)["train"]
    vocabulary = Vocabulary.of_split(split)
    config = override(named("context", "mini"), ["model.backbone_weights=none"])
    data = [PreparedSplit(split, config.inputs, vocabulary, keep_images=keep) for keep in (True, False)]
    images = image_batch(row, white, config.inputs, vocabulary).images
    assert images is not None
    for picture in (*(each.picture(0) for each in data), images[0].numpy()):
        half = picture.shape[1] // 2
        assert not picture[:, : half - 2].any()
        assert not picture[:, half + 2 :, : half - 2].any()
        assert (picture[:, half + 2 :, half + 2 :] == 255).all()


@pytest.mark.slow
def test_captions_can_be_read_off_the_picture_only_where_text_is_left(
    coin_flips: dict[str, Split], tmp_path: Path
) -> None:
    """An edge, a shade or a wrong rectangle would tell the masked model what to write; a coin decides otherwise."""
    assert exact_match("leak", coin_flips, tmp_path / "leak") > 0.9
    assert 0.3 < exact_match("context", coin_flips, tmp_path / "masked") < 0.7
