"""Up-Down: settings and variants."""

from dataclasses import dataclass, field

from reference_model.config import Config, Count, InputConfig, ModelConfig
from reference_model.registry import Network


@dataclass(frozen=True)
class UpDownOptions:
    """Options that only Up-Down has."""

    attention: Count = 512  # width of the attention's hidden layer
    attend_location: bool = False  # put the box among the attended cells too


@dataclass(frozen=True)
class UpDownConfig(Config):
    """A run of Up-Down."""

    system: str = "updown"
    model: ModelConfig = field(
        default_factory=lambda: ModelConfig(width=1000, dropout=0.5, position_table=72, embed_scale="one")
    )
    inputs: InputConfig = field(default_factory=InputConfig)
    updown: UpDownOptions = field(default_factory=UpDownOptions)


_SIZES = ("model.width=256", "model.embed_scale=sqrt", "updown.attention=128")

NETWORK = Network(
    config=UpDownConfig,
    build="baselines.updown.model:UpDown",
    variants={
        "updown": ("Up-Down w/o TAtt: image and location", ("inputs.info=false",)),
        "updown-tatt": ("Up-Down w/ TAtt: and attention over product info", ()),
    },
    sizes={"mini": _SIZES, "smoke": _SIZES},
    # The widely used PyTorch re-implementation: Adam, the rate times 0.8 ten times, gradient values clipped.
    official=(
        "train.precision=fp32",
        "train.schedule=drops",
        "train.rate=5e-4",
        "train.warmup=1",
        "train.drops=0.0909,0.1818,0.2727,0.3636,0.4545,0.5455,0.6364,0.7273,0.8182,0.9091",
        "train.drop=0.8",
        "train.betas=0.9,0.999",
        "train.eps=1e-8",
        "train.clip=0",
        "train.clip_value=0.1",
        "cg.label_smoothing=0",
    ),
)
