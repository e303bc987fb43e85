"""Meters: the provider's count comes out of any stream, and no stream makes a meter raise."""

import gzip
import json
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.protocols import PROTOCOLS
from orchestration.protocols.shared import metering
from orchestration.protocols.shared.interface import Usage
from tests.orchestration.protocols import answers

NAMES = list(PROTOCOLS)
PARTS = dict.fromkeys(NAMES, (1000, 50, 300))


def counted(usage: Usage) -> tuple[int, int, int]:
    return usage.input, usage.output, usage.cache_read


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_gives_its_final_count(name: str) -> None:
    reading = answers.read(name, answers.stream(name))
    assert counted(answers.usage(reading)) == PARTS[name]
    assert (reading.is_final, reading.error, reading.problem, reading.answer_model) == (True, "", "", "model-1")
    assert (
        answers.usage(reading).unexplained == 0
        and answers.usage(reading).model == "model-1"
        and answers.usage(reading).provider_id
    )
    assert reading.streamed_bytes == len("Größe: hello, world".encode()) + len('{"command": "echo hello"}') - (name == "gemini")


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_answer_gives_its_final_count(name: str) -> None:
    reading = answers.read(name, answers.whole(name), kind="application/json; charset=utf-8")
    assert counted(answers.usage(reading)) == PARTS[name]
    assert reading.is_final and not reading.problem and reading.answer_model == "model-1" and reading.streamed_bytes > 30


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_stream_cut_anywhere_gives_the_same_reading(name: str, encoding: str) -> None:
    stream = answers.stream(name)
    body = gzip.compress(stream) if encoding else stream
    random_ = random.Random(1)
    expected = answers.read(name, stream)
    for size in (1, 2, 3, 7, 1_000):
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        assert answers.read(name, *chunks, encoding=encoding) == expected
    for _ in range(20):
        at = random_.randrange(len(body))
        assert answers.read(name, body[:at], body[at:], encoding=encoding) == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_that_breaks_off_is_never_final_without_its_count(name: str) -> None:
    stream = answers.stream(name)
    complete = answers.read(name, stream)
    for at in range(0, len(stream), 37):
        reading = answers.read(name, stream[:at], complete=False)
        assert not reading.is_final or answers.usage(reading) == answers.usage(complete)


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_of_another_content_type_is_recognised_by_its_first_byte(name: str) -> None:
    for kind in ("", "text/plain", "application/octet-stream"):
        assert answers.read(name, b"\r\n", answers.stream(name), kind=kind).is_final
        assert answers.read(name, b" ", answers.whole(name), kind=kind).is_final


@pytest.mark.parametrize("name", NAMES)
def test_an_encoding_that_cannot_be_read_is_a_problem_and_no_count(name: str) -> None:
    reading = answers.read(name, answers.stream(name), encoding="br")
    assert (reading.usage, reading.is_final) == (None, False) and "br" in reading.problem
    reading = answers.read(name, answers.stream(name), encoding="gzip")
    assert (reading.usage, reading.is_final) == (None, False) and reading.problem


LIES: list[Any] = [True, -1, 1.5, "12", 10**13, [1], {"a": 1}]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lie", LIES, ids=repr)
def test_a_count_that_is_no_count_makes_no_final_reading(name: str, lie: Any) -> None:
    key = {"openai_chat": '"completion_tokens": 50', "gemini": '"candidatesTokenCount": 43'}.get(name, '"output_tokens": 50')
    assert key.encode() in answers.stream(name)
    lying = key.partition(":")[0] + ": " + json.dumps(lie)
    reading = answers.read(name, answers.stream(name).replace(key.encode(), lying.encode()))
    assert not reading.is_final and "is no count of tokens" in reading.problem
    assert reading.streamed_bytes > 30


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(
    data=st.binary(max_size=300),
    kind=st.sampled_from(["text/event-stream", "application/json", ""]),
    encoding=st.sampled_from(["", "gzip", "deflate"]),
)
def test_no_bytes_make_a_meter_raise(name: str, data: bytes, kind: str, encoding: str) -> None:
    assert not answers.read(name, data[:9], data[9:], kind=kind, encoding=encoding).is_final


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150)
@given(place=st.integers(0, 10**6), value=JSON, is_stream=st.booleans())
def test_no_value_at_any_place_makes_a_meter_raise(name: str, place: int, value: Any, is_stream: bool) -> None:
    events, whole = answers.EVENTS[name](answers.PLAN, "model-1")
    document = json.loads(json.dumps([data for _, data in events] if is_stream else [whole]))
    slots = list(_slots(document))
    holder, key = slots[place % len(slots)]
    holder[key] = value
    body = answers.sse(*((None, data) for data in document)) if is_stream else json.dumps(document[0]).encode()
    reading = answers.read(name, body, kind="text/event-stream" if is_stream else "application/json")
    assert "could not be read" not in reading.problem or not is_stream


def _slots(value: Any) -> Any:
    """Every place in a document that holds a value."""
    keys = range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else ()
    for key in keys:
        yield value, key
        yield from _slots(value[key])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "data", [b'{"a":' * 100_000, b"[" * 100_000, b'{"usage":' + b"9" * 5_000 + b"}", b"null", b"[]", b'"x"', b"\xff"]
)
def test_hostile_events_are_passed_over(name: str, data: bytes) -> None:
    reading = answers.read(name, b"data: " + data + b"\n\n", answers.stream(name))
    assert reading.is_final and not reading.problem
    assert not answers.read(name, data, kind="application/json").is_final


@pytest.mark.parametrize("name", NAMES)
def test_an_event_that_is_too_large_is_reported_only_if_the_count_is_missing(name: str) -> None:
    large = b"data: " + b"x" * (9 << 20) + b"\n\n"
    assert answers.read(name, large, answers.stream(name)).is_final
    reading = answers.read(name, large)
    assert not reading.is_final and "too large" in reading.problem


def test_a_long_answer_costs_little() -> None:
    plan = answers.PLAN | {"text": "hello world, " * 4_000}
    stream = answers.stream("anthropic", plan)
    began = time.process_time()
    assert answers.read("anthropic", stream).is_final
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("abc", 3),
        ("€", 3),
        (" " * 500, 1),
        ("a" + "-" * 80 + "b", 3),
        ("aaab", 4),
        ("\n" * 4, 1),
        (None, 0),
        (7, 0),
        ("\ud800", 1),
    ],
)
def test_a_run_of_one_character_counts_once(text: Any, size: int) -> None:
    assert metering.text_bytes(text) == size


def test_gemini_streams_an_array_where_it_is_not_asked_for_events() -> None:
    events, _ = answers.EVENTS["gemini"](answers.PLAN, "model-1")
    body = json.dumps([data for _, data in events], indent=2).encode()
    expected = answers.read("gemini", answers.stream("gemini"))
    for size in (1, 5, len(body)):
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        reading = answers.read("gemini", *chunks, kind="application/json")
        assert (reading.is_final, reading.streamed_bytes) == (True, expected.streamed_bytes)
        assert counted(answers.usage(reading)) == PARTS["gemini"]
