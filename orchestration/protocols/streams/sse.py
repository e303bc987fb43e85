"""Server-sent events from the bytes of a stream, however it is cut: inside a character, inside a line end, byte by byte."""

import re
from collections.abc import Iterator

MAX_EVENT_BYTES = 8 << 20

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class Splitter:
    """Events with their name and data. An event over the limit is dropped and counted in `dropped`; the ones after it are read again."""

    def __init__(self) -> None:
        self.dropped = 0
        self._line = bytearray()
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0
        self._is_too_large = False
        self._ends_in_cr = False
        self._is_first_line = True

    def feed(self, chunk: bytes) -> Iterator[tuple[str, bytes]]:
        if self._ends_in_cr and chunk:
            self._ends_in_cr = False
            chunk = chunk.removeprefix(b"\n")
        if not chunk:
            return
        self._ends_in_cr = chunk.endswith(b"\r")
        *lines, remainder = _LINE_END.split(chunk)
        for line in lines:
            self._keep(line)
            yield from self._line_ended()
        self._keep(remainder)

    def end(self) -> Iterator[tuple[str, bytes]]:
        """The last event, also where the stream ends without the empty line after it: a count in it counts."""
        if self._line:
            yield from self._line_ended()
        yield from self._event_ended()

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > MAX_EVENT_BYTES:
            self._is_too_large = True
            self._data.clear()
            if piece or self._line:
                self._line[:] = b":"  # the line is not empty, and has no content
        else:
            self._line += piece

    def _line_ended(self) -> Iterator[tuple[str, bytes]]:
        line = bytes(self._line)
        self._line.clear()
        if self._is_first_line:
            self._is_first_line, line = False, line.removeprefix(_BOM)
        if not line:
            yield from self._event_ended()
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data" and not self._is_too_large:
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")

    def _event_ended(self) -> Iterator[tuple[str, bytes]]:
        name, data, is_too_large = self._name, self._data, self._is_too_large
        self._name, self._data, self._size, self._is_too_large = "", [], 0, False
        if is_too_large:
            self.dropped += 1
        elif data:
            yield name, b"\n".join(data)
