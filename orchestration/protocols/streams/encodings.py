"""Content encodings of bodies: gzip, deflate, and zstd where Python or a package has it. The output is bounded."""

import zlib
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

MAX_DECODED_BYTES = 256 << 20

_IN_BYTES, _OUT_BYTES = 16 << 10, 256 << 10
_ZSTD = next(
    (name for name in ("compression.zstd", "backports.zstd") if find_spec(name.partition(".")[0]) and find_spec(name)), ""
)
READABLE = ("gzip", "deflate", *(("zstd",) if _ZSTD else ()))
"""The encodings that can be read here: a gateway accepts no other from a provider."""


class Undecodable(Exception):
    """An encoding that cannot be decoded here, or data that is not in it. Its message is a sentence."""


class TooLarge(Exception):
    """A body that is too large once it is decoded. Its message is a sentence."""


class Decoder(Protocol):
    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The decoded bytes, in pieces. Raises Undecodable."""
        ...


def decoder(encoding: str) -> Decoder:
    """A decoder for this Content-Encoding. Raises Undecodable."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return _Plain()
    if name in ("gzip", "x-gzip"):
        return _Inflating(zlib.MAX_WBITS | 16)
    if name == "deflate":
        return _Deflate()
    if name == "zstd" and _ZSTD:
        return _Zstd()
    raise Undecodable(f"The encoding {name[:40]} cannot be read here.")


def decoded(body: bytes, encoding: str, most: int) -> bytes:
    """A whole body. Raises Undecodable where it cannot be read, TooLarge where it is larger than `most` bytes."""
    pieces, size = [], 0
    for piece in decoder(encoding).feed(body):
        size += len(piece)
        if size > most:
            raise TooLarge(f"The body is larger than {most >> 20} MB.")
        pieces.append(piece)
    return b"".join(pieces)


class _Plain:
    def feed(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk


class _Inflating:
    """gzip, also of several members, or zlib, or raw deflate: by the window's size."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._inflater = zlib.decompressobj(window)
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        for start in range(0, len(chunk), _IN_BYTES):
            data, piece = chunk[start : start + _IN_BYTES], b""
            while data or len(piece) == _OUT_BYTES:
                if self._inflater.eof:
                    self._inflater = zlib.decompressobj(self._window)
                try:
                    piece = self._inflater.decompress(data, _OUT_BYTES)
                except zlib.error as error:
                    raise Undecodable(f"The body is not in its encoding: {error}.") from error
                data = self._inflater.unconsumed_tail or self._inflater.unused_data
                self._size += len(piece)
                if self._size > MAX_DECODED_BYTES:
                    raise Undecodable("The decoded body is too large.")
                yield piece


class _Deflate:
    """deflate with zlib's header, or without it: servers send both. The first two bytes decide."""

    def __init__(self) -> None:
        self._head = b""
        self._inflating: _Inflating | None = None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        if self._inflating is None:
            self._head += chunk
            if len(self._head) < 2:
                return
            has_header = self._head[0] & 15 == 8 and int.from_bytes(self._head[:2], "big") % 31 == 0
            self._inflating = _Inflating(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
            chunk, self._head = self._head, b""
        yield from self._inflating.feed(chunk)


class _Zstd:
    """zstd, also of several frames."""

    def __init__(self) -> None:
        self._module: Any = import_module(_ZSTD)
        self._inflater = self._module.ZstdDecompressor()
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        for start in range(0, len(chunk), _IN_BYTES):
            data = chunk[start : start + _IN_BYTES]
            while data or not (self._inflater.eof or self._inflater.needs_input):
                if self._inflater.eof:
                    self._inflater = self._module.ZstdDecompressor()
                try:
                    piece = self._inflater.decompress(data, _OUT_BYTES)
                except self._module.ZstdError as error:
                    raise Undecodable(f"The body is not in its encoding: {error}.") from error
                data = self._inflater.unused_data if self._inflater.eof else b""
                self._size += len(piece)
                if self._size > MAX_DECODED_BYTES:
                    raise Undecodable("The decoded body is too large.")
                yield piece
