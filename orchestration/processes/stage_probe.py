"""A probe of stages on this host: a real one, with a process in it that reaches its own loopback and has a way out. Its result is kept."""

import os
import shutil
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
REPORTED = "private networks work"
"""In a worker's report on its host's sandbox; that of the release before has no such words."""
NO_TUN = "/dev/net/tun cannot be used: give the container this device"


@dataclass(frozen=True, slots=True)
class StageProbe:
    """`problem`: why there are no stages with a loopback of their own; empty: there are."""

    problem: str = ""


_lock = threading.Lock()


def probe() -> StageProbe:
    """The result for this host. The first call takes a quarter of a second."""
    with _lock:
        return _probe()


@lru_cache(maxsize=1)
def _probe() -> StageProbe:
    result = _run()
    log.warning("stage.unavailable", problem=result.problem) if result.problem else log.info("stage.works")
    return result


def _run() -> StageProbe:
    if not sandbox_probe.probe().works:
        return StageProbe("bubblewrap does not work here")
    if shutil.which("pasta") is None:
        return StageProbe(INSTALL)
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return StageProbe(NO_TUN)
    try:
        with tempfile.TemporaryDirectory(prefix="muster-stage-") as folder:
            marker, files = f"probe-{os.getpid()}", (str(Path(folder, "status")), str(Path(folder, "journal")))
            with PrivateNetwork(Spec([], "/", {}, marker, *files, wall_s=TIMEOUT_S)) as network:
                network.open_egress()
    except (NoPrivateNetwork, OSError) as problem:
        return StageProbe(str(problem))
    return StageProbe()
