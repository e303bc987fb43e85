"""The meter of an answer: decodes its body as it passes, splits it into events, and gives them to one protocol's tally."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from orchestration.protocols.shared.interface import Reading
from orchestration.protocols.streams import encodings, json_stream, sse

MAX_ANSWER_BYTES = 64 << 20
"""A whole answer that is not a stream is kept until its end, up to this size."""
MAX_TOKENS = 10**12

_RUN = re.compile(r"(.)\1{3,}", re.DOTALL)


class Unreadable(Exception):
    """A count that is no count. Its message is the problem in words."""


class Tally(Protocol):
    """One protocol's events, added up."""

    def event(self, name: str, data: dict[str, Any]) -> None:
        """One event of a stream. May raise Unreadable."""
        ...

    def answer(self, data: dict[str, Any]) -> None:
        """A whole answer that is not a stream. May raise Unreadable."""
        ...

    def reading(self, *, complete: bool) -> Reading: ...


class _Splitter(Protocol):
    dropped: int

    def feed(self, chunk: bytes) -> Iterator[tuple[str, bytes]]: ...

    def end(self) -> Iterator[tuple[str, bytes]]: ...


class BodyMeter:
    """The meter of every protocol. It never raises: what it cannot read becomes the reading's problem, and the bytes pass anyway."""

    def __init__(self, tally: Tally, content_type: str, encoding: str) -> None:
        self._tally = tally
        self._splitter: _Splitter | None = sse.Splitter() if "event-stream" in content_type.lower() else None
        self._whole: bytearray | None = None
        self._problem = ""
        self._is_stopped = False
        self._decoder: encodings.Decoder | None = None
        try:
            self._decoder = encodings.decoder(encoding)
        except encodings.Undecodable as error:
            self._problem = str(error)

    def feed(self, chunk: bytes) -> None:
        if self._decoder is not None and not self._is_stopped:
            self._attempt(self._feed, self._decoder, chunk)

    @property
    def is_over(self) -> bool:
        return not self._problem and self._tally.reading(complete=False).is_final

    def end(self, *, complete: bool) -> Reading:
        if not self._is_stopped:
            self._attempt(self._end)
        reading = self._tally.reading(complete=complete)
        if not self._problem and self._splitter is not None and self._splitter.dropped:
            self._problem = "" if reading.is_final else "An event of the answer was too large to read."
        return replace(reading, problem=self._problem, is_final=reading.is_final and not self._problem)

    def _attempt(self, step: Callable[..., None], *values: object) -> None:
        """Run a step. After an error that is not in a single count nothing more is read."""
        try:
            step(*values)
        except Unreadable as error:
            self._problem = str(error)
        except encodings.Undecodable as error:
            self._problem, self._is_stopped = str(error), True
        except Exception as error:  # hostile input must not end the stream that it is in
            self._problem, self._is_stopped = f"The answer could not be read: {type(error).__name__}.", True

    def _feed(self, decoder: encodings.Decoder, chunk: bytes) -> None:
        for piece in decoder.feed(chunk):
            self._read(piece)

    def _read(self, piece: bytes) -> None:
        if self._splitter is None and self._whole is None:
            piece = piece.lstrip()
            if not piece:
                return
            if piece.startswith(b"["):
                self._splitter = json_stream.Splitter()
            elif piece.startswith(b"{"):
                self._whole = bytearray()
            else:
                self._splitter = sse.Splitter()
        if self._splitter is not None:
            self._take(self._splitter.feed(piece))
        elif self._whole is not None:
            self._whole += piece
            if len(self._whole) > MAX_ANSWER_BYTES:
                self._whole.clear()
                raise encodings.Undecodable("The answer is too large to read.")

    def _end(self) -> None:
        if self._splitter is not None:
            self._take(self._splitter.end())
        elif self._whole:
            values = json.loads(self._whole)
            self._whole.clear()
            self._tally.answer(values)

    def _take(self, events: Iterator[tuple[str, bytes]]) -> None:
        for name, data in events:
            values = _object(data)
            if values is not None:
                self._attempt(self._tally.event, name, values)
            elif data.strip() == b"[DONE]":
                self._tally.event("[DONE]", {})


def text_bytes(value: Any) -> int:
    """Bytes of generated text. A run of one character counts once: a hundred spaces may be one token."""
    return len(_RUN.sub(r"\1", value).encode("utf-8", "replace")) if isinstance(value, str) else 0


def dump_bytes(value: Any) -> int:
    """Bytes of generated arguments that come as an object."""
    return text_bytes(json.dumps(value, ensure_ascii=False, separators=(",", ":"))) if value else 0


def count(values: Mapping[str, Any], name: str) -> int | None:
    """A token count; None: absent or null. Raises Unreadable for what is no count."""
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOKENS:
        raise Unreadable(f"The provider's {name} is no count of tokens.")
    return value


def values_of(values: Any, name: str) -> Mapping[str, Any]:
    """An object in an answer; empty for anything else."""
    value = values.get(name) if isinstance(values, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def objects_of(values: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects of a list in an answer; empty for anything else."""
    value = values.get(name) if isinstance(values, Mapping) else None
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def name_of(values: Any, name: str, most: int = 200) -> str:
    """A short text in an answer; empty for anything else."""
    value = values.get(name) if isinstance(values, Mapping) else None
    return value[:most] if isinstance(value, str) else ""


def error_of(error: Any) -> str:
    """The type or code of an error."""
    if isinstance(error, str):
        return error[:200] or "error"
    code = error.get("code") if isinstance(error, Mapping) else None
    number = str(code) if isinstance(code, int) else ""
    return name_of(error, "code") or name_of(error, "status") or name_of(error, "type") or number or "error"


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None
