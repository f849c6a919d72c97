"""The networks there are to train, by name: this package's own, and those other packages add.

A system is a type of configuration, a network, and its named variants. It is found as an entry point of the group
`caponimage.systems` (see `pyproject.toml`), so training, `predict` and `caption` serve every system and import none.

Invariant: a variant's name belongs to one system only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import distributions
from typing import Any

from benchmark.errors import InputError
from reference_model.config import Config

GROUP = "caponimage.systems"


@dataclass(frozen=True)
class System:
    """A network and what is known of it before it is built.

    Attributes:
        config: the type of its configurations; the defaults are the sizes of the `paper` profile.
        build: from a configuration and the vocabulary's size to a module with `loss(batch)` and `generate(batch)`.
        variants: name -> (what it is, overrides of the default configuration).
        sizes: profile -> overrides that this network needs beside the ones all systems share (`variants.PROFILES`).
        official: overrides of `--preset official`, the recipe of the network's own authors.
        prepare: called before the first update with (model, configuration, splits by name, vocabulary, seed), for what
            a fresh network starts from; returns what to note in the run's folder.
        version: the version of the numbers of its runs. Runs of one version are taken for runs of today's code, and
            those of another are trained anew. Raise it by hand when a change of the network, of the training loop, of
            what models are given or of decoding makes the same configuration and seed end with other weights or other
            captions; a change of the code that all systems share raises the version of each. Help texts, names and
            speed do not raise it. `tests/reference_model/test_digests.py` fails if this is forgotten.
    """

    config: type[Config]
    build: Callable[[Any, int], Any]
    variants: Mapping[str, tuple[str, tuple[str, ...]]]
    sizes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    official: tuple[str, ...] = ()
    prepare: Callable[[Any, Any, Any, Any, int], dict[str, Any]] | None = None
    version: str = "1"


@cache
def systems() -> dict[str, System]:
    """All systems by name, this package's first."""
    # Not `entry_points(group=...)`: of two records of one package, it would only see the first, which in a source tree
    # may be a left-over of a build.
    found = {point.name: point for each in distributions() for point in each.entry_points if point.group == GROUP}
    names = sorted(found, key=lambda name: (name != "reference", name))
    return {name: found[name].load() for name in names}


def system(name: str) -> System:
    """A system by the name in `Config.system`.

    Raises:
        InputError: if there is none.
    """
    if name not in systems():
        raise InputError(
            f"system: got {name!r:.60}, expected one of {', '.join(systems())}; "
            "systems are found once their package is installed (pip install -e .)"
        )
    return systems()[name]


def system_of(variant: str) -> System:
    """The system that a variant belongs to.

    Raises:
        InputError: if no system has it.
    """
    for candidate in systems().values():
        if variant in candidate.variants:
            return candidate
    names = [name for candidate in systems().values() for name in candidate.variants]
    raise InputError(f"no variant {variant!r:.60}; there are {', '.join(names)}")
