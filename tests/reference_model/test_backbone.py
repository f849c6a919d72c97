"""Weights of the backbones: nothing is trained on top of damaged ones."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_runs import tiny

from benchmark.dataset.store import Split
from benchmark.errors import DamagedError, InputError
from benchmark.files import replace_when_complete
from benchmark.integrity import check_seal, seal, seal_metadata, sha256_of
from reference_model import backbone as module
from reference_model.backbone import SHIPPED, backbone
from reference_model.run_folder import has_checkpoint, made_by
from reference_model.train import train


def small(weights: Path) -> dict[str, torch.Tensor]:
    return backbone("small", str(weights), freeze_batch_norm=False).state_dict()


def test_the_shipped_weights_are_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run of the small profile on top of a bit that a copy has lost."""
    check_seal(SHIPPED)
    content = SHIPPED.read_bytes()
    monkeypatch.setattr(module, "SHIPPED", tmp_path / "shipped.safetensors")
    module.SHIPPED.write_bytes(content[:-5] + bytes([content[-5] ^ 4]) + content[-4:])
    with pytest.raises(DamagedError, match="damaged after it was written"):
        backbone("small", "mini", freeze_batch_norm=False)
    save_file(load_file(SHIPPED), module.SHIPPED)
    with pytest.raises(DamagedError, match="no digest"):
        backbone("small", "mini", freeze_batch_norm=False)


def test_given_weights_are_checked_where_they_can_be(tmp_path: Path) -> None:
    """A digest in the file, in its name, or the checksums of an archive that nobody compares."""
    weights, path = load_file(SHIPPED), tmp_path / "own.safetensors"
    save_file(weights, path)
    assert all(torch.equal(small(path)[name], value) for name, value in weights.items())
    save_file(weights, path, metadata=seal_metadata())
    seal(path)
    content = path.read_bytes()
    path.write_bytes(content[:-5] + bytes([content[-5] ^ 4]) + content[-4:])
    with pytest.raises(DamagedError, match="damaged after it was written"):
        small(path)
    torch.save({"fc": torch.arange(1000.0)}, tmp_path / "resnet50.pth")
    content = bytearray((tmp_path / "resnet50.pth").read_bytes())
    content[content.index(torch.arange(1000.0).numpy().tobytes()) + 2000] ^= 4
    (tmp_path / "resnet50.pth").write_bytes(content)
    (tmp_path / "resnet50-0123abcd.pth").write_bytes(content)
    for name, why in (("resnet50.pth", "checksum"), ("resnet50-0123abcd.pth", "does not begin with 0123abcd")):
        with pytest.raises(DamagedError, match=why):
            module._resnet50_weights(str(tmp_path / name))


def test_a_run_keeps_to_the_weights_it_was_begun_with(splits: dict[str, Split], tmp_path: Path) -> None:
    """Another file under the same name, and a folder whose hash stands for two models."""
    path, config = (
        tmp_path / "own.safetensors",
        tiny("context", f"model.backbone_weights={tmp_path / 'own.safetensors'}"),
    )
    save_file(load_file(SHIPPED), path)
    folder = train(config, splits, seed=1, runs=tmp_path)
    assert made_by(folder)["backbone"] == sha256_of(path)
    assert has_checkpoint(folder)
    (folder / "scores.test.json").unlink()
    train(config, splits, seed=1, runs=tmp_path)
    (folder / "scores.test.json").unlink()
    with replace_when_complete(path) as partial:
        save_file({name: value + 1 for name, value in load_file(SHIPPED).items()}, partial)
    with pytest.raises(InputError, match="other weights of the backbone"):
        train(config, splits, seed=1, runs=tmp_path)
