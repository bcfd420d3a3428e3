"""Cards, drivers and builds of torch, none of which is here."""

import subprocess
import sys
from pathlib import Path

import pytest

from clipit.doctor.finding import Finding
from clipit.doctor.gpu import Driver, ask_driver, cuda_in, gpu

H200 = Driver("580.65.06", ("NVIDIA H200 150.8 GB", "NVIDIA H200 150.8 GB"))
VERSION = "from typing import Optional\n\n__version__ = '2.13.0'\ncuda: Optional[str] = {}\nhip: Optional[str] = None\n"


def found(
    device: str = "auto",
    processes: int = 1,
    cards: tuple[str, ...] = ("0", "1"),
    driver: Driver | None = H200,
    cuda: str | None = "13.0",
    faiss: tuple[str, ...] = ("faiss-gpu",),
) -> Finding:
    return gpu(device, processes, cards, driver, cuda, faiss)


def test_all_that_is_needed_passes() -> None:
    assert found() == Finding("gpu", "PASS", "2 to be used, NVIDIA H200 150.8 GB, driver 580.65.06, CUDA 13.0")
    assert found("cuda").status == "PASS"


def test_no_card_is_needed_unless_asked_for() -> None:
    assert found(cards=()).detail == "none to be seen: jobs compute on the CPU"
    assert found("cpu", cuda=None).detail == "not used: compute.device is cpu"
    failed = found("cuda", cards=())
    assert (failed.status, failed.detail) == ("FAIL", "compute.device is cuda, and no GPU is to be seen")
    assert "write device: auto" in failed.remedy


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_torch_for_cpus_fails_where_jobs_would_take_the_card(device: str) -> None:
    failed = found(device, cuda=None)
    assert failed.status == "FAIL"
    assert "a build for CPUs" in failed.detail
    assert "or write device: cpu" in failed.remedy


@pytest.mark.parametrize(
    ("cuda", "driver", "status"),
    [
        ("13.0", "575.51.03", "FAIL"),
        ("12.6", "575.51.03", "PASS"),
        ("12.6", "520.1", "FAIL"),
        ("11.8", "450.80.02", "PASS"),
        ("14.0", "600.1", "PASS"),  # of which nothing is known
    ],
)
def test_an_old_driver_is_told(cuda: str, driver: str, status: str) -> None:
    old = found(cuda=cuda, driver=Driver(driver, H200.cards))
    assert old.status == status
    assert old.remedy.startswith("update the driver") == (status == "FAIL")


def test_each_process_needs_a_card() -> None:
    assert found(processes=2).status == "PASS"
    failed = found(processes=3)
    assert (failed.status, failed.remedy) == ("FAIL", "write processes: 2 under `compute`")


def test_a_faiss_for_cpus_and_a_silent_driver_are_warnings() -> None:
    assert "faiss is for CPUs" in found(faiss=("faiss-cpu",)).detail
    assert found(faiss=("faiss-cpu",)).status == found(driver=None).status == "WARN"
    assert "nvidia-smi does not answer" in found(driver=None).detail


@pytest.mark.parametrize(
    ("written", "told"), [("'13.0'", "13.0"), ('"12.6"', "12.6"), ("None", None)], ids=["single", "double", "none"]
)
def test_torch_s_build_is_read(tmp_path: Path, written: str, told: str | None) -> None:
    (tmp_path / "version.py").write_text(VERSION.format(written))
    assert cuda_in(tmp_path / "version.py") == told
    (tmp_path / "plain.py").write_text(f"cuda = {written}\n")
    assert cuda_in(tmp_path / "plain.py") == told
    assert cuda_in(tmp_path / "none.py") is None


def test_torch_is_read_as_it_is_here_and_not_imported() -> None:
    code = "import sys; from clipit.doctor.gpu import torch_cuda; print(torch_cuda(), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    import torch

    assert done.stdout.split() == [str(torch.version.cuda), "False"]


def smi(folder: Path, script: str) -> str:
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    return str(tool)


def test_the_driver_is_asked(tmp_path: Path) -> None:
    tool = smi(tmp_path, "echo '580.65.06, NVIDIA H200, 143771'; echo '580.65.06, NVIDIA H200, 143771'")
    assert ask_driver(tool) == H200


@pytest.mark.parametrize("script", ["exit 9", "echo No devices were found", "true", "echo '1, a, [N/A]'"])
def test_a_driver_that_tells_nothing_is_none(tmp_path: Path, script: str) -> None:
    assert ask_driver(smi(tmp_path, script)) is None
    assert ask_driver(str(tmp_path / "no-such-tool")) is None
