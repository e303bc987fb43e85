"""Slots: a number for each stage of this host, no other's meanwhile, with ten ports and a name. For what shares the host: its network, or Docker."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from django.conf import settings

from workspaces.machine import file_locks

log = structlog.get_logger(__name__)

FIRST_PORT, LAST_PORT, PORTS = 20_000, 32_767, 10
EPHEMERAL, USUAL = Path("/proc/sys/net/ipv4/ip_local_port_range"), "32768 60999"


@contextmanager
def held(workspace_id: str, *, taken: Collection[int]) -> Iterator[dict[str, str]]:
    """The variables of the lowest free slot, which is held until the end of the block; none where the file system has no locks. `taken`: ports
    that no slot has."""
    lock = None
    try:
        for slot in usable(EPHEMERAL.read_text() if EPHEMERAL.exists() else USUAL, taken):
            if (lock := file_locks.take(settings.DATA_DIR / "locks" / "slots" / str(slot))) is not None:
                break
    except OSError as problem:
        log.warning("stage.without_slot", problem=str(problem))
    if lock is None:
        yield {}
        return
    with lock:
        yield {
            "MUSTER_SLOT": str(slot),
            "MUSTER_PORT": str(FIRST_PORT + PORTS * slot),
            "COMPOSE_PROJECT_NAME": f"muster-{workspace_id[-8:]}-{slot}",
        }


def usable(ephemeral: str, taken: Collection[int]) -> list[int]:
    """The slots whose ports are in no range of ephemeral ports ("32768 60999"): any outgoing connection of the host may have one of those. All,
    where the range leaves none."""
    low, high = map(int, ephemeral.split())
    blocks = {n: range(first, first + PORTS) for n, first in enumerate(range(FIRST_PORT, LAST_PORT + 2 - PORTS, PORTS))}
    free = [n for n, ports in blocks.items() if not any(port in ports for port in taken)]
    return [n for n in free if blocks[n][-1] < low or blocks[n][0] > high] or free
