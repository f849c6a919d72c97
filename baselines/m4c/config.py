"""M4C-Captioner: settings and variants."""

from dataclasses import dataclass, field
from typing import Literal

from benchmark.errors import InputError
from reference_model.config import LATER, Config
from reference_model.registry import Network


@dataclass(frozen=True)
class CopyOptions:
    """Options of the pointer over product info."""

    types: bool = False  # tell the decoder, as the original does, which of its characters product info has too
    #: `softmax`: one distribution over characters, to which entry and copies add up; `bce`, as the original: a sigmoid
    #: for each entry and each copy, all that are the target's are to be 1, and the highest of all is written.
    loss: Literal["softmax", "bce"] = field(default="softmax", metadata=LATER)
    #: How a character that product info has is read: by its word embedding, or as the original reads copies, by the
    #: token of its (first) place in product info.
    input: Literal["word", "pointer"] = field(default="word", metadata=LATER)


@dataclass(frozen=True)
class M4CConfig(Config):
    """A run of M4C with copying; without copying it is the reference model's `baseline`."""

    system: str = "m4c"
    copying: CopyOptions = field(default_factory=CopyOptions)

    def __post_init__(self) -> None:
        super().__post_init__()
        problems = []
        if not self.inputs.info:
            problems.append("inputs.info: got false, expected true, since product info is all there is to copy from")
        if self.copying.loss == "bce" and self.cg.label_smoothing:
            problems.append(
                f"cg.label_smoothing: got {self.cg.label_smoothing:g}, expected 0 with copying.loss=bce, whose targets "
                "are no distribution"
            )
        if problems:
            raise InputError(*problems)


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
