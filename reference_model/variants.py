"""Named configurations: what each variant changes, and the sizes of each profile.

`named("full", "mini")` is the configuration of a variant at a size. `VARIANTS` are the rows of Tables 2, 3 and A5
which are this package's network; profiles:

* `paper`: the paper's sizes, for GPUs;
* `mini`: scaled down for the embedded data set and one CPU core, with the inputs conditioned so that small models learn
  to read them (`docs/reproduce.md`); the same for every variant of every network;
* `smoke`: a few steps, to see that everything runs.
"""

from dataclasses import replace

from benchmark.errors import InputError
from reference_model.config import Config, override
from reference_model.registry import Network, network_of

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

#: For each profile, the overrides of the paper's sizes; the same for every network.
PROFILES: dict[str, tuple[str, ...]] = {
    "paper": (),
    "mini": (
        "model.width=128",
        "model.heads=4",
        "model.dropout=0",
        "model.backbone=small",
        "model.backbone_weights=mini",
        "model.freeze_backbone=true",
        "model.balanced_inputs=true",
        "inputs.image_side=64",
        "inputs.pool=2",
        "train.schedule=cosine",
        "train.rate=0.003",
        "train.warmup=100",
        "train.betas=0.9,0.98",
        "train.clip=1",
        "train.batch=48",
        "train.pretrain_updates=1000",
        "train.finetune_updates=3000",
        "train.workers=0",
        "train.cache_images=true",
        "train.validate_every=500",
        "train.validate_images=300",
        "train.save_every=200",
    ),
}
PROFILES["smoke"] = (
    *PROFILES["mini"],
    "train.pretrain_updates=6",
    "train.finetune_updates=4",
    "train.batch=24",
    "train.validate_every=10",
    "train.validate_images=20",
    "train.save_every=5",
)

_SIZES = ("model.layers=2", "model.feed_forward=512")


NETWORK = Network(
    config=Config,
    build="reference_model.model:ReferenceModel",
    variants=VARIANTS,
    sizes={"mini": _SIZES, "smoke": _SIZES},
)


def named(variant: str, profile: str = "paper") -> Config:
    """The configuration of a variant at a profile's sizes.

    Raises:
        InputError: if there is no such variant or profile.
    """
    if profile not in PROFILES:
        raise InputError(f"no profile {profile!r:.60}; there are {', '.join(PROFILES)}")
    network = network_of(variant)
    overrides = [*PROFILES[profile], *network.sizes.get(profile, ()), *network.variants[variant][1]]
    return replace(override(network.config(profile=profile), overrides), name=variant)
