"""Parameter counts at paper size, worked out by hand from the paper's and the release's shapes."""

import pytest
import torch

from reference_model.config import Config, override
from reference_model.model import ReferenceModel
from reference_model.registry import named

VOCABULARY = 6263

COUNTS = {
    ("context", "model.positions=sine"): 85_586_103,
    ("context",): 85_717_175,
    ("full", "model.positions=sine"): 85_587_128,
    ("full", "model.positions=sine", "cm.head=softmax2"): 85_588_153,
    ("baseline", "model.positions=sine"): 84_537_527,
    ("no-info", "model.positions=sine"): 84_537_527,
    ("no-locations", "model.positions=sine"): 82_439_351,
    ("no-image", "model.positions=sine"): 58_931_319,
    ("top2", "model.positions=sine"): 87_683_255,
    # Figure 4
    ("context", "model.positions=sine", "model.layers=2"): 52_000_000,
    ("context", "model.positions=sine", "model.layers=12"): 136_000_000,
    ("context", "model.positions=sine", "model.width=256"): 33_700_000,
    ("context", "model.positions=sine", "model.width=1536"): 137_800_000,
    ("context", "model.positions=sine", "model.width=256", "model.feed_forward=0"): 29_000_000,
    ("context", "model.positions=sine", "inputs.grid=4"): 85_586_103 - 4 * 2 * 512,
}


def count(config: Config) -> int:
    with torch.device("meta"):  # shapes only: the paper's sizes cost no memory
        model = ReferenceModel(override(config, ["model.backbone_weights=none"]), VOCABULARY)
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("settings", "expected"), COUNTS.items(), ids=lambda v: " ".join(v) if isinstance(v, tuple) else ""
)
def test_parameter_counts(settings: tuple[str, ...], expected: int) -> None:
    """A bias, table or head too many; round numbers are those of Figure 4, given to 0.1 M."""
    found = count(override(named(settings[0]), list(settings[1:])))
    assert found == expected if expected % 100_000 else abs(found - expected) <= 50_000


def test_parts_of_the_context_model() -> None:
    """A total can be right by accident; its parts cannot all be."""
    with torch.device("meta"):
        settings = ["model.backbone_weights=none", "model.positions=sine"]
        model = ReferenceModel(override(named("context"), settings), VOCABULARY)

    def size(prefix: str) -> int:
        return sum(p.numel() for name, p in model.named_parameters() if name.startswith(prefix))

    assert size("image.features.backbone") == 23_508_032
    assert size("image.project") == 2_098_176
    assert size("grid") == 8_192
    assert size("location.current") == 1_049_088
    assert size("location.context") == 2_097_664
    assert size("words.table") == 6_413_312
    assert size("output_bias") == 6_263
    assert size("segments") == 4_096
    assert size("transformer.layers.0.") == 8_399_872
    assert size("transformer.norm") == 2_048
