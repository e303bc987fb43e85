"""A CLI sends telemetry and its hook over loopback: with the secret, within limits, and only while its process runs."""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from orchestration.worker.agents.shared import telemetry_endpoint
from tests.orchestration.worker.agents.recorded import objects

RECORD = {
    "body": {"stringValue": "claude_code.api_request"},
    "attributes": [
        {"key": "cost_usd", "value": {"doubleValue": 0.045}},
        {"key": "input_tokens", "value": {"intValue": "2000"}},
        {"key": "ok", "value": {"boolValue": True}},
        {"key": "odd", "value": {"arrayValue": {}}},
    ],
}
LOGS = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "muster.session_id", "value": {"stringValue": "ses_1"}}]},
            "scopeLogs": [{"logRecords": [RECORD]}],
        }
    ]
}


class Receiver:
    """Collects records and answers the hook."""

    def __init__(self) -> None:
        self.records: list[tuple[str, Mapping[str, Any]]] = []
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.reason = ""

    def read_record(self, name: str, attributes: Mapping[str, Any]) -> None:
        self.records.append((name, attributes))

    def may_edit(self, tool: str, arguments: Mapping[str, Any]) -> str:
        self.asked.append((tool, arguments))
        if self.reason == "break":
            raise RuntimeError("broken")
        return self.reason


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def url(receiver: Receiver) -> Iterator[str]:
    with telemetry_endpoint.serving(on_record=receiver.read_record, may_edit=receiver.may_edit) as address:
        yield address


def post(url: str, body: object, *, chunked: bool = False, **headers: str) -> tuple[int, Any]:
    parts = urlsplit(url)
    link = http.client.HTTPConnection(parts.netloc, timeout=10)
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    link.request("POST", parts.path, iter([text[:7], text[7:]]) if chunked else text, headers, encode_chunked=chunked)
    response = link.getresponse()
    return response.status, json.loads(response.read())


@pytest.mark.parametrize("chunked", [False, True])
def test_telemetry_becomes_records_with_plain_attributes(url: str, receiver: Receiver, chunked: bool) -> None:
    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    assert post(f"{url}/v1/logs", LOGS, chunked=chunked, **headers) == (200, {})
    attributes = {"muster.session_id": "ses_1", "cost_usd": 0.045, "input_tokens": 2000, "ok": True, "odd": None}
    assert receiver.records == [("claude_code.api_request", attributes)]


def test_a_record_has_its_own_name_and_attributes_before_its_resources(url: str, receiver: Receiver) -> None:
    def attribute(key: str, value: str) -> dict[str, Any]:
        return {"key": key, "value": {"stringValue": value}}

    own = {"eventName": "own", "body": {"stringValue": "body"}, "attributes": [attribute("a", "own")]}
    resource = {"attributes": [attribute("a", "common"), attribute("b", "common")]}
    scopes = [{"logRecords": [own]}, {"logRecords": [{"body": {"stringValue": "body"}}]}]
    logs = {"resourceLogs": [{"resource": resource, "scopeLogs": scopes}, {"scopeLogs": [{"logRecords": [own]}]}]}
    assert post(f"{url}/v1/logs", logs) == (200, {})
    assert receiver.records == [
        ("own", {"a": "own", "b": "common"}),
        ("body", {"a": "common", "b": "common"}),
        ("own", {"a": "own"}),
    ]


def test_metrics_are_accepted_and_ignored(url: str, receiver: Receiver) -> None:
    assert post(f"{url}/v1/metrics", {"resourceMetrics": []}) == (200, {})
    assert receiver.records == []


