"""The networks that can be trained, by name, and the configuration of each of their variants at a profile's sizes.

`named("full", "mini")` is the configuration of a variant at a size. The profiles:

* `paper`: the paper's sizes, for GPUs;
* `mini`: scaled down for the embedded data set and one CPU core, with the inputs conditioned so that small models learn
  to read them (`docs/reproduce.md`); the same for every variant of every network;
* `smoke`: a few steps, to see that everything runs.

Networks of this repository are found by where they stand: the reference model in `reference_model.variants`, and one in
each folder of `baselines/` that has a `config.py`; the module has a constant `NETWORK`. So a new baseline is a folder
and nothing else. Other packages add networks as entry points of the group `caponimage.systems`. Training, `predict` and
`caption` therefore serve every network and import none.

Invariant: a variant's name belongs to one network only.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pkgutil import iter_modules

from benchmark.errors import InputError
from reference_model.config import Config, override, release

GROUP = "caponimage.systems"

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
        "train.optimiser=muon",
        "train.schedule=trapezoid",
        "train.rate=0.005",
        "train.warmup=100",
        "train.precision=fp32",
        "train.betas=0.9,0.98",
        "train.clip=1",
        "train.batch=48",
        "train.grouped=false",
        "train.pretrain_updates=1600",
        "train.finetune_updates=400",
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


#: Help of the options of commands that end up in `configured`.
PROFILE_HELP = f"Profile of sizes: {', '.join(PROFILES)}."
PRESET_HELP = (
    "Preset of settings: paper, release (as the paper's authors' code), or official (a baseline's authors' recipe)."
)


@dataclass(frozen=True)
class Network:
    """A network and what is known of it before it is built.

    `build`, `prepare` and `trial` are written "module:name" and are looked up (`pkgutil.resolve_name`) when they are
    needed, so that a module of settings imports neither torch nor its network.

    Attributes:
        config: the type of its configurations; the defaults are the sizes of the `paper` profile, and the default of
            `system` is the network's name.
        build: a callable that takes a configuration and the vocabulary's size and returns a module with `loss(batch)`
            and `generate(batch)`.
        variants: for each name, what the variant is and its overrides of the default configuration.
        sizes: for each profile, overrides that this network needs beside the ones all networks share
            (`PROFILES`).
        official: overrides of `--preset official`, the recipe of the network's own authors.
        prepare: a callable for what a fresh network starts from. It takes the model, the configuration, the splits by
            name, the vocabulary and the seed, is called before the first update, and returns what to note in the run's
            folder. Empty if there is nothing to prepare.
        trial: a callable for what `prepare` costs. It takes the configuration, the prepared training split and the
            vocabulary's size, and returns one step of its work, to be measured, and how many there are at most. Empty
            if it costs nothing that is worth a word.
        version: the version of the numbers of its runs. Runs of one version are taken for runs of today's code, and
            those of another are trained anew. Raise it by hand when a change of the network, of the training loop, of
            what models are given or of decoding makes the same configuration and seed end with other weights or other
            captions; a change of the code that all networks share raises the version of each. Help texts, names and
            speed do not raise it, nor do sums in another order, within the rounding of other processors.
            `tests/reference_model/test_digests.py` fails if this is forgotten.
    """

    config: type[Config]
    build: str
    variants: Mapping[str, tuple[str, tuple[str, ...]]]
    sizes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    official: tuple[str, ...] = ()
    prepare: str = ""
    trial: str = ""
    version: str = "1"

    @property
    def name(self) -> str:
        """The network's name in `Config.system`."""
        return self.config.system


@cache
def networks() -> dict[str, Network]:
    """All networks by name: the reference model, the baselines, and those of other packages."""
    own = [import_module(module).NETWORK for module in ("reference_model.variants", *_baselines())]
    found: dict[str, Network] = {network.name: network for network in own}
    for network in _of_other_packages():
        if found.setdefault(network.name, network) is not network:
            warnings.warn(f"a second network is called {network.name!r} and is left out", stacklevel=2)
    return found


def network(name: str) -> Network:
    """Find a network by name, as written in `Config.system`.

    Raises:
        InputError: if there is none.
    """
    if name not in networks():
        raise InputError(f"system: got {name!r:.60}, expected one of {', '.join(networks())}")
    return networks()[name]


def network_of(variant: str) -> Network:
    """The network that a variant belongs to.

    Raises:
        InputError: if no network has it.
    """
    for candidate in networks().values():
        if variant in candidate.variants:
            return candidate
    names = [name for candidate in networks().values() for name in candidate.variants]
    raise InputError(f"no variant {variant!r:.60}; there are {', '.join(names)}")


def named(variant: str, profile: str = "paper") -> Config:
    """The configuration of a variant at a profile's sizes.

    Raises:
        InputError: if there is no such variant or profile.
    """
    if profile not in PROFILES:
        raise InputError(f"no profile {profile!r:.60}; there are {', '.join(PROFILES)}")
    found = network_of(variant)
    overrides = [*PROFILES[profile], *found.sizes.get(profile, ()), *found.variants[variant][1]]
    return replace(override(found.config(profile=profile), overrides), name=variant)


def configured(variant: str, profile: str, preset: str, overrides: Sequence[str] | None) -> Config:
    """The configuration that a command's arguments describe.

    Args:
        variant: name of the variant.
        profile: name of the profile of sizes.
        preset: `paper`, `release` (as the paper's authors' code) or `official` (the recipe of a baseline's authors).
        overrides: settings, such as `model.layers=4`; they come last.

    Raises:
        InputError: if there is no such variant, profile, preset or setting.
    """
    if preset not in ("paper", "release", "official"):
        raise InputError(f"--preset: got {preset!r}, expected paper, release or official")
    config = named(variant, profile)
    if preset == "official":
        if not network_of(variant).official:
            raise InputError(f"--preset official: {variant} is no baseline with a recipe of its own")
        config = override(config, list(network_of(variant).official))
    return override(release(config) if preset == "release" else config, list(overrides or []))


def _baselines() -> list[str]:
    """The settings modules of the folders of `baselines/`; none where that package is not there."""
    package = find_spec("baselines")
    if package is None:
        return []
    folders = sorted(found.name for found in iter_modules(package.submodule_search_locations) if found.ispkg)
    modules = [f"baselines.{folder}.config" for folder in folders]
    return [module for module in modules if find_spec(module)]


def _of_other_packages() -> Iterator[Network]:
    """Networks that installed packages declare as entry points.

    One that cannot be loaded is left out with a warning. An entry point of this package is a left-over of an older
    installation, since its own networks are found without.
    """
    for point in entry_points(group=GROUP):
        if point.dist is not None and point.dist.name == "caponimage":
            continue
        try:
            yield point.load()
        except Exception as error:  # another package's code may raise anything
            warnings.warn(f"the network {point.value} cannot be loaded: {error}", stacklevel=2)
