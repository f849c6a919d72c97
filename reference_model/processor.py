"""The processor that computes a run, as far as the run's bits may depend on it.

Sums of floating-point numbers are rounded in the order in which they are added, and libraries choose that order by the
instructions that a processor has. Runs on different kinds of processors therefore agree only within rounding.
"""

import platform
import re
from dataclasses import dataclass
from pathlib import Path

import torch

_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Processor:
    """A processor and the settings of PyTorch that choose its kernels.

    Attributes:
        vendor: the maker, such as "GenuineIntel"; on systems without `/proc/cpuinfo`, the system and architecture.
        model: the name of the processor, or "" if the system does not tell it.
        capability: the widest vector instructions that PyTorch uses, such as "AVX512" or "AVX2".
        torch: the version of PyTorch.
        threads: the number of threads that share one operation.
        device: "cpu", or the name of the GPU that trains.
    """

    vendor: str
    model: str
    capability: str
    torch: str
    threads: int
    device: str

    @property
    def kind(self) -> str:
        """A description that is equal for two processors that give the same bits."""
        release = ".".join(self.torch.split(".")[:2])
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        kind = f"{self.vendor} {self.capability}, torch {release}, {threads}"
        return kind if self.device == "cpu" else f"{kind}, {self.device}"


def this_processor(device: torch.device, cpuinfo: Path = _CPUINFO) -> Processor:
    """The processor that this process runs on.

    Args:
        device: the device that trains.
        cpuinfo: Linux's description of the processor; other systems have no such file.
    """
    told = _first_processor(cpuinfo)
    arm = f"ARM implementer {told['CPU implementer']}" if "CPU implementer" in told else ""
    return Processor(
        vendor=told.get("vendor_id") or arm or f"{platform.system()} {platform.machine()}",
        model=told.get("model name") or platform.processor(),
        capability=torch.backends.cpu.get_cpu_capability(),
        torch=torch.__version__,
        threads=torch.get_num_threads(),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    )


def _first_processor(cpuinfo: Path) -> dict[str, str]:
    """The fields of the first processor in the file; empty where there is no such file."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return dict(re.findall(r"^(\S[^\t:]*?)\s*:[ \t]*(.*)$", text.strip().partition("\n\n")[0], re.MULTILINE))