def test_the_hook_allows_and_denies(url: str, receiver: Receiver) -> None:
    asked = objects("claude-otel-and-hooks")[0]["body"]
    assert post(f"{url}/hooks/pre-tool-use", asked) == (
        200,
        {"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "allow"}},
    )
    receiver.reason = "files_locked: hello.txt belongs to #3"
    decision = post(f"{url}/hooks/pre-tool-use", asked)[1]["hookSpecificOutput"]
    assert (decision["permissionDecision"], decision["permissionDecisionReason"]) == (
        "deny",
        receiver.reason + telemetry_endpoint.SIGNATURE,
    )
    assert receiver.asked[0] == ("Write", {"file_path": "/repo/hello.txt", "content": "hello from the stub\n"})


def test_an_error_in_the_check_refuses_the_edit(url: str, receiver: Receiver) -> None:
    receiver.reason = "break"
    decision = post(f"{url}/hooks/pre-tool-use", {"tool_name": "Write", "tool_input": 5})[1]["hookSpecificOutput"]
    assert decision["permissionDecision"] == "deny" and "try again" in decision["permissionDecisionReason"]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("", ""), {}),
        (("Words", ""), {"hookSpecificOutput": {"hookEventName": "PostToolUse", "additionalContext": "Words"}}),
        (("", "End"), {"continue": False, "stopReason": "End"}),
        (
            ("Words", "End"),
            {
                "continue": False,
                "stopReason": "End",
                "hookSpecificOutput": {"hookEventName": "PostToolUse", "additionalContext": "Words"},
            },
        ),
        (None, {}),
    ],
)
def test_after_a_tool_it_gets_peoples_words_and_why_it_must_end(
    receiver: Receiver, words: tuple[str, str] | None, answer: dict[str, Any]
) -> None:
    payloads: list[Mapping[str, Any]] = []

    def after_tool(payload: Mapping[str, Any]) -> tuple[str, str]:
        payloads.append(payload)
        if words is None:
            raise RuntimeError("broken")
        return words

    with telemetry_endpoint.serving(on_record=receiver.read_record, may_edit=receiver.may_edit, after_tool=after_tool) as url:
        assert post(f"{url}/hooks/post-tool-use", {"agent_id": "a"}) == (200, answer)
    assert payloads == [{"agent_id": "a"}] and receiver.asked == []


def test_another_secret_gets_404(url: str, receiver: Receiver) -> None:
    assert post(url[:-3] + "xyz/v1/logs", LOGS)[0] == 404
    assert post(f"{url}/v1/unknown", LOGS)[0] == 404
    assert receiver.records == []


def test_the_url_is_invalid_after_the_process(receiver: Receiver) -> None:
    with telemetry_endpoint.serving(on_record=receiver.read_record, may_edit=receiver.may_edit) as url:
        assert post(f"{url}/v1/logs", LOGS)[0] == 200
    assert post(f"{url}/v1/logs", LOGS)[0] == 404
    assert len(receiver.records) == 1


def test_each_process_has_a_secret_of_its_own_on_one_port(url: str, receiver: Receiver) -> None:
    with telemetry_endpoint.serving(on_record=Receiver().read_record, may_edit=receiver.may_edit) as other:
        assert other != url and urlsplit(other).netloc == urlsplit(url).netloc
        assert post(f"{other}/v1/logs", LOGS)[0] == 200
    assert receiver.records == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(url: str, body: bytes) -> None:
    assert post(f"{url}/v1/logs", body)[0] == 400


@pytest.mark.parametrize(
    "odd",
    [
        {"resourceLogs": 5},
        {"resourceLogs": [None, {"scopeLogs": [{"logRecords": [5, {"attributes": [{"key": None, "value": 3}]}]}]}]},
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"attributes": [{"key": "n", "value": {"intValue": "many"}}]}]}]}]},
    ],
)
def test_malformed_telemetry_is_ignored(url: str, odd: object) -> None:
    assert post(f"{url}/v1/logs", odd) == (200, {})


def test_a_body_has_a_limit_and_a_length(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry_endpoint, "MAX_BYTES", 10)
    assert post(f"{url}/v1/logs", LOGS)[0] == 413
    assert post(f"{url}/v1/logs", LOGS, chunked=True, **{"Transfer-Encoding": "chunked"})[0] == 413
    assert post(f"{url}/v1/logs", b"", **{"Content-Length": "many"})[0] == 411
    chunked = {"Transfer-Encoding": "chunked"}
    assert post(f"{url}/v1/logs", b'{"a": 123}', chunked=True, **chunked) == (200, {})
    assert post(f"{url}/v1/logs", b'{"a": 1234}', chunked=True, **chunked)[0] == 413, "each chunk alone would be short enough"


def test_a_body_without_the_secret_is_not_read(url: str) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=5) as link:
        link.sendall(b"POST /guess/v1/logs HTTP/1.1\r\nContent-Length: 30000000\r\n\r\n")
        assert link.recv(100).startswith(b"HTTP/1.1 404")


def test_an_infinite_number_affects_only_its_own_attribute(url: str, receiver: Receiver) -> None:
    text = json.dumps(LOGS).replace('"2000"', "1e999")
    link = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port or 0, timeout=5)
    link.request("POST", urlsplit(url).path + "/v1/logs", text)
    assert link.getresponse().status == 200
    ((_, attributes),) = receiver.records
    assert (attributes["input_tokens"], attributes["cost_usd"]) == (None, 0.045)
