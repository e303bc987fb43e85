"""Supervises one agent's process tree: `python -I -S shim.py SPEC.json`. Standard library only, so that it starts at once.

Commands come on stdin (`stop`, `kill`); its end means that the supervisor died, and then the tree dies too. It is a pipe and
not PDEATHSIG, because that signal follows the thread that forked and not the process. Frames go to stdout, see shim_output.py.
The last word is the status, on disk first and then as a frame.
"""

import ctypes
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from typing import Any

# Behind the standard library's own folders, so that no file of ours can stand in for one of its modules.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))

import cgroups
import procfs
from ending import ASK_ALL, Ending, Rung
from shim_output import STATUS, STDERR, STDOUT, Journal, Lines, Outbox, pieces

COMMANDS, FRAMES = 0, 1
READ_BYTES = 2**16
ORPHAN_GRACE_S = 1.0  # for what the agent left behind, and for everything once the supervisor is dead
DRAIN_S = 2.0  # for pipes that somebody outside the tree holds open
UNREAD_S = 60.0  # a supervisor that lives but does not read for so long finds the status and the journal on disk
PR_SET_CHILD_SUBREAPER = 36
WALL = 0x40000000  # children of any kind: `no child` must mean it


class Shim:
    """One agent from its start to the death of its whole tree."""

    def __init__(self, spec: dict[str, Any]) -> None:
        # What came later has a default: while Muster is upgraded, an older worker starts this file.
        self.spec = spec
        self.began = self.last_output = self.last_progress = time.monotonic()
        self.made_to_wait = False
        self.cause = ""
        self.error = ""
        self.exit_code: int | None = None
        self.signal: int | None = None
        self.agent: subprocess.Popen[bytes] | None = None
        self.leader: procfs.Seen | None = None
        self.cgroup = cgroups.make(spec["marker"], spec.get("cgroup_parent", cgroups.NEVER))
        self.exited = False
        self.childless = False
        self.ending: Ending | None = None
        self.next_pass = 0.0
        self.dead_at: float | None = None
        self.outbox = Outbox()
        self.journal = Journal(spec["journal_path"], spec["journal_limit_bytes"])
        self.streams: dict[int, tuple[bytes, Lines]] = {}
        self.all_lines: list[Lines] = []
        self.unread_commands = b""
        self.selector = selectors.DefaultSelector()

    def run(self) -> None:
        self.wake_on_signals()
        os.set_blocking(FRAMES, False)
        self.selector.register(COMMANDS, selectors.EVENT_READ, self.read_commands)
        try:
            self.start_agent()
            while not self.over:
                self.turn()
        except Exception as problem:
            self.error = f"the shim failed: {problem!r}"
            self.cause = self.cause or "killed"
            self.end_at_once()
        self.report()

    def start_agent(self) -> None:
        environment = {**self.spec["env"], procfs.MARKER_VARIABLE: self.spec["marker"]}
        try:
            self.agent = subprocess.Popen(
                self.spec["argv"],
                cwd=self.spec["cwd"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
                bufsize=0,
                preexec_fn=self.cgroup.enter if self.cgroup else None,  # before its first own step: nothing is started outside
            )
        except (OSError, ValueError, subprocess.SubprocessError) as problem:
            self.cause = "start_failed"
            self.error = f"could not start {self.spec['argv'][0]!r} in {self.spec['cwd']!r}: {problem}"
            self.dead_at = time.monotonic()
            return
        self.leader = procfs.look(self.agent.pid)
        assert self.agent.stdout and self.agent.stderr
        for pipe, kind in ((self.agent.stdout, STDOUT), (self.agent.stderr, STDERR)):
            os.set_blocking(pipe.fileno(), False)
            self.streams[pipe.fileno()] = (kind, Lines())
            self.selector.register(pipe.fileno(), selectors.EVENT_READ, self.read_output)
        self.all_lines = [lines for _, lines in self.streams.values()]

    # One turn: wait, copy, look at the clock.

    @property
    def over(self) -> bool:
        if self.dead_at is None:
            return False
        return not self.streams or time.monotonic() > self.dead_at + DRAIN_S

    def turn(self) -> None:
        self.watch_for_room()
        for key, _ in self.selector.select(self.patience()):
            key.data(key.fd)
        self.reap()
        now = time.monotonic()
        if self.made_to_wait:
            self.last_output = now  # waiting for us is not being idle
        self.keep_deadlines(now)
        if self.ending and self.dead_at is None and now >= self.next_pass:
            self.next_pass = now + self.ending.step(now)
            if self.ending.over:
                self.dead_at = now

    def patience(self) -> float:
        """Seconds until something is due that no file descriptor will tell of."""
        now = time.monotonic()
        if self.dead_at is not None:
            return max(self.dead_at + DRAIN_S - now, 0)
        if self.ending:
            return max(self.next_pass - now, 0)
        due = [self.began + self.spec["wall_s"] - now]
        if self.spec["idle_s"]:
            due.append(self.last_output + self.spec["idle_s"] - now)
        return max(min(due), 0)

    def watch_for_room(self) -> None:
        """Write to the supervisor when there is something to write, read from the agent when there is room for it."""
        self.watch(FRAMES, selectors.EVENT_WRITE, self.write_frames, wanted=bool(self.outbox))
        # Events are never dropped, so the agent waits when the supervisor is behind with them. A dead one left little to read.
        room = not self.outbox.congested or self.dead_at is not None
        for pipe in self.streams:
            self.watch(pipe, selectors.EVENT_READ, self.read_output, wanted=room)
        self.made_to_wait = not room

    def watch(self, handle: int, what: int, then: Any, *, wanted: bool) -> None:
        if wanted != (handle in self.selector.get_map()):
            if wanted:
                self.selector.register(handle, what, then)
            else:
                self.selector.unregister(handle)

    def keep_deadlines(self, now: float) -> None:
        if self.exited:
            self.end("exited", now, ORPHAN_GRACE_S)
        elif now >= self.began + self.spec["wall_s"]:
            self.end("wall_timeout", now, self.spec["grace_s"])
        elif self.spec["idle_s"] and now >= self.last_output + self.spec["idle_s"]:
            self.end("idle_timeout", now, self.spec["grace_s"])

    # Input.

    def read_commands(self, handle: int) -> None:
        data = os.read(handle, READ_BYTES)
        now = time.monotonic()
        if not data:
            self.selector.unregister(handle)
            self.end("parent_gone", now, ORPHAN_GRACE_S, hurry=True)
        *commands, self.unread_commands = (self.unread_commands + data).split(b"\n")
        if b"kill" in commands:
            self.end("killed", now, 0, hurry=True)
        elif b"stop" in commands:
            self.end("stopped", now, self.spec["grace_s"])

    def read_output(self, handle: int) -> None:
        kind, lines = self.streams[handle]
        try:
            chunk = os.read(handle, READ_BYTES)
        except BlockingIOError:
            return
        self.last_output = time.monotonic()
        if chunk:
            self.pass_on(kind, lines.feed(chunk))
        else:
            self.pass_on(kind, lines.finish())
            self.selector.unregister(handle)
            del self.streams[handle]

    def pass_on(self, kind: bytes, whole_lines: bytes) -> None:
        if kind == STDERR:
            if whole_lines:
                self.outbox.text(kind, whole_lines)
            return
        for is_event, part in pieces(whole_lines):
            self.journal.write(part, event=is_event)
            (self.outbox.event if is_event else self.outbox.text)(kind, part)

    def write_frames(self, handle: int = FRAMES) -> None:
        try:
            self.outbox.send(handle)
        except OSError:  # nobody reads any more
            self.outbox.clear()
            self.end("parent_gone", time.monotonic(), ORPHAN_GRACE_S, hurry=True)
        self.last_progress = time.monotonic()

    # The end.

    def end(self, cause: str, now: float, grace_s: float, *, hurry: bool = False) -> None:
        """Begin to end the tree. The first cause stays; a later one can only bring the KILL forward."""
        if self.dead_at is not None:
            return
        if self.ending is None:
            self.cause = cause
            self.ending = self.begin_ending(grace_s, now)
            self.next_pass = now
        elif hurry or cause == "exited":
            self.ending.hurry(now + grace_s)
            self.next_pass = now if hurry else self.next_pass

    def begin_ending(self, grace_s: float, now: float) -> Ending:
        return Ending(
            self.tree,
            grace_s=grace_s,
            now=now,
            group=self.agent.pid if self.agent else None,
            cgroup=self.cgroup,
            leader=self.leader,
            ladder=[Rung(**step) for step in self.spec.get("ladder", ())] or [ASK_ALL],
        )

    def tree(self) -> tuple[set[int], dict[int, procfs.Seen]]:
        """All below us, since orphans come to us; and who carries the marker although it was started by somebody else."""
        if self.childless and not procfs.carriers(procfs.numbers(), self.spec["marker"]):
            return set(), {}
        people = procfs.everyone()
        return procfs.descendants(people, [os.getpid()]) or procfs.carriers(people, self.spec["marker"]), people

    def reap(self) -> None:
        """Bury the dead. Once the kernel says that there is no child of ours, there is no descendant either, and none will come."""
        died = False
        try:
            while not self.childless:
                pid, status = os.waitpid(-1, os.WNOHANG | WALL)
                if pid == 0:
                    break
                died = True
                self.note_exit(pid, status)
        except ChildProcessError:
            self.childless = True
        if died and self.ending:
            self.next_pass = 0.0
            if not self.childless:
                self.ending.stirred()

    def note_exit(self, pid: int, status: int) -> None:
        if self.agent and pid == self.agent.pid:
            self.exited = True
            code = os.waitstatus_to_exitcode(status)
            self.agent.returncode = code  # or Popen would wait for a number that is no longer ours
            self.exit_code, self.signal = (code, None) if code >= 0 else (None, -code)
            if self.cause == "stopped" and self.signal == signal.SIGKILL:
                self.cause = "killed"  # it did not go when it was asked

    def end_at_once(self) -> None:
        """Without the loop: the shim itself is broken."""
        self.ending = self.begin_ending(0, time.monotonic())
        while not self.ending.over:
            pause = self.ending.step(time.monotonic())
            self.reap()
            time.sleep(pause)
        self.dead_at = time.monotonic()

    def report(self) -> None:
        if self.cgroup:
            self.cgroup.remove()
        for kind, lines in self.streams.values():
            self.pass_on(kind, lines.finish())
        self.journal.sync()
        now = self.dead_at or time.monotonic()
        status = {
            "exit_code": self.exit_code,
            "signal": self.signal,
            "cause": self.cause,
            "error": self.error or self.journal.error,
            "seconds": round(now - self.began, 3),
            "kill_seconds": round(now - self.ending.began, 3) if self.ending else 0.0,
            "survivors": self.ending.survivors if self.ending else 0,
            "dropped_bytes": self.outbox.dropped_bytes + sum(lines.dropped_bytes for lines in self.all_lines),
            "lines_cut": sum(lines.cut for lines in self.all_lines),
        }
        text = json.dumps(status).encode()
        write_atomically(self.spec["status_path"], text)
        self.outbox.event(STATUS, text)
        self.flush()

    def flush(self) -> None:
        """Deliver what waits, as long as somebody takes it."""
        self.last_progress = time.monotonic()
        for handle in [COMMANDS, *self.streams]:
            self.watch(handle, selectors.EVENT_READ, None, wanted=False)
        while self.outbox and time.monotonic() < self.last_progress + UNREAD_S:
            self.watch(FRAMES, selectors.EVENT_WRITE, self.write_frames, wanted=True)
            for key, _ in self.selector.select(1.0):
                key.data(key.fd)

    def wake_on_signals(self) -> None:
        """A child's death and a TERM interrupt the select at once; plain handlers alone would let it sleep on."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, lambda *_: self.end("stopped", time.monotonic(), self.spec["grace_s"]))
        self.selector.register(reader, selectors.EVENT_READ, lambda handle: os.read(handle, 4096))


def write_atomically(path: str, content: bytes) -> None:
    """A full disk leaves no status; the frame still says it."""
    try:
        handle = os.open(path + ".tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, content)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(path + ".tmp", path)
    except OSError:
        pass


def set_limits() -> None:
    """What the agent inherits: its orphans come to us, private files, no core dumps, first in line when memory runs out."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with open("/proc/self/oom_score_adj", "r+") as score:
            wanted = min(int(score.read()) + 500, 1000)
            score.seek(0)
            score.write(str(wanted))
    except OSError:
        pass


def main() -> None:
    path = sys.argv[1]
    with open(path, "rb") as file:
        spec = json.load(file)
    os.unlink(path)  # it holds the agent's token
    set_limits()
    Shim(spec).run()
    os._exit(0)  # all is said and on disk; taking Python apart would only let the supervisor wait


if __name__ == "__main__":
    main()
