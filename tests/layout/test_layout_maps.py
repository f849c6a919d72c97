"""Maps of pictures: mini's own masks and canvases, folders, and what is said where there are none."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.dataset.description import write_description
from benchmark.dataset.mini.canvases import canvases_of, product_mask, samples_of
from benchmark.dataset.store import Split, SplitWriter, open_directory
from benchmark.errors import InputError
from benchmark.layout import maps as maps_module
from benchmark.layout.evaluation import evaluate_layouts
from benchmark.layout.layouts import Layouts
from benchmark.layout.maps import Maps


def test_masks_are_where_the_products_are(splits: dict[str, Split]) -> None:
    """A mask of another image, or one that is mirrored: occlusion would be noise.

    The colours under a mask must be those of the product, so they differ from the rest of the canvas.
    """
    made = samples_of(splits["test"])
    differences = []
    for sample in made:
        mask = np.asarray(product_mask(sample)) > 127
        top = min(area[1] for area in sample.layout.areas) - 0.02
        bottom = max(area[3] for area in sample.layout.areas) + 0.02
        rows = np.flatnonzero(mask.any(axis=1)) / sample.layout.size[1]
        assert top <= rows.min()
        assert rows.max() <= bottom
        assert mask.shape == sample.layout.size[::-1]
        canvas = np.asarray(canvases_of(splits["test"])(made.index(sample))).astype(float)
        differences.append(np.abs(canvas[mask].mean(axis=0) - canvas[~mask].mean(axis=0)).max())
    assert np.median(differences) > 15


def test_references_hardly_touch_the_product(splits: dict[str, Split]) -> None:
    """Masks of other images, under which the references would lie as often as random boxes do."""
    split = splits["test"]
    maps = Maps.chosen(split, None, None)
    own = evaluate_layouts(split, Layouts.of_split(split), "layout", maps).scores
    middle = Layouts.of([[[0.4, 0.4, 0.6, 0.6]]] * split.n_images)
    other = evaluate_layouts(split, middle, "layout", maps).scores
    assert own["Occlusion"] < 2 < 20 < other["Occlusion"]
    assert "Unreadability" not in own


def test_canvases_have_no_texts(splits: dict[str, Split]) -> None:
    """A canvas that tells where the captions stand: the answer would be in the question."""
    split = splits["test"]
    canvas = canvases_of(split)
    changed = []
    for image, image_id in enumerate(split.image_ids):
        differs = (np.asarray(canvas(image)) != np.asarray(split.image(image_id))).any(axis=2)
        changed.append(differs.mean())
    assert min(changed) > 0.01


def test_a_split_that_the_generator_did_not_make(splits: dict[str, Split], tmp_path: Path) -> None:
    """Masks of mini's products on other pictures."""
    [row] = splits["val"].rows(only=range(1))
    with SplitWriter(tmp_path, "test") as writer:
        writer.append({**row, "image_id": "test-000000"})
    write_description(tmp_path, name=splits["val"].dataset, synthetic=True, splits={"test": writer.summary()})
    with pytest.raises(InputError, match="not those of mini's generator"):
        samples_of(open_directory(tmp_path)["test"])


def test_saliency_of_opencv(splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch) -> None:
    """Red and blue swapped, or a map that leaves [0, 1], where OpenCV's contrib modules are installed."""

    class Reds:
        def computeSaliency(self, picture: np.ndarray) -> tuple[bool, np.ndarray]:  # noqa: N802  # OpenCV's name
            return True, picture[..., 2].astype(np.float32) / 200

    monkeypatch.setattr(maps_module, "_fine_grained", Reds)
    split = splits["test"]
    saliency = Maps.chosen(split, "opencv", "mini").saliency_of(split)
    assert saliency is not None
    red = np.asarray(canvases_of(split)(0))[..., 0] / 200
    assert saliency(0) == pytest.approx(red.clip(0, 1), abs=1e-6)


def test_folders_of_maps(splits: dict[str, Split], tmp_path: Path) -> None:
    """Maps of any size: white means salient; a missing one is named."""
    split = splits["test"]
    for image_id in split.image_ids:
        Image.new("L", (30, 20), 255).save(tmp_path / f"{image_id}.png")
    maps = Maps.chosen(split, str(tmp_path), str(tmp_path))
    evaluation = evaluate_layouts(split, Layouts.of_split(split), "layout", maps)
    assert evaluation.scores["Occlusion"] == 100
    assert evaluation.scores["Utility"] == evaluation.scores["Unreadability"] == 0
    (tmp_path / f"{split.image_ids[3]}.png").unlink()
    with pytest.raises(InputError, match=f"no saliency map of image {split.image_ids[3]}"):
        evaluate_layouts(split, Layouts.of_split(split), "layout", Maps(tmp_path)).scores["Match"]


def test_what_cannot_be_looked_at_is_told(splits: dict[str, Split], tmp_path: Path) -> None:
    """All problems of the options at once, before anything is read."""
    with pytest.raises(InputError) as caught:
        Maps.chosen(splits["test"], str(tmp_path / "no"), "nothing")
    assert len(caught.value.problems) == 2
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2, "saliency"):
        with pytest.raises(InputError, match="contrib") as caught:
            Maps.chosen(splits["test"], "opencv", None)
        assert len(caught.value.problems) == 2
