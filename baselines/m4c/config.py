"""M4C-Captioner: settings and variants."""

from dataclasses import dataclass, field

from benchmark.errors import InputError
from reference_model.config import Config
from reference_model.registry import Network


@dataclass(frozen=True)
class CopyOptions:
    """Options of the pointer over product info."""

    types: bool = False  # tell the decoder, as the original does, which of its characters product info has too


@dataclass(frozen=True)
class M4CConfig(Config):
    """A run of M4C with copying; without copying it is the reference model's `baseline`."""

    system: str = "m4c"
    copying: CopyOptions = field(default_factory=CopyOptions)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.inputs.info:
            raise InputError("inputs.info: got false, expected true, since product info is all there is to copy from")


_SIZES = ("model.layers=2", "model.feed_forward=512")

NETWORK = Network(
    config=M4CConfig,
    build="baselines.m4c.model:M4CCaptioner",
    variants={"m4c-copy": ("M4C-Captioner w/ copying: baseline and a pointer over product info", ())},
    sizes={"mini": _SIZES, "smoke": _SIZES},
    official=(
        "train.precision=fp32",
        "train.schedule=drops",
        "train.rate=1e-4",
        "train.warmup=1000",
        "train.drops=0.8333,0.9167",
        "train.drop=0.1",
        "train.batch=128",
        "train.betas=0.9,0.999",
        "train.eps=1e-8",
        "train.clip=0.25",
        "cg.label_smoothing=0",
    ),
)
