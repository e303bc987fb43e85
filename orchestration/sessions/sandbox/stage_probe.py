"""A probe of stages on this host: a real one, with a process in it that reaches its own loopback and has a way out. Its result is kept."""

import os
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import structlog

from orchestration.processes import sandbox_probe
from orchestration.processes.agent_process import Spec
from orchestration.processes.private_network import NoPrivateNetwork, PrivateNetwork

log = structlog.get_logger(__name__)

TIMEOUT_S = 30.0
INSTALL = "passt is not installed (the package passt, the program pasta)"
NO_TUN = "/dev/net/tun cannot be used: give the container this device"


@dataclass(frozen=True, slots=True)
class StageProbe:
    """`problem`: why there are no stages with a loopback of their own; empty: there are."""

    version: str = ""
    problem: str = ""


_lock = threading.Lock()


def probe() -> StageProbe:
    """The result for this host. The first call takes a quarter of a second."""
    with _lock:
        return _probe()


@lru_cache(maxsize=1)
def _probe() -> StageProbe:
    result = _run()
    log.info("stage.works", version=result.version) if not result.problem else log.warning(
        "stage.unavailable", problem=result.problem
    )
    return result


def _run() -> StageProbe:
    pasta = shutil.which("pasta")
    if not sandbox_probe.probe().works:
        return StageProbe(problem="bubblewrap does not work here")
    if pasta is None:
        return StageProbe(problem=INSTALL)
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return StageProbe(problem=NO_TUN)
    with tempfile.TemporaryDirectory(prefix="muster-stage-") as folder:
        marker, files = f"probe-{os.getpid()}", (str(Path(folder, "status")), str(Path(folder, "journal")))
        try:
            with PrivateNetwork(Spec([], "/", {}, marker, *files, wall_s=TIMEOUT_S)) as network:
                network.open_egress()
        except NoPrivateNetwork as problem:
            return StageProbe(problem=str(problem))
    shown = subprocess.run(
        [pasta, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S, check=False
    )
    words = shown.stdout.split()
    return StageProbe(words[1] if len(words) > 1 else "")
