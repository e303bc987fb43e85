"""A webhook is believed by its signature, and read for what it is about."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.forges import KINDS
from orchestration.forges.shared import webhooks
from orchestration.forges.shared.webhooks import BadPayload, BadSignature, Delivery
from tests.orchestration.forges import recorded
from tests.orchestration.forges.recorded import ANSWERS, HEAD, answers_of

SECRET = "w3bhook"


def signed(kind: str, body: bytes, secret: str = SECRET) -> dict[str, str]:
    return recorded.signed(kind, body, secret)


def read(kind: str, payload: Any) -> Delivery:
    body = json.dumps(payload).encode()
    return webhooks.read(KINDS[kind].WEBHOOK, signed(kind, body), body, SECRET)


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_signed_with_the_secret_is_read(kind: str) -> None:
    body = b'{"number": 1}'
    assert webhooks.read(KINDS[kind].WEBHOOK, signed(kind, body), body, SECRET).numbers == frozenset()
    for headers, secret in (({}, SECRET), (signed(kind, body, "other"), SECRET), (signed(kind, body, ""), "")):
        with pytest.raises(BadSignature):
            webhooks.read(KINDS[kind].WEBHOOK, headers, body, secret)


@pytest.mark.parametrize("kind", [kind for kind in ANSWERS if signed(kind, b"1") != signed(kind, b"2")])
def test_a_changed_body_is_refused(kind: str) -> None:
    with pytest.raises(BadSignature):
        webhooks.read(KINDS[kind].WEBHOOK, signed(kind, b'{"a": 1}'), b'{"a": 2}', SECRET)


def test_a_signature_that_is_no_ascii_is_refused() -> None:
    for headers in ({"x-hub-signature-256": "sha256=ü"}, {"x-hub-signature-256": ""}):
        with pytest.raises(BadSignature):
            webhooks.read(KINDS["github"].WEBHOOK, headers, b"{}", SECRET)


def test_a_repeated_body_has_the_same_key_under_any_headers() -> None:
    body = b'{"number": 1}'
    keys = {
        webhooks.read(KINDS["github"].WEBHOOK, signed("github", body) | {"x-github-delivery": name}, body, SECRET).key
        for name in ("1", "2")
    }
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("kind", "payload", "numbers", "commits"),
    [
        ("github", {"action": "closed", "number": 2, "pull_request": {"number": 2}}, {2}, set()),
        ("github", {"issue": {"number": 3, "pull_request": {"url": "x"}}, "comment": {}}, {3}, set()),
        ("github", {"issue": {"number": 3}, "comment": {}}, set(), set()),
        ("github", {"check_run": {"head_sha": HEAD, "pull_requests": []}}, set(), {HEAD}),
        ("github", {"sha": HEAD, "state": "success"}, set(), {HEAD}),
        ("github", {"zen": "Keep it logically awesome.", "hook_id": 1}, set(), set()),
        ("github", {"check_suite": {"head_sha": HEAD}}, set(), {HEAD}),
        ("github", {"workflow_run": {"head_sha": HEAD}}, set(), {HEAD}),
        ("github", {"workflow_job": {"head_sha": HEAD}}, set(), {HEAD}),
        ("github", {"pull_request": {"number": True}, "sha": 5}, set(), set()),
        ("github", {"pull_request": {"number": 2**31}, "sha": "a" * 301}, set(), set()),
        ("github", {"pull_request": {"number": 2**31 - 1}, "sha": "a" * 300}, {2**31 - 1}, {"a" * 300}),
        ("github", {"pull_request": {"number": -1}}, set(), set()),
        ("github", {"merge_request": {"iid": 2}, "commit": {"id": HEAD}}, set(), set()),
        ("gitlab", {"object_kind": "push", "commit": {"id": HEAD}}, set(), {HEAD}),
        ("gitlab", {"object_kind": "build", "sha": HEAD, "object_attributes": {"sha": "1" * 40, "iid": 7}}, set(), {HEAD}),
        ("gitea", {"action": "synchronized", "number": 2, "pull_request": {"number": 2}}, {2}, set()),
        ("gitlab", {"object_kind": "merge_request", "object_attributes": {"iid": 2}}, {2}, set()),
        ("gitlab", {"object_kind": "note", "merge_request": {"iid": 2}, "object_attributes": {"id": 5}}, {2}, set()),
        ("gitlab", {"object_kind": "pipeline", "object_attributes": {"sha": HEAD}, "merge_request": None}, set(), {HEAD}),
    ],
)
def test_it_names_what_to_look_at(kind: str, payload: Any, numbers: set[int], commits: set[str]) -> None:
    delivery = read(kind, payload)
    assert (delivery.numbers, delivery.commits) == (numbers, commits)


def test_a_push_names_its_branch() -> None:
    push = {"ref": "refs/heads/main", "after": HEAD}
    assert read("github", push).branches == {"main"}
    assert read("gitlab", push | {"object_kind": "push"}).branches == {"main"}
    assert read("gitlab", push | {"object_kind": "tag_push"}).branches == frozenset()
    assert read("github", {"ref": "refs/tags/v1"}).branches == read("github", {"ref": "main"}).branches == frozenset()
    assert all(read(kind, push).event == answers_of(kind).event for kind in KINDS)


def test_what_is_no_object_is_refused() -> None:
    for body in (b"", b"[]", b"payload=%7B%7D", b"\xff", b"[" * 100_000):
        with pytest.raises(BadPayload):
            webhooks.read(KINDS["github"].WEBHOOK, signed("github", body), body, SECRET)


NAMES = ["pull_request", "number", "issue", "check_run", "head_sha", "object_kind", "object_attributes", "iid", "sha", "ref"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(kind=st.sampled_from(list(KINDS)), payload=st.dictionaries(st.sampled_from(NAMES), JSON))
def test_any_object_can_be_read(kind: str, payload: Any) -> None:
    assert all(number > 0 for number in read(kind, payload).numbers)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["\ud800", "x\udfff", "a\0b", "\u202ex"])
def test_a_signed_text_that_no_database_takes_names_nothing(kind: str, text: str) -> None:
    payload = {
        "object_kind": "push",
        "ref": f"refs/heads/{text}",
        "sha": text,
        "commit": {"id": text},
        "check_run": {"head_sha": text},
    }
    delivery = read(kind, payload)
    assert (delivery.branches, delivery.commits) == (frozenset(), frozenset())
    body = json.dumps(payload).encode()
    headers = signed(kind, body) | {KINDS[kind].WEBHOOK.event_header: f"push{text}"}
    assert webhooks.read(KINDS[kind].WEBHOOK, headers, body, SECRET).event.isprintable()


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_issue_is_named_and_is_no_pull_request(kind: str) -> None:
    delivery = read(kind, {"object_kind": "issue", "object_attributes": {"iid": 4}, "issue": {"number": 4, "pull_request": None}})
    assert (delivery.issues, delivery.numbers) == ({4}, frozenset())
