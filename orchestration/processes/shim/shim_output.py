"""Forwards an agent's output in bounded memory, for the shim. Standard library only."""

import os
import re
from collections import deque
from collections.abc import Iterator

STDOUT, STDERR, STATUS, BEAT = b"O", b"E", b"S", b"H"
MAX_LINE_BYTES = 2**20
MAX_EVENT_LINE_BYTES = 2**23  # of a line that looks like JSON: a whole answer is one line, and what it cost stands behind it
TEXT_LIMIT_BYTES = 2**22
EVENT_LIMIT_BYTES = 2**22
ITEM_OVERHEAD_BYTES = 128  # so that millions of tiny items are not counted as little memory
CUT = b" [muster: the rest of this line is cut]\n"
_EVENT_LINES = re.compile(rb"(?:^[ \t]*\{[^\n]*\n)+", re.MULTILINE)


class LineBuffer:
    """Gathers one stream's bytes into whole lines, the long ones cut. `events_cut`: those of them that look like JSON."""

    def __init__(self) -> None:
        self.cut = 0
        self.events_cut = 0
        self.dropped_bytes = 0
        self._partial = bytearray()
        self._skipping = False

    def feed(self, chunk: bytes) -> bytes:
        """The lines that are complete now, each with its newline."""
        if self._skipping:
            skipped, newline, chunk = chunk.partition(b"\n")
            self.dropped_bytes += len(skipped)
            self._skipping = not newline
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._partial += chunk
            return self._cut_partial() if len(self._partial) > _most(self._partial) else b""
        whole = bytes(self._partial) + chunk[:end]
        self._partial = bytearray(chunk[end:])
        first = whole.find(b"\n")
        if first > (most := _most(whole)):  # only the first can be too long: the others came in one small read
            self._count_cut(most)
            self.dropped_bytes += first - most
            whole = whole[:most] + CUT + whole[first + 1 :]
        return whole

    def finish(self) -> bytes:
        """The text after the last newline, as a line."""
        partial = bytes(self._partial)
        self._partial.clear()
        return partial + b"\n" if partial else b""

    def _cut_partial(self) -> bytes:
        most = _most(self._partial)
        line = bytes(self._partial[:most])
        self._count_cut(most)
        self.dropped_bytes += len(self._partial) - len(line)
        self._partial.clear()
        self._skipping = True
        return line + CUT

    def _count_cut(self, most: int) -> None:
        self.cut += 1
        self.events_cut += most == MAX_EVENT_LINE_BYTES


def _most(line: bytes | bytearray) -> int:
    """The number of bytes of this line that are kept: a line that looks like JSON may be longer."""
    return MAX_EVENT_LINE_BYTES if line[:100].lstrip(b" \t")[:1] == b"{" else MAX_LINE_BYTES


def split_events(whole_lines: bytes) -> Iterator[tuple[bool, bytes]]:
    """Runs of lines in order: (True, those that look like JSON objects) and (False, other text)."""
    at = 0
    for run in _EVENT_LINES.finditer(whole_lines):
        if run.start() > at:
            yield False, whole_lines[at : run.start()]
        yield True, run.group()
        at = run.end()
    if at < len(whole_lines):
        yield False, whole_lines[at:]


class Journal:
    """The agent's stdout on disk, for the reaper of a dead worker.

    Text and events have separate limits: a flood of text must not displace a usage line.
    """

    def __init__(self, path: str, limit_bytes: int) -> None:
        self.error = ""
        self._bytes_left = {True: limit_bytes, False: limit_bytes}
        self._file = -1
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            self._fail(problem)

    def write(self, lines: bytes, *, event: bool) -> None:
        """A full disk ends the journal and never the session."""
        if self._file < 0 or len(lines) > self._bytes_left[event]:
            return
        self._bytes_left[event] -= len(lines)
        try:
            while lines:
                lines = lines[os.write(self._file, lines) :]
        except OSError as problem:
            self._fail(problem)

    def sync(self) -> None:
        """The journal reaches the disk before the status, which claims that it is complete: also after a power failure."""
        if self._file >= 0:
            try:
                os.fsync(self._file)
            except OSError as problem:
                self._fail(problem)

    def _fail(self, problem: OSError) -> None:
        self.error = f"the journal could not be written: {problem.strerror}"
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Outbox:
    """Frames for the supervisor.

    If the supervisor is slow, the oldest pending text is dropped, which is the middle of the output: older text is delivered, the
    newest is kept. Events are never dropped; while too many are pending, `congested` asks the owner to stop reading from the agent.
    """

    def __init__(self) -> None:
        self.dropped_bytes = 0
        self._texts: deque[tuple[int, bytes, bytes]] = deque()
        self._events: deque[tuple[int, bytes, bytes]] = deque()
        self._text_bytes = self._event_bytes = self._sequence = self._gap = 0
        self._sending = memoryview(b"")

    def __bool__(self) -> bool:
        return bool(self._sending or self._texts or self._events)

    @property
    def congested(self) -> bool:
        return self._event_bytes > EVENT_LIMIT_BYTES

    def text(self, kind: bytes, lines: bytes) -> None:
        self._sequence += 1
        self._texts.append((self._sequence, kind, lines))
        self._text_bytes += len(lines) + ITEM_OVERHEAD_BYTES
        while self._text_bytes > TEXT_LIMIT_BYTES:
            dropped = self._take(self._texts)[1]
            self.dropped_bytes += len(dropped)
            self._gap += len(dropped)

    def event(self, kind: bytes, payload: bytes) -> None:
        self._sequence += 1
        self._events.append((self._sequence, kind, payload))
        self._event_bytes += len(payload) + ITEM_OVERHEAD_BYTES

    def send(self, pipe: int) -> None:
        """Send as much as the pipe takes now. Handles BlockingIOError; raises BrokenPipeError."""
        try:
            while self:
                if not self._sending:
                    self._sending = memoryview(self._next_frame())
                self._sending = self._sending[os.write(pipe, self._sending) :]
        except BlockingIOError:
            pass

    def clear(self) -> None:
        self._texts.clear()
        self._events.clear()
        self._sending = memoryview(b"")

    def _next_frame(self) -> bytes:
        if self._texts and (not self._events or self._texts[0][0] < self._events[0][0]):
            if self._gap:
                note = b"[muster: %d bytes of output dropped here]\n" % self._gap
                self._gap = 0
                return frame(STDERR, note)
            return frame(*self._take(self._texts))
        return frame(*self._take(self._events))

    def _take(self, queue: deque[tuple[int, bytes, bytes]]) -> tuple[bytes, bytes]:
        _, kind, payload = queue.popleft()
        if queue is self._texts:
            self._text_bytes -= len(payload) + ITEM_OVERHEAD_BYTES
        else:
            self._event_bytes -= len(payload) + ITEM_OVERHEAD_BYTES
        return kind, payload


def frame(kind: bytes, payload: bytes) -> bytes:
    return kind + len(payload).to_bytes(4, "big") + payload
