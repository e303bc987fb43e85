"""Supervises one agent's process tree, in a process that forked_shim.py starts. Standard library only, for a fast start.

Commands come on stdin (`stop`, `kill`, `renew TIME`); its end means that the supervisor died, and then the tree dies too, as it does
when no renewal comes for a lease: another host may believe it dead. A pipe and not PDEATHSIG, because that signal follows the forking thread
and not the process. Frames go to stdout (shim_output.py).
The final status goes to disk first and then out as a frame.
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

# After the standard library's own folders, so that no file here can shadow one of its modules.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))

import cgroups
import namespaces
import procfs
import shim_sandbox
from memory_watch import MemoryWatch
from shim_output import BEAT, STATUS, STDERR, STDOUT, Journal, LineBuffer, Outbox, split_events
from tree_kill import TERM_ALL, KillStep, TreeKill

COMMANDS, FRAMES = 0, 1
READ_BYTES = 2**16
ORPHAN_GRACE_S = 1.0  # for the children that an agent left behind, and for the whole tree once the supervisor is dead
SETTLE_S = 0.03  # for a sandbox to end by itself after its agent: looking for orphans takes longer
DRAIN_S = 2.0  # for pipes that a process outside the tree holds open
REAP_S = 1.0
BEAT_S = 1.0  # a frame at least this often: the supervisor ends the tree of a shim that is silent for long (shim_watch.py)
UNREAD_S = 60.0  # a living supervisor that does not read for this long finds the status and the journal on disk
PR_SET_CHILD_SUBREAPER = 36
WALL = 0x40000000  # children of any kind, so that ECHILD really means no child


class Shim:
    """One agent from its start to the death of its whole tree."""

    def __init__(self, spec: dict[str, Any]) -> None:
        # Newer fields have defaults: during an upgrade, an older worker starts this file.
        self.spec = spec
        self.began = self.last_output = self.last_progress = self.last_beat = time.monotonic()
        self.renewed_at = spec.get("renewed_at", self.began)
        self.throttled = False
        self.cause = ""
        self.error = ""
        self.exit_code: int | None = None
        self.signal: int | None = None
        self.agent: subprocess.Popen[bytes] | None = None
        self.sandbox: shim_sandbox.Sandbox | None = None
        self.leader: procfs.ProcessInfo | None = None
        parent = spec.get("cgroup_parent", cgroups.DISABLED)
        self.cgroup = cgroups.create(spec["marker"], parent)
        self.limits = cgroups.limited(spec["marker"], self.cgroup, parent, spec.get("limits") or {})
        self.memory = MemoryWatch(self.limits.watched_mb, lambda: procfs.below(os.getpid()))
        self.exited = False
        self.settled_at = 0.0
        self.childless = False
        self.unmarked: set[int] = set()
        self.tree_kill: TreeKill | None = None
        self.next_pass = 0.0
        self.dead_at: float | None = None
        self.outbox = Outbox()
        self.journal = Journal(spec["journal_path"], spec["journal_limit_bytes"])
        self.streams: dict[int, tuple[bytes, LineBuffer]] = {}
        self.line_buffers: list[LineBuffer] = []
        self.unread_commands = b""
        self.selector = selectors.DefaultSelector()

    def run(self) -> None:
        self.wake_on_signals()
        os.set_blocking(FRAMES, False)
        self.selector.register(COMMANDS, selectors.EVENT_READ, self.read_commands)
        try:
            self.start_agent()
            while not self.over:
                self.run_once()
        except Exception as problem:
            self.error = f"the shim failed: {problem!r}"
            self.cause = self.cause or "killed"
            self.end_at_once()
        self.report()

    def start_agent(self) -> None:
        argv, marked = self.spec["argv"], {procfs.MARKER_VARIABLE: self.spec["marker"]}
        environment, handles = {**self.spec["env"], **marked}, tuple[int, ...]()
        if self.spec.get("sandbox"):
            self.sandbox = shim_sandbox.Sandbox(self.spec["sandbox"], environment, argv)
            argv, environment, handles = (
                self.sandbox.argv,
                marked,
                self.sandbox.passed,
            )  # bubblewrap gets none of the agent's variables
        elif network := self.spec.get("network"):
            argv, handles = [*argv, ",".join(map(str, network))], (network[0],)
        try:
            self.agent = subprocess.Popen(
                argv,
                cwd=self.spec["cwd"],
                env=environment,
                pass_fds=handles,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
                bufsize=0,
                preexec_fn=self.enter_groups,  # before its first own step: nothing is started outside
            )
        except (OSError, ValueError, subprocess.SubprocessError) as problem:
            self.cause = "start_failed"
            self.error = f"could not start {self.spec['argv'][0]!r} in {self.spec['cwd']!r}: {problem}"
            self.dead_at = time.monotonic()
            return
        if self.sandbox:
            self.sandbox.close_handles()
            self.selector.register(self.sandbox.reports, selectors.EVENT_READ, self.read_reports)
        else:
            self.leader = procfs.read_process(self.agent.pid)
        assert self.agent.stdout and self.agent.stderr
        for pipe, kind in ((self.agent.stdout, STDOUT), (self.agent.stderr, STDERR)):
            os.set_blocking(pipe.fileno(), False)
            self.streams[pipe.fileno()] = (kind, LineBuffer())
            self.selector.register(pipe.fileno(), selectors.EVENT_READ, self.read_output)
        self.line_buffers = [lines for _, lines in self.streams.values()]
        for sentence in self.limits.warnings():
            self.forward(STDERR, f"muster: {sentence}\n".encode())

    def enter_groups(self) -> None:
        self.limits.enter()
        if self.cgroup:
            self.cgroup.enter()
        if (self.spec.get("sandbox") or {}).get("namespaces"):
            namespaces.join(self.spec["sandbox"]["namespaces"])  # last: inside, the control groups are another user's

    # The loop: wait, copy, check the clock.

    @property
    def over(self) -> bool:
        if self.dead_at is None:
            return False
        return not self.streams or time.monotonic() > self.dead_at + DRAIN_S

    def run_once(self) -> None:
        self.update_registrations()
        for key, _ in self.selector.select(self.seconds_to_wait()):
            key.data(key.fd)
        self.reap()
        now = time.monotonic()
        if self.throttled:
            self.last_output = now  # an agent that the shim throttles is not idle
        self.beat(now)
        self.check_deadlines(now)
        if self.tree_kill and self.dead_at is None and now >= self.next_pass:
            self.next_pass = now + self.tree_kill.step(now)
            if self.tree_kill.over:
                self.dead_at = now

    def seconds_to_wait(self) -> float:
        """Seconds until the next deadline."""
        now = time.monotonic()
        waits = [BEAT_S if self.outbox else self.last_beat + BEAT_S - now]
        if self.dead_at is not None:
            waits.append(self.dead_at + DRAIN_S - now)
        elif self.tree_kill:
            waits.append(self.next_pass - now)
        else:
            waits += [self.began + self.spec["wall_s"] - now, *([self.settled_at - now] if self.exited else [])]
            if lease_s := self.spec.get("lease_s"):
                waits.append(self.renewed_at + lease_s - now)
            if self.spec["idle_s"]:
                waits.append(self.last_output + self.spec["idle_s"] - now)
        return float(max(min(waits), 0))

    def update_registrations(self) -> None:
        """Write to the supervisor while frames are pending; read from the agent while there is room for its output."""
        self.register_if(FRAMES, selectors.EVENT_WRITE, self.write_frames, enabled=bool(self.outbox))
        # Events are never dropped, so the agent waits while the supervisor is behind. A dead agent left little to read.
        has_room = not self.outbox.congested or self.dead_at is not None
        for pipe in self.streams:
            self.register_if(pipe, selectors.EVENT_READ, self.read_output, enabled=has_room)
        self.throttled = not has_room

    def register_if(self, handle: int, event: int, callback: Any, *, enabled: bool) -> None:
        if enabled != (handle in self.selector.get_map()):
            if enabled:
                self.selector.register(handle, event, callback)
            else:
                self.selector.unregister(handle)

    def beat(self, now: float) -> None:
        """Show that the shim works, and whether the agent wrote anything, whole line or not. Pending frames show that as well."""
        if now >= self.last_beat + BEAT_S and not self.outbox:
            self.outbox.event(BEAT, b"1" if self.last_output > self.last_beat else b"")
            self.last_beat = now

    def check_deadlines(self, now: float) -> None:
        if (lease_s := self.spec.get("lease_s")) and now >= self.renewed_at + lease_s:
            self.end("parent_gone", now, ORPHAN_GRACE_S, hurry=True)
        if self.exited and now >= self.settled_at:
            self.end("exited", now, ORPHAN_GRACE_S)
        elif self.exited:
            pass
        elif now >= self.began + self.spec["wall_s"]:
            self.end("wall_timeout", now, self.spec["grace_s"])
        elif self.memory.is_over(now):
            self.error = self.memory.sentence()
            self.forward(STDERR, f"muster: {self.error}\n".encode())
            self.end("killed", now, 0, hurry=True)
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
        for _, _, at in (command.partition(b"renew ") for command in commands if command.startswith(b"renew ")):
            self.renewed_at = max(self.renewed_at, float(at))
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
            self.forward(kind, lines.feed(chunk))
        else:
            self.forward(kind, lines.finish())
            self.selector.unregister(handle)
            del self.streams[handle]

    def read_reports(self, handle: int) -> None:
        assert self.sandbox and self.agent
        is_first = not self.sandbox.started
        if not self.sandbox.read():
            self.selector.unregister(handle)
        if is_first and self.sandbox.started and self.sandbox.ended is None:
            self.leader = shim_sandbox.leader_of(self.agent.pid)
        self.note_report()

    def note_report(self) -> None:
        """Note the agent's end as the sandbox's first process has reported it."""
        assert self.sandbox
        if self.sandbox.failed and not self.exited:
            self.cause = self.cause or "start_failed"
            self.error = f"could not start {self.spec['argv'][0]!r} in {self.spec['cwd']!r}: {self.sandbox.failed}"
            self.note_end(None, None)
        if self.sandbox.ended and not self.exited:
            self.note_end(*self.sandbox.ended)

    def forward(self, kind: bytes, whole_lines: bytes) -> None:
        if kind == STDERR:
            if whole_lines:
                self.outbox.text(kind, whole_lines)
            if self.sandbox and not self.sandbox.started:
                self.sandbox.last_words = whole_lines[-300:] or self.sandbox.last_words
            return
        for is_event, part in split_events(whole_lines):
            self.journal.write(part, event=is_event)
            (self.outbox.event if is_event else self.outbox.text)(kind, part)

    def write_frames(self, handle: int = FRAMES) -> None:
        try:
            self.outbox.send(handle)
        except OSError:  # the supervisor is gone
            self.outbox.clear()
            self.end("parent_gone", time.monotonic(), ORPHAN_GRACE_S, hurry=True)
        self.last_progress = time.monotonic()

    # The end.

    def end(self, cause: str, now: float, grace_s: float, *, hurry: bool = False) -> None:
        """Begin to end the tree. The first cause stays; a later one can only make the KILL earlier."""
        if self.dead_at is not None:
            return
        if self.tree_kill is None:
            self.cause = self.cause or cause
            self.tree_kill = self.new_tree_kill(grace_s, now)
            self.next_pass = now
        elif hurry or cause == "exited":
            self.tree_kill.hurry(now + grace_s)
            self.next_pass = now if hurry else self.next_pass

    def new_tree_kill(self, grace_s: float, now: float) -> TreeKill:
        if self.sandbox and self.agent and self.leader is None and not self.exited:  # its report is still on the way
            self.leader = shim_sandbox.leader_of(self.agent.pid)
        return TreeKill(
            self.tree,
            grace_s=grace_s,
            now=now,
            group=self.agent.pid if self.agent else None,
            cgroup=self.cgroup,
            leader=self.leader,
            kill_sequence=[KillStep(**step) for step in self.spec.get("kill_sequence", ())] or [TERM_ALL],
        )

    def tree(self, whole: bool) -> tuple[set[int], dict[int, procfs.ProcessInfo]]:
        """All descendants (the shim is a subreaper); without any, processes elsewhere that carry the marker. `whole`: beside all processes of
        the machine, which takes longer."""
        # A sandbox's processes all end with its first one, so nothing of it is elsewhere: its shim need not read every environment there is.
        if self.childless and (self.sandbox or not self.marked_elsewhere()):
            return set(), {}
        processes = {} if whole else procfs.below(os.getpid())
        pids = set(processes)
        if not pids:
            processes = procfs.all_processes()
            pids = procfs.descendants(processes, [os.getpid()]) or procfs.carrying_marker(processes, self.spec["marker"])
        if self.sandbox and self.agent:  # its machinery ends with the last process inside
            pids = (pids - shim_sandbox.machinery(processes, self.agent.pid)) or pids
        return pids, processes

    def marked_elsewhere(self) -> bool:
        """True if a process elsewhere carries the marker. Only processes that are new since the last look are read: this tree cannot have started any other."""
        pids = set(procfs.all_pids())
        marked = procfs.carrying_marker(pids - self.unmarked, self.spec["marker"])
        self.unmarked = pids - marked
        return bool(marked)

    def reap(self) -> None:
        """Reap dead children. Once the kernel reports no child, there is no descendant either, and none can appear."""
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
        if died and self.tree_kill:
            self.next_pass = 0.0
            if not self.childless:
                self.tree_kill.note_death()

    def note_exit(self, pid: int, status: int) -> None:
        if self.agent and pid == self.agent.pid:
            code = os.waitstatus_to_exitcode(status)
            self.agent.returncode = code  # or Popen would wait for a pid that is already reaped
            self.settled_at = 0.0
            if self.sandbox:
                self.sandbox.read()
                self.note_report()
                if not self.sandbox.started and not self.cause:
                    self.cause = "start_failed"
                    self.note_end(None, None)
            if not self.exited:
                self.note_end(*((code, None) if code >= 0 else (None, -code)))

    def note_end(self, exit_code: int | None, signum: int | None) -> None:
        self.exited = True
        if self.sandbox and self.agent and self.agent.returncode is None:
            self.settled_at = time.monotonic() + SETTLE_S
        self.exit_code, self.signal = exit_code, signum
        if self.cause == "stopped" and signum == signal.SIGKILL:
            self.cause = "killed"  # it ignored the gentler signals

    def end_at_once(self) -> None:
        """End the tree without the loop, after an error in the shim itself."""
        self.tree_kill = self.new_tree_kill(0, time.monotonic())
        while not self.tree_kill.over:
            pause = self.tree_kill.step(time.monotonic())
            self.reap()
            time.sleep(pause)
        self.dead_at = time.monotonic()

    def report(self) -> None:
        for kind, lines in self.streams.values():
            self.forward(kind, lines.finish())
        for sentence in self.limits.sentences():
            self.forward(STDERR, f"muster: {sentence}\n".encode())
            self.error = self.error or sentence
        self.limits.remove()
        if self.cgroup:
            self.cgroup.remove()
        if self.cause == "start_failed" and self.sandbox and not self.error:
            self.error = f"the sandbox could not be made: {self.sandbox.last_words.decode(errors='replace').strip()}"
        self.journal.sync()
        now = self.dead_at or time.monotonic()
        status = {
            "exit_code": self.exit_code,
            "signal": self.signal,
            "cause": self.cause,
            "error": self.error or self.journal.error,
            "seconds": round(now - self.began, 3),
            "kill_seconds": round(now - self.tree_kill.began, 3) if self.tree_kill else 0.0,
            "survivors": self.tree_kill.survivors if self.tree_kill else 0,
            "dropped_bytes": self.outbox.dropped_bytes + sum(lines.dropped_bytes for lines in self.line_buffers),
            "lines_cut": sum(lines.cut for lines in self.line_buffers),
            "events_cut": sum(lines.events_cut for lines in self.line_buffers),
        }
        text = json.dumps(status).encode()
        write_atomically(self.spec["status_path"], text)
        self.outbox.event(STATUS, text)
        self.flush()

    def flush(self) -> None:
        """Deliver pending frames, as long as the supervisor reads them."""
        self.last_progress = time.monotonic()
        for handle in [COMMANDS, *self.streams]:
            self.register_if(handle, selectors.EVENT_READ, None, enabled=False)
        while self.outbox and time.monotonic() < self.last_progress + UNREAD_S:
            self.register_if(FRAMES, selectors.EVENT_WRITE, self.write_frames, enabled=True)
            for key, _ in self.selector.select(1.0):
                key.data(key.fd)

    def wake_on_signals(self) -> None:
        """Let a child's death or a TERM interrupt the select at once."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)  # Python restarts a select after a plain handler (PEP 475)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, lambda *_: self.end("stopped", time.monotonic(), self.spec["grace_s"]))
        self.selector.register(reader, selectors.EVENT_READ, lambda handle: os.read(handle, 4096))


