"""constraints.txt: the versions with which the stored results were made."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]

#: The extras whose packages decide what a training or a scorer computes.
DECIDING = ("lens", "types", "train", "original")


def requirements(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for, in the light install and in some extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    return [Requirement(text) for text in [*project["dependencies"], *(t for extra in extras for t in optional[extra])]]


def pins() -> dict[str, Version]:
    """Version by package of constraints.txt."""
    found: dict[str, Version] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, separator, version = line.partition("==")
            assert separator, f"{line!r} is not of the form name==version"
            assert canonicalize_name(name) not in found, f"{name} is pinned twice"
            found[canonicalize_name(name)] = Version(version)
    return found


def test_pins_are_versions_that_pyproject_allows() -> None:
    """A range that was raised past the versions of the stored results, so that nobody can install those any more."""
    everything = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for wanted in requirements(*everything):
        pinned = pins().get(canonicalize_name(wanted.name))
        assert pinned is None or wanted.specifier.contains(pinned), f"{wanted} does not allow {pinned}"


def test_whatever_decides_numbers_is_pinned() -> None:
    """A new dependency of training or scoring that constraints.txt leaves open."""
    missing = {canonicalize_name(each.name) for each in requirements(*DECIDING)} - pins().keys()
    assert not missing


def test_pins_are_what_the_receipts_say() -> None:
    """A pin that was raised while the stored results are still those of the older version."""
    named = set()
    for path in [*(ROOT / "reports/results").rglob("scores.*.json"), *(ROOT / "submissions").rglob("scores.*.json")]:
        named |= set(re.findall(r'"numpy":\s*"([^"]+)"', path.read_text()))
    assert named == {str(pins()["numpy"])}
