"""Edits of JSON bodies: one value changes, every other byte stays."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.protocols.shared import json_edits
from orchestration.protocols.shared.interface import Refused

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
SPACE = st.text(alphabet=" \t\r\n", max_size=2)
MEMBERS = st.lists(st.tuples(st.text(max_size=4), VALUES), max_size=5, unique_by=lambda member: member[0])


def text_of(members: list[tuple[str, object]], space: str, is_ascii: bool) -> tuple[list[str], str]:
    """The members' texts, and the object around them with space everywhere."""
    texts = [
        f"{space}{json.dumps(key, ensure_ascii=is_ascii)}{space}:{space}{json.dumps(value, ensure_ascii=is_ascii)}{space}"
        for key, value in members
    ]
    return texts, f"{space}{{{','.join(texts)}}}{space}"


@given(MEMBERS, SPACE, st.booleans(), st.integers(0, 4))
def test_a_replaced_value_leaves_every_other_byte(members: list[tuple[str, object]], space: str, is_ascii: bool, at: int) -> None:
    members = [*members[:at], ("max_tokens", 7), *(member for member in members[at:] if member[0] != "max_tokens")]
    members = [member for place, member in enumerate(members) if member[0] != "max_tokens" or place == min(at, len(members) - 1)]
    _, text = text_of(members, space, is_ascii)
    marked = text.replace(f'"max_tokens"{space}:{space}7', f'"max_tokens"{space}:{space}\0', 1)
    before, _, after = marked.partition("\0")
    assert json_edits.with_value(text.encode(), ["max_tokens"], 123) == f"{before}123{after}".encode()


@given(MEMBERS, SPACE, st.booleans())
def test_an_inserted_value_leaves_every_other_byte(members: list[tuple[str, object]], space: str, is_ascii: bool) -> None:
    members = [member for member in members if member[0] != "max_tokens"]
    _, text = text_of(members, space, is_ascii)
    edited = json_edits.with_value(text.encode(), ["max_tokens"], 123).decode()
    start = text.index("{") + 1
    assert edited.startswith(text[:start] + '"max_tokens":123') and edited.endswith(text[start:])
    assert json.loads(edited) == json.loads(text) | {"max_tokens": 123}


@pytest.mark.parametrize(
    ("body", "path", "value", "edited"),
    [
        ("{}", ["a"], 1, '{"a":1}'),
        (' { "b" : 2 } ', ["a"], True, ' {"a":true, "b" : 2 } '),
        ('{"a":null}', ["a"], 1, '{"a":1}'),
        ('{"a":1,"a": 2 }', ["a"], 3, '{"a":1,"a": 3 }'),
        ('{"\\u0061":1}', ["a"], 3, '{"\\u0061":3}'),
        ('{"x":{"a":9},"a":1}', ["a"], 3, '{"x":{"a":9},"a":3}'),
        ('{"x":"\\"a\\":1"}', ["a"], 3, '{"a":3,"x":"\\"a\\":1"}'),
        ('{"g":{"x":1,"y":[2]}}', ["g", "x"], 3, '{"g":{"x":3,"y":[2]}}'),
        ('{"g":{ "y":2}}', ["g", "x"], 3, '{"g":{"x":3, "y":2}}'),
        ('{"g":{}}', ["g", "x"], 3, '{"g":{"x":3}}'),
        ('{"g":null,"h":1}', ["g", "x"], 3, '{"g":{"x":3},"h":1}'),
        ('{"h":1}', ["g", "x"], True, '{"g":{"x":true},"h":1}'),
        ('\ufeff{"a":1}', ["a"], 2, '\ufeff{"a":2}'),
        ('{"a":1,"é":"\\ud800"}', ["a"], 2, '{"a":2,"é":"\\ud800"}'),
    ],
)
def test_each_edit_is_a_splice(body: str, path: list[str], value: int, edited: str) -> None:
    assert json_edits.with_value(body.encode(), path, value) == edited.encode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_an_object"),
        (b"[]", "not_an_object"),
        (b'"x"', "not_an_object"),
        (b"\xff\xfe{\x00}\x00", "not_utf8"),
        (b'{"a":"\xed\xa0\x80"}', "not_utf8"),
        (b'{"a":1', "invalid_json"),
        (b'{"a":NaN}', "invalid_json"),
        (b'{"a":-Infinity}', "invalid_json"),
        (b'{"a":1}{"a":2}', "invalid_json"),
        (b'{"a":1,}', "invalid_json"),
        (b'{"a":' + b"9" * 5_000 + b"}", "invalid_json"),
        (b'{"a":' * 100_000, "too_deep"),
        (b'{"a":' + b"[" * 100_000, "too_deep"),
        (b'{"max_tokens":1,"max_tokens":2}', "repeated_key"),
        (b'{"a":[{"type":"function","t\\u0079pe":"web_search"}]}', "repeated_key"),
    ],
)
def test_a_body_that_two_readers_could_understand_differently_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        json_edits.read(body)
    assert (refusal.value.status, refusal.value.code) == (400, code)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"a":[' + b"[" * 100_000, b"\xff", b'{"a" 1}', b"{,}", b'{"a":1 "b":2}'])
def test_a_body_that_cannot_be_edited_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        json_edits.with_value(body, ["b"], 1)


def test_cache_marks_count_wherever_they_are() -> None:
    body = json_edits.read(b'{"a":[{"cache_control":{"ttl":"1h"}},{"b":{"cache_control":null}}]}')
    assert body.cache_marks == ({"ttl": "1h"}, None)


def test_a_body_of_32_megabytes_is_read_and_edited_within_seconds() -> None:
    body = b'{"messages":[{"role":"user","content":"' + b"x" * (32 << 20) + b'"}],"max_tokens":5}'
    began = time.monotonic()
    assert json_edits.read(body).values["max_tokens"] == 5
    assert json_edits.with_value(body, ["max_tokens"], 6) == body[:-2] + b"6}"
    assert time.monotonic() - began < 5


def test_many_members_with_one_repeated_at_the_end_are_refused_within_seconds() -> None:
    members = ",".join(f'"{number}":0' for number in range(300_000))
    began = time.monotonic()
    with pytest.raises(Refused):
        json_edits.read(f'{{{members},"0":1}}'.encode())
    assert time.monotonic() - began < 5
