"""Features of a frozen backbone: those of the pictures that are there now, computed once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import tiny

from benchmark.dataset.store import Split
from reference_model.registry import networks
from reference_model.run_folder import build_model
from reference_model.train import train
from reference_model.training.batches import collate
from reference_model.training.features import keep_features
from reference_model.training.inputs import PreparedSplit
from reference_model.training.vocabulary import Vocabulary

VARIANTS = [next(iter(network.variants)) for network in networks().values()]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that a test may damage."""
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("variant", VARIANTS)
def test_features_stand_for_pictures(variant: str, splits: dict[str, Split], vocabulary: Vocabulary) -> None:
    """Features of other images, of another scale, or in another order of cells than the network computes itself."""
    config = tiny(variant)
    torch.manual_seed(1)
    model = build_model(config, len(vocabulary)).eval()
    data = PreparedSplit(splits["train"], config.inputs, vocabulary, seed=1)
    boxes = np.arange(60, 90)
    looking = collate(data, boxes)
    keep_features(data, model, config)
    given = collate(data, boxes)
    assert looking.images is not None
    assert looking.features is given.images is None
    with torch.inference_mode():
        assert torch.allclose(model.loss(given), model.loss(looking), rtol=1e-5)
        others = collate(data, boxes + 30).features
        assert not torch.allclose(given.features[:3], others[:3], atol=1e-2)


def test_a_backbone_that_learns_sees_pictures(splits: dict[str, Split], vocabulary: Vocabulary) -> None:
    """Weights of the backbone that are trained and never used."""
    config = tiny("context", "model.freeze_backbone=false")
    data = PreparedSplit(splits["val"], config.inputs, vocabulary, keep_images=config.keeps_pictures)
    keep_features(data, build_model(config, len(vocabulary)), config)
    batch = collate(data, np.arange(4))
    assert data.keep_images
    assert batch.images is not None
    assert batch.features is None


def test_pictures_are_read_once_for_all_runs(
    own: Path, splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every run that reads every picture again, in preparation, in each epoch, or when it predicts."""
    read: list[str] = []
    image = Split.image

    def counted(split: Split, image_id: str) -> Image.Image:
        read.append(image_id)
        return image(split, image_id)

    monkeypatch.setattr(Split, "image", counted)
    train(tiny("context"), splits, seed=1, runs=own / "runs")
    assert sorted(read) == sorted(i for split in splits.values() for i in split.image_ids)
    train(tiny("m2"), splits, seed=1, runs=own / "runs")
    assert len(read) == sum(split.n_images for split in splits.values())


@pytest.mark.parametrize("how", ["damaged", "halved", "missing"])
def test_damaged_features_are_made_anew(
    how: str, own: Path, splits: dict[str, Split], vocabulary: Vocabulary, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training on features that a disk has changed."""
    config = tiny("context")
    model = build_model(config, len(vocabulary))

    def features() -> tuple[Path, np.ndarray]:
        data = PreparedSplit(splits["val"], config.inputs, vocabulary)
        keep_features(data, model, config)
        assert data.features_file is not None
        return data.features_file, np.array(data.features)

    path, whole = features()
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes({"damaged": bytes(content), "halved": bytes(content[: len(content) // 2]), "missing": b""}[how])
    if how == "missing":
        path.unlink()
    assert np.array_equal(features()[1], whole)
    assert "making it anew" in capsys.readouterr().err


def test_what_decides_features_gets_features_of_its_own(
    own: Path, splits: dict[str, Split], vocabulary: Vocabulary
) -> None:
    """Features of other weights, of another grid, or of pictures with the text left on them."""
    files = set()
    for setting in ("model.heads=4", "model.backbone_weights=none", "inputs.pool=1", "inputs.mask_text=false"):
        config = tiny("context", setting)
        data = PreparedSplit(splits["val"], config.inputs, vocabulary)
        keep_features(data, build_model(config, len(vocabulary)), config)
        assert data.features.shape == (data.n_images, (config.inputs.grid // config.inputs.pool) ** 2, 128)
        files.add(data.features_file)
    assert len(files) == 4
