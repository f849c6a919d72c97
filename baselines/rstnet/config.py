"""RSTNet: settings and variants."""

from dataclasses import dataclass, field
from typing import Literal

from baselines.config import TattConfig
from benchmark.errors import InputError
from reference_model.config import Amount, Count, ModelConfig
from reference_model.registry import Network


@dataclass(frozen=True)
class LanguageModelOptions:
    """Options of the language signal of adaptive attention.

    `char`: a causal transformer over characters, trained on training captions alone and then frozen; `bert`: a local
    BERT, causally masked; `onehot`: the words themselves; `zero`: no signal (the last two are ablations).
    """

    kind: Literal["char", "bert", "onehot", "zero"] = "char"
    path: str = ""  # folder of the local BERT
    layers: Count = 2
    width: Count = 256
    heads: Count = 4
    feed_forward: Count = 1024
    rate: Amount = 1e-3
    batch: Count = 512
    epochs: Count = 20  # at most; it stops when validation perplexity no longer falls

    def __post_init__(self) -> None:
        if self.kind == "bert" and not self.path:
            raise InputError("path: got none, expected the folder of a BERT (bert-base-chinese) for kind=bert")


@dataclass(frozen=True)
class RSTNetConfig(TattConfig):
    """A run of RSTNet; `model.layers` counts those of the encoder, and the plain ones of the decoder."""

    system: str = "rstnet"
    model: ModelConfig = field(
        default_factory=lambda: ModelConfig(layers=3, width=512, positions="sine", embed_scale="one")
    )
    language_model: LanguageModelOptions = field(default_factory=LanguageModelOptions)


_SIZES = (
    "model.layers=1",
    "model.feed_forward=512",
    "model.embed_scale=sqrt",
    "language_model.width=128",
    "language_model.feed_forward=512",
    "language_model.rate=3e-3",
    "language_model.epochs=8",
)

NETWORK = Network(
    config=RSTNetConfig,
    build="baselines.rstnet.model:RSTNet",
    prepare="baselines.rstnet.model:prepare",
    trial="baselines.rstnet.language_model:trial",
    variants={
        "rstnet": (
            "RSTNet w/o TAtt: image and location, adaptive attention to a language signal",
            ("inputs.info=false",),
        ),
        "rstnet-tatt": ("RSTNet w/ TAtt: and attention over product info in each decoder layer", ()),
    },
    sizes={"mini": _SIZES, "smoke": (*_SIZES, "language_model.epochs=1")},
    official=(
        "train.precision=fp32",
        "train.schedule=drops",
        "train.rate=1e-4",
        "train.warmup=12500",
        "train.drops=0.5556,0.6667",
        "train.drop=0.2",
        "train.batch=50",
        "train.betas=0.9,0.98",
        "train.clip=0",
        "cg.label_smoothing=0",
    ),
)
