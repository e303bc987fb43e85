"""A Muster whose data directory is on a small disk that somebody fills: `python -m tests.faults.full_disk DATA FOLDER`, inside a mount
namespace. Ends with 0 if every stop worked."""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import psutil

from tests.faults.harness import Client, Running, until
from tests.faults.test_kills import QUICK, Work
from workspaces.machine import disk


class Filler:
    """Fills the disk, and takes whatever becomes free at once."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._over = Event()
        self._thread = Thread(target=self._fill)
        self._thread.start()

    def _fill(self) -> None:
        with open(self.file, "ab", buffering=0) as file:
            while not self._over.is_set():
                with suppress(OSError):
                    while not self._over.is_set():
                        file.write(b"x" * 65536)
                with suppress(OSError):
                    file.write(b"x" * 512)

    def end(self) -> None:
        self._over.set()
        self._thread.join()
        self.file.unlink()


def main(data: Path, folder: Path) -> None:
    running = Running(data, **QUICK, MUSTER_REPO_ROOTS=str(folder), MUSTER_DISK_RESERVE_MB="1")
    try:
        until(running.is_ready, 60)
        work = Work(Client(running), folder, seconds=60)
        work.start()
        until(lambda: len(list(data.glob("reserve-*"))) == disk.FILES, 20)
        filler = Filler(data / "filler")
        until(lambda: psutil.disk_usage(str(data)).free == 0, 20)
        sessions = [worker["sessionID"] for worker in work.call("GET", "/executor/workers")["workers"]]
        answer = work.call("POST", f"/executor/workers/{sessions[0]}/stop")  # any status but 2xx raises
        assert answer == {"stopped": True}
        began = time.monotonic()
        answer = work.call("POST", "/executor/stop-all")
        print(f"stop-all on a full disk: {answer} after {time.monotonic() - began:.3f} s")
        took = until(lambda: not work.agents(), 20)
        print(f"nothing lived {took:.3f} s later")
        filler.end()
        until(lambda: work.call("GET", "/executor/workers") == {"workers": []}, 30)
        until(lambda: len(list(data.glob("reserve-*"))) == disk.FILES, 20)
    finally:
        running.process.terminate()
        running.process.wait(20)
        print(running.output[-3000:] if sys.exc_info()[0] else "")


if __name__ == "__main__":
    os.umask(0o077)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
