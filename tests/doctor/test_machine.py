"""Machines of every kind, as the system tells of them under a folder of their own."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from clipit.doctor.machine import LARGEST_JOB, cores, memory, processor
from clipit.runtime.control_group import core_limit, memory_limit
from clipit.runtime.cores import counted_cores, usable_cores

RULES = Path(__file__).parents[2] / "rules"
FLAGS = "processor\t: 0\nflags\t\t: fpu sse4_2 {}\nbugs\t\t: none\nprocessor\t: 1\nflags\t\t: fpu avx2\n"

Machine = Callable[[dict[str, str]], Path]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    def make(files: dict[str, str]) -> Path:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content + "\n")
        return tmp_path

    return make


def test_without_control_groups_there_is_no_limit(machine: Machine) -> None:
    root = machine({"proc/meminfo": "MemTotal:       16000000 kB"})
    assert (core_limit(root), memory_limit(root)) == (None, None)
    assert cores(root, 8).detail == "8 for jobs"


@pytest.mark.parametrize(
    "files",
    [
        # Version 2: the group above this process's own is the narrower one.
        {
            "proc/self/cgroup": "0::/slurm/job_1",
            "sys/fs/cgroup/slurm/job_1/cpu.max": "max 100000",
            "sys/fs/cgroup/slurm/cpu.max": "250000 100000",
            "sys/fs/cgroup/slurm/job_1/memory.max": "8000000000",
            "sys/fs/cgroup/slurm/memory.max": "4000000000",
            "sys/fs/cgroup/memory.max": "max",
        },
        # Version 1 in a container: the path is the host's, the folder that is seen is the container's.
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n1:cpuacct,cpu:/docker/abc\n0::/",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "250000",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "4000000000",
        },
        # A path that leads out of what is seen.
        {
            "proc/self/cgroup": "0::/../../job",
            "sys/fs/cgroup/cpu.max": "250000 100000",
            "sys/fs/cgroup/memory.max": "4000000000",
        },
    ],
)
def test_control_groups_of_both_versions_limit(machine: Machine, files: dict[str, str]) -> None:
    root = machine(files)
    assert (core_limit(root), memory_limit(root)) == (2.5, 4_000_000_000)


def test_version_1_has_numbers_for_no_limit(machine: Machine) -> None:
    root = machine(
        {
            "proc/self/cgroup": "4:memory:/\n1:cpu:/",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
        }
    )
    assert (core_limit(root), memory_limit(root)) == (None, None)


@pytest.mark.parametrize(("quota", "status", "asked"), [(250, "WARN", 2), (50, "WARN", 1), (800, "PASS", None)])
def test_cores_that_snakemake_counts_and_may_not_use_are_told(
    machine: Machine, quota: int, status: str, asked: int | None
) -> None:
    found = cores(machine({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": f"{quota}000 100000"}), 8)
    assert found.status == status
    assert found.remedy == (f"run snakemake with --cores {asked}" if asked else "")


def test_the_cores_of_this_process_are_counted() -> None:
    assert re.search(r"^\d+ for jobs$|of the \d+ that snakemake counts$", cores().detail)


@pytest.mark.parametrize(
    ("flags", "status", "detail"),
    [
        ("avx2", "PASS", "AVX2"),
        ("avx2 avx512f avx512_bf16 amx_bf16", "PASS", "AVX2, AVX-512, AVX-512 BF16, AMX BF16"),
        ("avx", "WARN", "without AVX2 the numeric libraries are slow, or do not run"),
    ],
)
def test_instructions_are_named(machine: Machine, flags: str, status: str, detail: str) -> None:
    found = processor(machine({"proc/cpuinfo": FLAGS.format(flags)}))
    assert (found.status, found.detail) == (status, detail)


def test_a_processor_that_tells_none_is_no_trouble(machine: Machine, tmp_path: Path) -> None:
    assert processor(tmp_path).status == "PASS"
    assert processor(machine({"proc/cpuinfo": "Features\t: fp asimd"})).detail.startswith("no x86 processor")


@pytest.mark.parametrize(
    ("kilobytes", "processes", "status"),
    [(7_812_500, 1, "PASS"), (7_812_499, 1, "WARN"), (15_000_000, 2, "WARN"), (16_000_000, 2, "PASS")],
)
def test_memory_holds_the_largest_job(machine: Machine, kilobytes: int, processes: int, status: str) -> None:
    found = memory(processes, machine({"proc/meminfo": f"MemFree: 1 kB\nMemTotal:       {kilobytes} kB"}))
    assert found.status == status
    assert f"asks for {8 * processes}.0 GB" in found.detail


def test_memory_that_the_control_group_withholds_does_not_count(machine: Machine) -> None:
    files = {"proc/meminfo": "MemTotal: 128000000 kB", "proc/self/cgroup": "0::/"}
    found = memory(1, machine(files | {"sys/fs/cgroup/memory.max": "4000000000"}))
    assert (found.status, found.detail[:44]) == ("WARN", "4.0 GB of 131.1 GB, by the control group; th")
    assert memory(1, machine({"sys/fs/cgroup/memory.max": "max"})).detail.startswith("131.1 GB;")


def test_a_system_that_tells_no_memory_is_a_warning(tmp_path: Path) -> None:
    assert memory(1, tmp_path).remedy == "see that a job finds 8.0 GB"


def test_the_largest_job_is_the_rules_own() -> None:
    """Of what the rules ask for: the numbers, and what is added to by the size of inputs left out."""
    asked = [
        int(number)
        for file in RULES.glob("*.smk")
        for number in re.findall(r"mem_mb=growing\((\d+)(?: \* CONFIG\.compute\.processes)?\),", file.read_text())
    ]
    assert len(asked) > 20
    assert max(asked) * 1_000_000 == LARGEST_JOB


def test_a_program_starts_no_more_threads_than_it_has_cores(machine: Machine) -> None:
    assert usable_cores(machine({})) == counted_cores()
    files = {"proc/self/cgroup": "0::/job", "sys/fs/cgroup/job/cpu.max": "50000 100000"}
    assert usable_cores(machine(files)) == 1, "half a core is one"
