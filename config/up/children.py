"""Child processes of `up`: they end with it, and a record lets the next `up` end processes that were left."""

import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from config.up import copies

LOG_LIMIT = 10 * 1024 * 1024
QUICK_S = 10.0  # a child that lived shorter than this crashed "quickly"
LOUD_AFTER = 5  # quick crashes in a row before a child is reported as broken
PR_SET_PDEATHSIG = 1
PROBLEM = re.compile(r"""\blevel='(error|critical)'|"level": "(error|critical)\"""")

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(sig: int, parent: int, unblock: tuple[int, ...] = ()) -> None:
    """In a child that was just forked: have the kernel signal this process when its parent dies, and take signals normally again."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, unblock)
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, sig, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)


@dataclass
class Child:
    """One supervised process. It runs in a process session of its own: a terminal's Ctrl-C reaches only `up`.

    `of_module`: its command is `python -m` a module that this process has loaded, and it may start as a copy of this process.
    """

    name: str
    argv: list[str]
    env: dict[str, str]
    log: Path
    pass_fds: tuple[int, ...] = ()
    of_module: bool = False
    process: subprocess.Popen[bytes] | copies.Copy | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    quick_crashes: int = 0
    read_to: int = -1  # how far `new_problems` has read the log; text of earlier runs is skipped

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, blocked: tuple[int, ...], stdout: int | None = None) -> None:
        prepare = partial(die_with_parent, signal.SIGTERM, os.getpid(), blocked)
        with open(self.log, "ab") as log:
            self.read_to = log.tell() if self.read_to < 0 else self.read_to
            out = log.fileno() if stdout is None else stdout
            if self.of_module and copies.can_copy(is_new=self.process is None):
                run = partial(copies.run, self.argv[2], self.argv[3:])
                self.process = copies.Copy(self.name, run, prepare=prepare, stdout=out, stderr=log.fileno(), keep=self.pass_fds)
            else:
                self.process = subprocess.Popen(
                    self.argv,
                    env=self.env,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=self.pass_fds,
                    preexec_fn=prepare,
                )
        self.started_at = time.monotonic()

    def signal(self, sig: int) -> None:
        """TERM goes to the process itself; KILL to its whole group, which nothing else shares."""
        if self.process is None or self.process.poll() is not None:
            return
        if sig == signal.SIGKILL:
            os.killpg(self.process.pid, sig)
        else:
            self.process.send_signal(sig)

    def crashed(self, now: float) -> float:
        """Record a crash; returns the seconds until the restart, longer after each quick crash."""
        self.quick_crashes = self.quick_crashes + 1 if now - self.started_at < QUICK_S else 1
        delay: float = min(0.2 * 2 ** (self.quick_crashes - 1), 30.0)
        self.restart_at = now + delay
        return delay

    def last_lines(self, count: int = 12) -> list[str]:
        with open(self.log, "rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 8192))
            return log.read().decode(errors="replace").splitlines()[-count:]

    def cap_log(self) -> None:
        """Keep one older copy. Children append, so cutting the file under them is safe."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            with contextlib.suppress(OSError):  # with a full disk, cutting the file matters most
                shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)
            self.read_to = 0

    def new_problems(self) -> list[str]:
        """Error lines since the last call."""
        size = self.log.stat().st_size
        start, self.read_to = self.read_to, size
        if size <= start:
            return []
        with open(self.log, "rb") as log:
            log.seek(max(start, size - 262144))
            lines = log.read(size - log.tell()).decode(errors="replace").splitlines()
        return [line for line in lines if PROBLEM.search(line)]


@dataclass
class Record:
    """The file with the running children. A pid may be reused, so start time and boot identify a process."""

    path: Path
    rows: list[dict[str, Any]] = field(default_factory=list)

    def write(self, children: list[Child]) -> None:
        running = [(child.name, child.process.pid) for child in children if child.process and child.alive]
        self.rows = [{"name": name, "pid": pid, "started": _start_time(pid), "boot": _boot()} for name, pid in running]
        new = self.path.with_suffix(".new")
        try:
            new.write_text(json.dumps(self.rows))
            new.replace(self.path)
        except OSError as error:  # not fatal: the kernel still signals children whose parent dies
            print(f"The list of processes could not be written ({error.strerror}): {self.path}", file=sys.stderr, flush=True)

    def leftovers(self) -> list[dict[str, Any]]:
        """Processes that an earlier `up` left behind, identified by start time and boot."""
        try:
            rows = json.loads(self.path.read_text())
        except (FileNotFoundError, ValueError):
            return []
        return [row for row in rows if row["boot"] == _boot() and row["started"] and _start_time(row["pid"]) == row["started"]]

    def clear_leftovers(self, grace: float, report: Callable[[str], None]) -> None:
        """End the processes of an `up` that was killed: TERM, then KILL."""
        if left := self.leftovers():
            report(f"Ending processes of an earlier run: {', '.join(row['name'] for row in left)}")
            for row in left:
                _signal(row["pid"], signal.SIGTERM)
            deadline = time.monotonic() + grace
            while (left := self.leftovers()) and time.monotonic() < deadline:
                time.sleep(0.05)
            for row in left:
                _signal(row["pid"], signal.SIGKILL, group=True)
            while self.leftovers():
                time.sleep(0.05)
        self.path.unlink(missing_ok=True)


def _signal(pid: int, sig: int, group: bool = False) -> None:
    try:
        (os.killpg if group else os.kill)(pid, sig)
    except ProcessLookupError:
        pass


def _start_time(pid: int) -> str | None:
    """Ticks since boot at which the process started; None when it is gone, a zombie, or the system has no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name in parentheses may contain anything
    return None if fields[0] in "ZX" else fields[19]


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