def write_atomically(path: str, content: bytes) -> None:
    """Write a file at once or not at all. An error such as a full disk is ignored: the status frame still goes out."""
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
    """Become a subreaper; the agent inherits private file modes, no core dumps, and to be the first victim when memory runs out."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with open("/proc/self/oom_score_adj", "r+") as score:
            adjusted = min(int(score.read()) + 500, 1000)
            score.seek(0)
            score.write(str(adjusted))
    except OSError:
        pass


def read_spec(handle: int, *network: int) -> dict[str, Any]:
    """`handle`: a file in memory, since the spec contains the agent's token. `network`: a socket to the worker, for a process that listens on its behalf."""
    text, at = b"", 0
    while part := os.pread(handle, READ_BYTES, at):
        text, at = text + part, at + len(part)
    os.close(handle)
    spec: dict[str, Any] = json.loads(text)
    if network:
        passed = spec["sandbox"] or spec
        passed["network"] = [*network, *passed["network"]]
    return spec


def supervise(spec: dict[str, Any]) -> None:
    set_limits()
    Shim(spec).run()
    reap_rest()
    os._exit(0)  # everything is delivered and on disk; interpreter shutdown would only delay the supervisor


def reap_rest() -> None:
    """Wait for children that have just ended: in a container without an init they would stay as zombies."""
    until = time.monotonic() + REAP_S
    while time.monotonic() < until:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG | WALL)
        except ChildProcessError:
            return
        if not pid:
            time.sleep(0.01)


def main(*handles: int) -> None:
    supervise(read_spec(*handles))
