"""The variants of the reference model: the rows of Tables 2, 3 and A5 that are the paper's own network."""

from reference_model.config import Config
from reference_model.registry import Network, named

__all__ = ["NETWORK", "VARIANTS", "named"]  # `named` lives in `registry`; older scripts import it from here

#: For each variant, what it is and its overrides of the paper's `baseline`.
VARIANTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "baseline": ("image, location without neighbours, product info; CG only", ()),
    "no-locations": ("baseline without the location token", ("inputs.location=false",)),
    "no-info": ("baseline without title and attributes", ("inputs.info=false",)),
    "no-image": ("baseline without the image", ("inputs.image=false",)),
    "context": ("baseline with the nearest previous and next box", ("inputs.neighbours=nearest",)),
    "full": (
        "context, pre-trained with Caption Matching, progressive levels",
        ("inputs.neighbours=nearest", "cm.strategy=progressive"),
    ),
    "full-level1": (
        "Table 3: Caption Matching with level I only",
        ("inputs.neighbours=nearest", "cm.strategy=fixed", "cm.fixed_mix=1,0,0"),
    ),
    "full-level12": (
        "Table 3: levels I and II, 3:4",
        ("inputs.neighbours=nearest", "cm.strategy=fixed", "cm.fixed_mix=0.428571428,0.571428572,0"),
    ),
    "full-fixed": (
        "Table 3: levels I, II and III, fixed 30:40:30",
        ("inputs.neighbours=nearest", "cm.strategy=fixed"),
    ),
    "random-neighbours": ("Table A5: two random boxes", ("inputs.neighbours=random",)),
    "top2": ("Table A5: the two nearest of each side", ("inputs.neighbours=top2",)),
    "chain": ("the release's neighbours, previous and next in reading order", ("inputs.neighbours=chain",)),
    "leak": (
        "control: context with the text left on the picture",
        ("inputs.neighbours=nearest", "inputs.mask_text=false"),
    ),
}

_SIZES = ("model.layers=2", "model.feed_forward=512")


NETWORK = Network(
    config=Config,
    build="reference_model.model:ReferenceModel",
    variants=VARIANTS,
    sizes={"mini": _SIZES, "smoke": _SIZES},
)
