"""The frames of a shim, as its worker reads them. An agent of the same user could write into the pipe: nothing in it is believed blindly."""

from orchestration.processes.shim.shim_output import BEAT, MAX_EVENT_LINE_BYTES, STATUS, STDERR, STDOUT

KINDS = (STDOUT, STDERR, STATUS, BEAT)
MAX_FRAME_BYTES = 2 * MAX_EVENT_LINE_BYTES
_HEADER_BYTES = 5


class Damaged(Exception):
    """No shim sends such bytes."""


class FrameReader:
    def __init__(self) -> None:
        self._unread = bytearray()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The frames that are complete now: kind and payload. Raises Damaged."""
        self._unread += data
        frames = []
        at = 0
        while len(self._unread) >= at + _HEADER_BYTES:
            start = at + _HEADER_BYTES
            kind, size = bytes(self._unread[at : at + 1]), int.from_bytes(self._unread[at + 1 : start], "big")
            if kind not in KINDS or size > MAX_FRAME_BYTES:
                raise Damaged
            if len(self._unread) < start + size:
                break
            frames.append((kind, bytes(self._unread[start : start + size])))
            at = start + size
        del self._unread[:at]
        return frames
