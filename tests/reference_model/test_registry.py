"""How networks are found: folders of baselines, and entry points of other packages."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace

import pytest

import baselines
from benchmark.errors import InputError
from reference_model import registry
from reference_model.registry import named, network, network_of, networks
from reference_model.run_folder import build_model
from reference_model.variants import NETWORK

CONFIG = """
from dataclasses import dataclass
from reference_model.config import Config
from reference_model.registry import Network

@dataclass(frozen=True)
class ToyConfig(Config):
    system: str = "toy"

NETWORK = Network(ToyConfig, "baselines.toy.model:Toy", {"toy-plain": ("a toy", ("model.layers=3",))})
"""
MODEL = """
from torch import nn

class Toy(nn.Linear):
    def __init__(self, config, vocabulary_size):
        super().__init__(config.model.layers, vocabulary_size)
"""


@pytest.fixture(autouse=True)
def _found_anew() -> Iterator[None]:
    networks.cache_clear()
    yield
    networks.cache_clear()
    for module in [name for name in sys.modules if name.startswith("baselines.toy")]:
        del sys.modules[module]


def test_the_networks_of_this_repository_are_found() -> None:
    """A folder that is skipped: its rows of Table 2 could not be trained. The reference model comes first."""
    folders = sorted(path.parent.name for path in Path(baselines.__path__[0]).glob("*/config.py"))
    assert {"m2", "m4c", "rstnet", "updown"} <= set(folders)
    assert list(networks()) == ["reference", *folders]
    variants = [variant for each in networks().values() for variant in each.variants]
    assert len(variants) == len(set(variants))
    with pytest.raises(InputError, match="expected one of reference, m2"):
        network("m3")
    with pytest.raises(InputError, match="there are baseline, no-locations"):
        network_of("bassline")


def test_a_new_baseline_is_a_folder_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list somewhere else that must name each baseline, too; or a folder without settings taken for one."""
    for folder, files in {"toy": {"config": CONFIG, "model": MODEL}, "helpers": {}}.items():
        (tmp_path / folder).mkdir()
        for name, content in {"__init__": "", **files}.items():
            (tmp_path / folder / f"{name}.py").write_text(content)
    before = set(networks())
    networks.cache_clear()
    places = [*baselines.__path__, str(tmp_path)]
    monkeypatch.setattr(baselines, "__path__", places)
    monkeypatch.setattr(baselines.__spec__, "submodule_search_locations", places)
    assert set(networks()) - before == {"toy"}
    assert "baselines.toy.model" not in sys.modules
    model = build_model(named("toy-plain", "smoke"), 7)
    assert model.weight.shape == (7, 3)


def test_other_packages_add_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken package that stops every command; one that takes the name of a network; left-overs of our own."""
    other = registry.Network(type("OtherConfig", (NETWORK.config,), {"system": "other"}), "other:Other", {})
    monkeypatch.setitem(sys.modules, "other_package", SimpleNamespace(OTHER=other, REFERENCE=registry.Network))

    def point(value: str, package: str) -> EntryPoint:
        found = EntryPoint("name", value, registry.GROUP)
        vars(found).update(dist=SimpleNamespace(name=package))
        return found

    before = list(networks())
    networks.cache_clear()
    points = [
        point("other_package:OTHER", "other"),
        point("no_such_package:X", "broken"),
        point("reference_model.variants:REFERENCE", "caponimage"),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints(points))
    with pytest.warns(UserWarning, match="no_such_package:X cannot be loaded") as warned:
        assert list(networks()) == [*before, "other"]
    assert len(warned) == 1
    networks.cache_clear()
    other.config.system = "m2"
    with pytest.warns(UserWarning, match="a second network is called 'm2'"):
        assert network("m2").build == "baselines.m2.model:M2Transformer"
