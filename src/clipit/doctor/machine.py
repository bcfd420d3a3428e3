"""Whether the machine's processor and memory are enough."""

import re
from pathlib import Path

from clipit.doctor.finding import Finding, size_text
from clipit.runtime.control_group import core_limit, memory_limit
from clipit.runtime.cores import counted_cores

LARGEST_JOB = 8_000_000_000
"""Bytes that the largest rule of a fixed size asks for (`mem_mb`), and each of the processes that share a student."""

_INSTRUCTIONS = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "AVX-512 BF16", "amx_bf16": "AMX BF16"}
"""As /proc/cpuinfo calls them, and as people do."""


def cores(root: Path = Path("/"), counted: int | None = None) -> Finding:
    """Looks at the cores that this process may use; `counted`: those that snakemake sees, `root` holds proc and sys."""
    counted, share = counted or counted_cores(), core_limit(root)
    if share is None or share >= counted:
        return Finding("cores", "PASS", f"{counted} for jobs")
    detail = f"the control group leaves {share:g} of the {counted} that snakemake counts"
    return Finding("cores", "WARN", detail, f"run snakemake with --cores {max(int(share), 1)}")


def processor(root: Path = Path("/")) -> Finding:
    """Looks at the instructions that the numeric libraries are fast with."""
    told = re.search(r"^flags\s*:(.*)$", _text(root / "proc/cpuinfo"), flags=re.MULTILINE)
    if told is None:
        return Finding("processor", "PASS", "no x86 processor, or none that tells its instructions")
    known = [name for flag, name in _INSTRUCTIONS.items() if flag in told[1].split()]
    if "AVX2" not in known:
        remedy = "use another machine; in a virtual one, pass the host's processor on"
        return Finding("processor", "WARN", "without AVX2 the numeric libraries are slow, or do not run", remedy)
    return Finding("processor", "PASS", ", ".join(known))


def memory(processes: int, root: Path = Path("/")) -> Finding:
    """Compares the memory with what the largest job asks for where `processes` share the training of a student."""
    asked = size_text(LARGEST_JOB * processes)
    told = re.search(r"^MemTotal:\s*(\d+) kB$", _text(root / "proc/meminfo"), flags=re.MULTILINE)
    if told is None:
        return Finding("memory", "WARN", "this system does not tell how much there is", f"see that a job finds {asked}")
    whole, limit = int(told[1]) * 1024, memory_limit(root)
    mine = min(whole, limit or whole)
    detail = size_text(mine) + (f" of {size_text(whole)}, by the control group" if mine < whole else "")
    detail += f"; the largest job asks for {asked} (those that read a large data set's features, for more)"
    if mine < LARGEST_JOB * processes:
        remedy = "use a machine with more, or lower `batch` of the encoders and of the training"
        return Finding("memory", "WARN", detail, remedy)
    return Finding("memory", "PASS", detail)


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
