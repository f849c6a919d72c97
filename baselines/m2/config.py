"""Meshed-Memory Transformer: settings and variants."""

from dataclasses import dataclass, field

from baselines.config import TattConfig
from reference_model.config import Count, ModelConfig
from reference_model.registry import Network


@dataclass(frozen=True)
class M2Options:
    """Options that only M2 has."""

    memory: Count = 40  # slots of learned keys and values per encoder layer


@dataclass(frozen=True)
class M2Config(TattConfig):
    """A run of M2; `model.layers` counts those of the encoder, and as many of the decoder."""

    system: str = "m2"
    model: ModelConfig = field(
        default_factory=lambda: ModelConfig(layers=3, width=512, positions="sine", embed_scale="one")
    )
    m2: M2Options = field(default_factory=M2Options)


_SIZES = ("model.layers=2", "model.feed_forward=512", "model.embed_scale=sqrt", "m2.memory=10")

NETWORK = Network(
    config=M2Config,
    build="baselines.m2.model:M2Transformer",
    variants={
        "m2": ("Meshed-Memory Transformer w/o TAtt: image and location", ("inputs.info=false",)),
        "m2-tatt": ("Meshed-Memory Transformer w/ TAtt: product info as one more input of the mesh", ()),
    },
    sizes={"mini": _SIZES, "smoke": _SIZES},
    official=(
        "train.precision=fp32",
        "train.schedule=noam",
        "train.rate=1",
        "train.warmup=10000",
        "train.batch=50",
        "train.betas=0.9,0.98",
        "train.clip=0",
        "cg.label_smoothing=0",
    ),
)
