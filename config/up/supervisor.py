"""The parent process: restarts children that end, and stops all of them.

It imports no Django itself: `copies` loads it for the children. Signals are blocked and collected in one place (`Supervisor.wait`), so no handler runs between two lines.
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import IO

from config.system import env, sockets
from config.system.worker_arguments import worker_args
from config.up import copies
from config.up.children import LOUD_AFTER, Child, Record
from config.up.messages import Failed, cause_of_end, report, with_log
from workspaces.machine import hosts

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIGNALS = (*ENDING, signal.SIGCHLD, signal.SIGIO)
CHECK_LOGS_S = 5.0
NEWER_CODE = "It starts with the code that is on disk now, the others have the code from before: restart `./muster up`."


class Stop(Exception):
    """A person or the system asked for the end."""


class Supervisor:
    def __init__(self) -> None:
        self.data = env.data_dir()
        self.grace = env.value("MUSTER_STOP_GRACE_S")
        self.record = Record(self.data / "children.json")
        self.children: list[Child] = []
        self.listener: socket.socket | None = None
        self.agent_listener: socket.socket | None = None  # for agents
        self.gateway_listener: socket.socket | None = None
        self.valkey_at: Path | None = None
        self.environ = {**os.environ, "MUSTER_DRAIN_S": "0"}  # who presses Ctrl-C waits for it
        self.stopping = False
        self.stopping_since = 0.0

    def run(self) -> None:
        if opened := sockets.keep_private(self.data):
            report(opened)
        (self.data / "logs").mkdir(mode=0o700, exist_ok=True)
        with self._lock():
            try:
                self.record.clear_leftovers(self.grace + 2, report)
                self.start()
                while True:
                    self._restart_ended()
                    self.wait(self._next_due() - time.monotonic())
            finally:
                self.stop()

    def start(self) -> None:
        """Start the children. Raises Failed."""
        raise NotImplementedError

    def wait(self, seconds: float) -> None:
        """Sleep until a child ends, the time is over, or a signal asks for the end (raises `Stop`)."""
        got = signal.sigtimedwait(SIGNALS, max(0.0, seconds))
        if got is not None and got.si_signo == signal.SIGIO:
            self.called()
        if got is None or got.si_signo in (signal.SIGCHLD, signal.SIGIO):
            return
        if not self.stopping or self._is_second_ctrl_c(got.si_signo):
            raise Stop

    def called(self) -> None:
        """Start the gateway at its listener's first connection."""

    def _is_second_ctrl_c(self, sig: int) -> bool:
        """True if it is a new Ctrl-C: some programs signal the process and then its group."""
        return sig == signal.SIGINT and time.monotonic() - self.stopping_since > 0.3

    def _lock(self) -> IO[str]:
        lock = hosts.take(self.data)
        if lock is None:
            raise Failed(f"`muster up` already runs with {self.data}. Use that one, or another --data-dir.")
        return lock

    # --- children ---

    def log_of(self, name: str) -> Path:
        return self.data / "logs" / f"{name}.log"

    def python(self, name: str, module: str, *args: str) -> Child:
        return Child(name, [sys.executable, "-m", module, *args], self.environ, self.log_of(name), of_module=True)

    def worker(self, queue: str, slots: int) -> Child:
        return self.python(queue, "celery", *worker_args(queue, slots))

    def spawn(self, child: Child, stdout: int | None = None) -> None:
        child.start(SIGNALS, stdout)
        if child not in self.children:
            self.children.append(child)
        self.record.write(self.children)

    def require(self, *names: str) -> None:
        for child in self.children:
            if child.name in names and not child.alive:
                raise Failed(with_log(f"{child.name} ended while starting ({cause_of_end(child)}).", child))

    def set_aside_bad_file(self, child: Child) -> bool:
        """Move Valkey's file aside when Valkey cannot read it. It holds messages only, so no work is lost."""
        folder = self.data / "valkey"
        if child.alive or child.process is None or (child.process.returncode or 0) <= 0 or not any(folder.iterdir()):
            return False
        aside = folder.with_name(f"valkey.bad-{int(time.time())}")
        folder.rename(aside)
        folder.mkdir(mode=0o700)
        report(f"Valkey could not start with its file, which is now in {aside}. No work is lost: the database has it all.")
        return True

    def _next_due(self) -> float:
        return min([time.monotonic() + CHECK_LOGS_S, *(child.restart_at for child in self.children if not child.alive)])

    def _restart_ended(self) -> None:
        """Restart children that ended, with a delay that grows while they end quickly; report errors in the logs."""
        for child in self.children:
            now = time.monotonic()
            if child.alive:
                self._report_problems(child)
            elif child.restart_at > child.started_at:
                if now >= child.restart_at:
                    self.spawn(child)
            else:
                if child.name == "valkey":
                    self.set_aside_bad_file(child)
                delay = child.crashed(now)
                text = f"{child.name} ended ({cause_of_end(child)}); starting it again in {delay:.1f} s."
                if child.quick_crashes >= LOUD_AFTER:
                    text = with_log(f"{child.name} keeps crashing ({child.quick_crashes} times in a row). {text}", child)
                report(f"{text} {NEWER_CODE}" if child.of_module and copies.is_outdated() else text)

    def _report_problems(self, child: Child) -> None:
        if problems := child.new_problems():
            more = f" ({len(problems)} in all)" if len(problems) > 1 else ""
            report(f"{child.name} logged an error{more}: {problems[-1][:300]}\n  see {child.log}")
        child.cap_log()

    # --- the end ---

    def stop(self) -> None:
        """Workers first, since they need the others; then web; then Valkey, which writes its file."""
        self.stopping, self.stopping_since = True, time.monotonic()
        for listener in (self.listener, self.agent_listener, self.gateway_listener):
            if listener:
                listener.close()
        if any(child.alive for child in self.children):
            report("Stopping (Ctrl-C again kills at once).")
        end = time.monotonic() + self.grace + 1
        try:
            self._end({"bootstrap", "sessions", "control"}, end)
            self._end({"web", "gateway"}, end + 0.5)
            self._end({"valkey"}, end + 0.8)
        except Stop:
            report("Killing.")
        finally:
            for child in self.children:
                child.signal(signal.SIGKILL)
                if child.process:
                    child.process.wait()
            self.record.path.unlink(missing_ok=True)
            if self.valkey_at:
                self.valkey_at.unlink(missing_ok=True)
                if self.valkey_at.parent != self.data:
                    self.valkey_at.parent.rmdir()

    def _end(self, names: set[str], until: float) -> None:
        """TERM, and KILL for children still running at `until`."""
        group = [child for child in self.children if child.name in names]
        for child in group:
            child.signal(signal.SIGTERM)
        while any(child.alive for child in group) and (left := until - time.monotonic()) > 0:
            self.wait(min(left, 0.25))  # a SIGCHLD may have been consumed before
        for child in group:
            child.signal(signal.SIGKILL)
