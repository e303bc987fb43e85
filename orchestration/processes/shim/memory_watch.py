"""The memory of a process tree on a host whose kernel does not limit it: summed each second. Standard library only."""

from collections.abc import Callable, Iterable

LOOK_S = 1.0
SENTENCE = "the processes together used more memory than limits.memory_mb allows ({} MiB), which is checked each second"


class MemoryWatch:
    """`limit_mb`: 0 for none. `pids`: those of the tree now."""

    def __init__(self, limit_mb: int, pids: Callable[[], Iterable[int]]) -> None:
        self.limit_mb = limit_mb
        self.pids = pids
        self.next_look = 0.0

    def is_over(self, now: float) -> bool:
        """Looks at most once in LOOK_S."""
        if not self.limit_mb or now < self.next_look:
            return False
        self.next_look = now + LOOK_S
        pids, limit = list(self.pids()), self.limit_mb * 1024
        # Shared pages count in full here and by their share there, which takes the kernel much longer to find out.
        return sum(map(whole_kb, pids)) > limit and sum(map(share_kb, pids)) > limit

    def sentence(self) -> str:
        return SENTENCE.format(self.limit_mb)


def share_kb(pid: int) -> int:
    """PSS with what is swapped out; of a process that may not be read closely, `whole_kb`."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            fields = [line.split() for line in file]
    except OSError:
        return whole_kb(pid)
    return sum(int(field[1]) for field in fields if field[0] in (b"Pss:", b"SwapPss:"))


def whole_kb(pid: int) -> int:
    """All that is resident or swapped out, shared pages in full. 0: it is gone."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            fields = [line.split() for line in file]
        return sum(int(field[1]) for field in fields if field[0] in (b"VmRSS:", b"VmSwap:"))
    except (OSError, IndexError, ValueError):
        return 0
