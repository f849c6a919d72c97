"""Settings that M2 and RSTNet share."""

from dataclasses import dataclass, field

from benchmark.errors import InputError
from reference_model.config import LATER, Config, Natural


@dataclass(frozen=True)
class TattOptions:
    """Options of the attention to product info (TAtt)."""

    encoder_layers: Natural = 0  # transformer layers that encode product info; 0: its word vectors are attended to


@dataclass(frozen=True)
class TattConfig(Config):
    """A run of a network with attention to product info."""

    tatt: TattOptions = field(default=TattOptions(), metadata=LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tatt.encoder_layers and not self.inputs.info:
            raise InputError(
                f"tatt.encoder_layers: got {self.tatt.encoder_layers}, expected 0 with inputs.info=false, which leaves "
                "no product info to encode"
            )
