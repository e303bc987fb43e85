"""The objects of a JSON array that arrives in pieces: Gemini streams so where it is not asked for server-sent events."""

import re
from collections.abc import Iterator

MAX_OBJECT_BYTES = 8 << 20

_OUTSIDE = re.compile(rb'["{}]')
_INSIDE = re.compile(rb'["\\]')


class Splitter:
    """The outermost objects, each once it is whole. An object over the limit is dropped and counted in `dropped`."""

    def __init__(self) -> None:
        self.dropped = 0
        self._object = bytearray()
        self._size = 0
        self._depth = 0
        self._is_in_text = False
        self._is_escaped = False

    def feed(self, chunk: bytes) -> Iterator[tuple[str, bytes]]:
        start = at = 0
        if self._is_escaped and chunk:
            self._is_escaped, at = False, 1
        while match := (_INSIDE if self._is_in_text else _OUTSIDE).search(chunk, at):
            at, mark = match.end(), match.group()
            if mark == b"\\":
                self._is_escaped, at = at >= len(chunk), at + 1
            elif mark == b'"':
                self._is_in_text = not self._is_in_text
            elif mark == b"{":
                self._depth += 1
                start = match.start() if self._depth == 1 else start
            elif self._depth:
                self._depth -= 1
                if not self._depth:
                    self._keep(chunk[start:at])
                    yield from self._object_ended()
        if self._depth:
            self._keep(chunk[start:])

    def end(self) -> Iterator[tuple[str, bytes]]:
        """Nothing: an object that is not whole has no count."""
        yield from ()

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > MAX_OBJECT_BYTES:
            self._object.clear()
        else:
            self._object += piece

    def _object_ended(self) -> Iterator[tuple[str, bytes]]:
        data, size = bytes(self._object), self._size
        self._object.clear()
        self._size = 0
        if size > MAX_OBJECT_BYTES:
            self.dropped += 1
        else:
            yield "", data
