"""Looks at the agents of all machines while tests run: an entry never has two."""

import threading
from pathlib import Path

from tests.hosts.hosts import AGENT


class Observer:
    """`pairs`: entries with two living agents at one time, and the sessions of these."""

    def __init__(self) -> None:
        self.pairs: dict[str, set[str]] = {}
        self.seen: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._over.wait(0.1):
            at_work: dict[str, set[str]] = {}
            for folder in Path("/proc").glob("[0-9]*"):
                if agent := _agent(folder):
                    at_work.setdefault(agent[0], set()).add(agent[1])
            self.seen |= at_work.keys()
            self.pairs |= {entry: sessions for entry, sessions in at_work.items() if len(sessions) > 1}


def _agent(folder: Path) -> tuple[str, str] | None:
    """The entry and the session of an agent's process that can run."""
    try:
        if AGENT.encode() not in (folder / "cmdline").read_bytes():
            return None
        if (folder / "stat").read_text().rpartition(")")[2].split()[0] in "TZX":
            return None
        lines = (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    values = dict(line.decode(errors="replace").partition("=")[::2] for line in lines if line.startswith(b"MUSTER_"))
    if "MUSTER_ENTRY_ID" not in values:
        return None
    return values["MUSTER_ENTRY_ID"], values["MUSTER_SESSION_ID"]
