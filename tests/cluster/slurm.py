"""A SLURM of one node on this machine, started as root with files of its own, and stopped again."""

import contextlib
import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

NEEDED = ("slurmctld", "slurmd", "munged", "sbatch", "squeue")

# The node claims to be larger than a small machine is, so that every job of the pipeline fits: SLURM only counts.
CONFIG = """
ClusterName=clipit
SlurmctldHost={host}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=1
ReturnToService=2
MpiDefault=none
SlurmdParameters=config_overrides
NodeName={host} CPUs=8 RealMemory=64000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


WELL_KNOWN = Path("/etc/slurm/slurm.conf")
"""Where SLURM's commands look in a job: Snakemake's SLURM plugin takes SLURM_CONF away from them."""


def missing() -> list[str]:
    """What this machine lacks to be a cluster."""
    lacking = [tool for tool in NEEDED if shutil.which(tool) is None]
    lacking += [] if os.getuid() == 0 else ["root"]
    return lacking + ([f"a machine without {WELL_KNOWN}"] if WELL_KNOWN.is_file() else [])


@contextlib.contextmanager
def one_node_cluster(folder: Path) -> Iterator[None]:
    """Runs a cluster whose files lie in `folder`."""
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    config = folder / "slurm.conf"
    config.write_text(
        CONFIG.format(
            host=platform.node(),
            folder=folder,
            controller_port=_free_port(),
            node_port=_free_port(),
        )
    )
    WELL_KNOWN.parent.mkdir(exist_ok=True)
    WELL_KNOWN.unlink(missing_ok=True)  # dangling, of a run that was killed
    WELL_KNOWN.symlink_to(config)
    munge = [
        f"--{name}={folder}/munge.{name.split('-')[0]}" for name in ("socket", "pid-file", "log-file", "seed-file")
    ]
    pid_files = [folder / f"{name}.pid" for name in ("slurmd", "slurmctld", "munge")]
    try:
        _start("munged", f"--key-file={key}", *munge, "--force")
        _start("slurmctld")
        _start("slurmd")
        _wait_until_idle(folder)
        yield
    finally:
        subprocess.run(["scancel", "--user=root"], check=False, timeout=30)
        for pid_file in pid_files:
            _stop(pid_file)
        WELL_KNOWN.unlink()


def _start(*command: str) -> None:
    """Starts a daemon, which goes to the background once it is up."""
    with open(os.devnull, "r+") as nothing:  # it would keep a pipe open
        subprocess.run(command, check=True, timeout=30, stdout=nothing, stderr=nothing)


def _wait_until_idle(folder: Path) -> None:
    command = ["sinfo", "--noheader", "--format=%t"]
    for _ in range(60):
        state = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout
        if state.strip() == "idle":
            return
        time.sleep(0.5)
    logs = "\n".join(path.read_text()[-2000:] for path in sorted(folder.glob("*.log")))
    raise RuntimeError(f"the node is {state!r} after 30 s:\n{logs}")


def _stop(pid_file: Path) -> None:
    with contextlib.suppress(OSError, ValueError):
        process = int(pid_file.read_text())
        os.kill(process, signal.SIGTERM)
        for _ in range(100):
            os.kill(process, 0)
            time.sleep(0.1)
        os.kill(process, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("", 0))
        return int(server.getsockname()[1])
