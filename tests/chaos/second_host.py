"""A second session host of the Muster under test: a data directory of its own, and nothing shared but database, message broker and web server."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil

from config.up.children import die_with_parent
from tests.faults.harness import ROOT, Running


class SecondHost:
    """`name`: as pages show it."""

    def __init__(self, data: Path) -> None:
        self.data, self.log = data, data.parent / "second-host.out"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, environment: dict[str, str]) -> None:
        ends_with_us = partial(die_with_parent, signal.SIGKILL, os.getpid())
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.work", "--queue", "sessions"],
                cwd=ROOT,
                env={**environment, "MUSTER_DATA_DIR": str(self.data)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=ends_with_us,
            )

    def processes(self) -> list[psutil.Process]:
        """Its worker, and all that runs below that."""
        if self.process is None or self.process.poll() is not None:
            return []
        with suppress(psutil.Error):
            worker = psutil.Process(self.process.pid)
            return [worker, *worker.children(recursive=True)]
        return []

    def vanish(self) -> None:
        """Kill all its processes as a loss of power would: none ends cleanly."""
        while alive := self.processes():
            for process in alive:
                with suppress(psutil.Error):
                    process.suspend()
            for process in reversed(self.processes() or alive):
                with suppress(psutil.Error):
                    process.kill()
            if self.process is not None:
                self.process.wait(10)
        for pid in self._orphans():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _orphans(self) -> list[int]:
        pids = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("MUSTER_DATA_DIR") == str(self.data):
                    pids.append(process.pid)
        return pids

    def end(self) -> list[str]:
        """Stop it as an owner does. Returns the commands of what is still alive."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
        time.sleep(0.5)
        return Running.leftovers_of(self.data)
