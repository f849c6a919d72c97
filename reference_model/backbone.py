"""Convolutional backbones: an image to a grid of features (paper, section 4.1).

`resnet50` is torchvision's, cut after layer4 (stride 32, 2048 channels). `small` trains from scratch in minutes on a
CPU, for the embedded data set; it has no batch statistics, so an image's features do not depend on its batch.
"""

import re
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmark.errors import DamagedError, InputError
from benchmark.integrity import check_seal, sha256_of

CHANNELS = {"resnet50": 2048, "small": 128}

#: The weights that the small backbone starts from; see `pretrain_backbone`.
SHIPPED = Path(__file__).parent / "weights" / "small_backbone.safetensors"


#: Names of files as torchvision gives them: they end with the first digits of the file's SHA-256.
_DIGEST_IN_NAME = re.compile(r".*-([0-9a-f]{8,64})\.pth")


class Small(nn.Module):
    """Four convolutions with stride 2 at the first three: an image of 8 g pixels gives a g x g grid.

    A last layer tells every cell about the whole picture, which the last cells of a ResNet-50 see anyway.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, stride in ((32, 2), (64, 2), (96, 2), (CHANNELS["small"], 1)):
            layers += [
                nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False),
                nn.GroupNorm(8, width),
                nn.ReLU(inplace=True),
            ]
            channels = width
        self.layers = nn.Sequential(*layers)
        self.whole = nn.Sequential(nn.Linear(2 * channels, channels), nn.ReLU(), nn.Linear(channels, channels))
        self.norm = nn.GroupNorm(1, channels)

    def forward(self, images: Tensor) -> Tensor:
        """Features of images, (I, 3, H, W) to (I, 128, H / 8, W / 8)."""
        cells = self.layers(images)
        whole = self.whole(torch.cat([cells.mean(dim=(2, 3)), cells.amax(dim=(2, 3))], dim=1))
        return self.norm(cells + whole[:, :, None, None])


class ResNet50(nn.Module):
    """torchvision's ResNet-50 without pooling and classifier."""

    def __init__(self, weights: str, *, freeze_batch_norm: bool) -> None:
        super().__init__()
        from torchvision.models import resnet50

        network = resnet50(weights=None)
        if weights != "none":
            network.load_state_dict(_resnet50_weights(weights))
        self.layers = nn.Sequential(
            *(child for name, child in network.named_children() if name not in ("avgpool", "fc"))
        )
        self.freeze_batch_norm = freeze_batch_norm

    def train(self, mode: bool = True) -> "ResNet50":
        """Training or evaluation mode; frozen batch norms stay in the latter."""
        super().train(mode)
        if self.freeze_batch_norm:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Features of images, (I, 3, H, W) to (I, 2048, H / 32, W / 32)."""
        # With channels last the convolutions of GPUs use their tensor cores without turning the tensors around.
        return self.layers(images.contiguous(memory_format=torch.channels_last))


def _resnet50_weights(weights: str) -> dict[str, Tensor]:
    """ImageNet weights from a file, or through torchvision's download.

    Raises:
        InputError: if the file is damaged or holds something else, or there is no network.
    """
    if weights != "imagenet":
        path = Path(weights)
        try:
            _check_file(path)
            if path.suffix == ".safetensors":
                return load_file(path)
            return torch.load(path, map_location="cpu", weights_only=True)
        except DamagedError:
            raise
        except Exception as error:
            raise InputError(
                f"model.backbone_weights={weights}: not a ResNet-50's weights ({str(error).splitlines()[0]:.120}); "
                "expected a .safetensors or .pth file of torchvision's resnet50"
            ) from None
    from torchvision.models import ResNet50_Weights

    try:
        found = dict(ResNet50_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True))
        # What was downloaded earlier is not checked by torchvision.
        _check_file(Path(torch.hub.get_dir()) / "checkpoints" / Path(ResNet50_Weights.IMAGENET1K_V1.url).name)
        return found
    except OSError as error:
        raise InputError(
            f"ResNet-50's ImageNet weights could not be downloaded ({error}); copy torchvision's file here "
            "and name it: model.backbone_weights=resnet50.pth, or train from scratch: model.backbone_weights=none"
        ) from None


def _check_file(path: Path) -> None:
    """Compare a file of weights with the digests that it holds or bears in its name.

    Raises:
        DamagedError: if they differ.
        OSError: if it cannot be read.
    """
    if path.suffix == ".safetensors":
        check_seal(path, required=path == SHIPPED)
        return
    stated = _DIGEST_IN_NAME.fullmatch(path.name)
    if stated and not sha256_of(path).startswith(stated[1]):
        raise DamagedError(f"{path}: was damaged: its SHA-256 does not begin with {stated[1]}; download it again")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            try:
                broken = archive.testzip()
            except zipfile.BadZipFile as error:
                broken = str(error)
        if broken:
            raise DamagedError(f"{path}: was damaged: the checksum of {broken} in it differs; copy it again")


def given_weights_sha256(weights: str) -> str:
    """SHA-256 of a file of weights that a user has named; empty for weights by name, and if it cannot be read."""
    try:
        return "" if weights in ("none", "mini", "imagenet") else sha256_of(Path(weights))
    except OSError:
        return ""


def backbone(kind: str, weights: str, *, freeze_batch_norm: bool) -> nn.Module:
    """A backbone by its name in `ModelConfig.backbone`: images (I, 3, H, W) to features (I, CHANNELS, h, w)."""
    if kind == "resnet50":
        return ResNet50(weights, freeze_batch_norm=freeze_batch_norm)
    network = Small()
    if weights != "none":
        path = SHIPPED if weights == "mini" else Path(weights)
        try:
            _check_file(path)
            network.load_state_dict(load_file(path))
        except (OSError, RuntimeError, SafetensorError) as error:
            raise InputError(
                f"model.backbone_weights={weights}: not the small backbone's ({str(error).splitlines()[0]:.120}); "
                "expected 'mini', 'none', or a file made by python -m reference_model.pretrain_backbone"
            ) from None
    return network
