"""Features of a frozen backbone: computed once for each image of a split, and kept in the cache.

Where the backbone is not trained, an image has the same features in every epoch and in every run, so batches bring them
along instead of pictures (`Batch.features`), and no picture is prepared in advance.

Invariants:
* the folder's name is the hash of all that decides the features (annotations, state of the pictures, settings of the
  picture, weights of the backbone, kind of processor, versions of libraries); it appears complete or not at all, and
  what was damaged since is made anew;
* only small data sets are kept so (`train.cache_images`): features are larger than the pictures they come from.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL
import torch
from rich.progress import Progress
from torch import Tensor, nn

from benchmark.cache import cached
from benchmark.cli import stderr
from benchmark.errors import InputError
from benchmark.integrity import check_manifest, write_manifest
from reference_model.config import Config
from reference_model.embeddings import GridFeatures
from reference_model.precision import kernels
from reference_model.processor import this_processor
from reference_model.training.inputs import PreparedSplit

#: Raised when other code makes other features of the same pictures.
FORMAT = 2

#: Images that go through the backbone at once.
_AT_ONCE = 64


def keep_features(data: PreparedSplit, model: nn.Module, config: Config) -> None:
    """Give a split the features of its images, if the run keeps them (`Config.keeps_features`).

    Args:
        data: the split; its batches then bring `features` along.
        model: the network of the run, on the device that trains it.
        config: configuration of the run.

    Raises:
        InputError: if a picture changes meanwhile.
    """
    networks = [module for module in model.modules() if isinstance(module, GridFeatures)]
    if not (config.keeps_features and networks):
        return
    [network], split, inputs = networks, data.split, data.inputs
    device = next(network.parameters()).device
    pictures = split.pictures_state()
    decides = {
        "format": FORMAT,
        "data": split.fingerprint.hexdigest(),
        "pictures": pictures,
        "inputs": [inputs.pixels, inputs.mask_text, inputs.grid, inputs.pool],
        "weights": weights_digest(network),
        "processor": this_processor(device).kind,
        "libraries": [np.__version__, PIL.__version__],
    }
    key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:20]

    def make(folder: Path) -> None:
        # In fp32 whatever the run's precision, which is not in the key.
        with kernels(replace(config.train, precision="fp32")), (folder / "features.bin").open("wb") as file:
            for features in _computed(data, network, device):
                file.write(features.cpu().numpy().astype("<f4").tobytes())
        if split.pictures_state() != pictures:
            raise InputError(f"pictures of {split.name} changed while their features were computed; try again")
        write_manifest(folder)

    def read(folder: Path) -> Path:
        if not folder.is_dir():
            raise FileNotFoundError(folder)
        check_manifest(folder)
        return folder / "features.bin"

    data.features_file = cached(f"features/{split.name}-{key}", read, make, folder=True)


@torch.inference_mode()
def _computed(data: PreparedSplit, network: GridFeatures, device: torch.device) -> Iterator[Tensor]:
    """Features of a split's images in order, some at a time."""
    network.eval()
    with Progress(console=stderr, disable=not stderr.is_terminal, transient=True) as bars:
        firsts = range(0, data.n_images, _AT_ONCE)
        for first in bars.track(firsts, description=f"features of {data.split.name}"):
            images = range(first, min(first + _AT_ONCE, data.n_images))
            yield network(torch.from_numpy(np.stack([data.picture(i) for i in images])).to(device))


def weights_digest(network: nn.Module) -> str:
    """SHA-256 of the names, shapes and values of all weights, 64 hex digits."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)}\n".encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()
