"""What a run says of the processor that trained it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from reference_model.processor import this_processor

INTEL = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R): 2.6 GHz\nflags\t\t:\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"
CPU = torch.device("cpu")


def test_processors_of_linux(tmp_path: Path) -> None:
    """The last of several processors taken for the first, a name cut at its colon, an empty field that takes a line."""
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"{INTEL}\n{INTEL.replace('GenuineIntel', 'Other')}\n")
    intel = this_processor(CPU, cpuinfo)
    assert (intel.vendor, intel.model) == ("GenuineIntel", "Intel(R) Xeon(R): 2.6 GHz")
    cpuinfo.write_text(ARM)
    assert this_processor(CPU, cpuinfo).vendor == "ARM implementer 0x41"


def test_systems_without_cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training on macOS or Windows that ends in a traceback about /proc/cpuinfo."""
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert this_processor(CPU, tmp_path / "none").vendor == "Darwin arm64"


def test_kinds() -> None:
    """Two names of one kind of processor told apart, or kernels, threads and releases that are not."""
    here = replace(this_processor(CPU), torch="2.14.1+cpu", threads=1)
    assert here.kind == replace(here, model="another name", torch="2.14.0").kind
    others = [{"vendor": "A"}, {"capability": "B"}, {"torch": "2.15.0"}, {"threads": 2}, {"device": "GPU"}]
    assert len({here.kind, *(replace(here, **other).kind for other in others)}) == 6
