"""Streams that arrive in pieces: the same events come out wherever they are cut."""

import gzip
import json
import time
import zlib
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.protocols.streams import encodings, json_stream, sse

STREAM = 'data: {"ä":1}\r\n\r\n: ping\n\nevent: x\ndata: a\ndata:  b\n\nid: 3\rdata\revent: y\r\rdata: € last'.encode()
EVENTS = [("", '{"ä":1}'.encode()), ("x", b"a\n b"), ("y", b""), ("", "€ last".encode())]
CUTS = st.lists(st.integers(0, 200), max_size=12)


def cut(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({0, *(place % (len(data) + 1) for place in cuts), len(data)})
    return [data[start:end] for start, end in pairwise(places)]


def events(chunks: Iterable[bytes]) -> list[tuple[str, bytes]]:
    splitter = sse.Splitter()
    return [event for chunk in chunks for event in splitter.feed(chunk)] + list(splitter.end())


@given(CUTS)
def test_events_are_the_same_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    assert events(cut(STREAM, cuts)) == EVENTS


def test_events_are_the_same_byte_by_byte() -> None:
    assert events(STREAM[at : at + 1] for at in range(len(STREAM))) == EVENTS


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"", []),
        (b"\n\n\n", []),
        (b"event: x\n\n", []),
        (b"\xef\xbb\xbfdata: 1\n\n", [("", b"1")]),
        (b"data:1\n\n", [("", b"1")]),
        (b"data\n\n", [("", b"")]),
        (b"event: \xff\ndata: 1\n\n", [("�", b"1")]),
        (b"data: [DONE]", [("", b"[DONE]")]),
    ],
)
def test_the_format_is_read_as_browsers_read_it(stream: bytes, expected: list[tuple[str, bytes]]) -> None:
    assert events([stream]) == expected


@pytest.mark.parametrize("size", [1 << 20, 9 << 20])
def test_an_event_that_is_too_large_is_dropped_and_the_next_is_read(size: int) -> None:
    splitter = sse.Splitter()
    large = [b"data: ", *[b"x" * size] * 12, b"\ndata: more\n\n", b"data: 2\n\n"]
    assert [event for chunk in large for event in splitter.feed(chunk)] == [("", b"2")]
    assert splitter.dropped == 1


def test_a_line_in_many_pieces_is_read_within_seconds() -> None:
    splitter, began = sse.Splitter(), time.monotonic()
    for _ in range(200_000):
        assert not list(splitter.feed(b"xxxx"))
    assert time.monotonic() - began < 5


ARRAY = json.dumps([{"a": '"}{\\'}, {"b": {"c": [{"ä": "€"}]}}, {}], ensure_ascii=False, indent=1).encode()


@given(CUTS)
def test_the_objects_of_an_array_are_the_same_wherever_it_is_cut(cuts: list[int]) -> None:
    splitter = json_stream.Splitter()
    objects = [json.loads(data) for chunk in cut(ARRAY, cuts) for _, data in splitter.feed(chunk)]
    assert objects == json.loads(ARRAY) and not list(splitter.end())


@given(st.binary(max_size=200), CUTS)
def test_no_bytes_make_a_splitter_raise(data: bytes, cuts: list[int]) -> None:
    for splitter in (sse.Splitter(), json_stream.Splitter()):
        for chunk in cut(data, cuts):
            list(splitter.feed(chunk))
        list(splitter.end())


def test_an_object_that_is_too_large_is_dropped_and_the_next_is_read() -> None:
    splitter = json_stream.Splitter()
    chunks = [b'[{"a":"', *[b"x" * (1 << 20)] * 9, b'"},{"b":1}]']
    assert [data for chunk in chunks for _, data in splitter.feed(chunk)] == [b'{"b":1}']
    assert splitter.dropped == 1


RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
BODIES = {
    "gzip": gzip.compress(STREAM),
    "x-gzip": gzip.compress(STREAM[:9]) + gzip.compress(STREAM[9:]),
    "deflate": zlib.compress(STREAM),
    "Deflate ": RAW.compress(STREAM) + RAW.flush(),
    "identity": STREAM,
    "": STREAM,
}


@pytest.mark.parametrize("encoding", BODIES)
@given(cuts=CUTS)
def test_an_encoded_body_is_decoded_wherever_it_is_cut(encoding: str, cuts: list[int]) -> None:
    decoder = encodings.decoder(encoding)
    assert b"".join(piece for chunk in cut(BODIES[encoding], cuts) for piece in decoder.feed(chunk)) == STREAM


@pytest.mark.parametrize(("body", "encoding"), [(b"plain", "gzip"), (b"plain text", "deflate"), (b"x", "br"), (b"x", "gzip, br")])
def test_a_body_that_is_not_in_its_encoding_is_named(body: bytes, encoding: str) -> None:
    with pytest.raises(encodings.Undecodable):
        encodings.decoded(body, encoding, 1_000)


def test_a_decompression_bomb_stops_at_its_limit() -> None:
    bomb = gzip.compress(b"\0" * (64 << 20))
    assert max(len(piece) for piece in encodings.decoder("gzip").feed(bomb)) <= 256 << 10
    with pytest.raises(encodings.TooLarge):
        encodings.decoded(bomb, "gzip", 1 << 20)
