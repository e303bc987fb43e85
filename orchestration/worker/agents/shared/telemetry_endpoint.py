"""Receives a CLI's telemetry (OTLP) and Claude Code's hook. Loopback only, one secret URL per process.

Nothing depends on it alone: the CLI's own output makes up for a lost record, and the diff check after the round finds an edit that the
hook missed (a CLI continues when its hook does not answer).
"""

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog

from orchestration.worker.agents.shared.json_values import without_unstorable

log = structlog.get_logger(__name__)

OnRecord = Callable[[str, Mapping[str, Any]], None]
MayEdit = Callable[[str, Mapping[str, Any]], str]
"""Called with a tool's name and input: returns "" if it may continue, else the reason, which the agent reads."""

AfterTool = Callable[[Mapping[str, Any]], tuple[str, str]]
"""Called with a hook's input after a tool was used: what people say to the agent, and why it must end its turn; both may be empty."""

SIGNATURE = " (Muster)"  # distinguishes Muster's refusals from the CLI's own
MAX_BYTES = 2**25  # a hook request contains the whole file that is written
IDLE_S = 60


@dataclass(frozen=True, slots=True)
class _Listener:
    on_record: OnRecord
    may_edit: MayEdit
    after_tool: AfterTool


_listeners: dict[str, _Listener] = {}
_starting = threading.Lock()


@contextmanager
def serving(*, on_record: OnRecord, may_edit: MayEdit, after_tool: AfterTool = lambda _: ("", "")) -> Iterator[str]:
    """A URL for one process of an agent, valid in the block. The callbacks run in the request's thread."""
    secret = f"muster_{secrets.token_urlsafe(32)}"  # masked by its form (workspaces/secrets/masking.py)
    _listeners[secret] = _Listener(on_record, may_edit, after_tool)
    try:
        yield f"http://127.0.0.1:{_port()}/{secret}"
    finally:
        del _listeners[secret]


def _port() -> int:
    with _starting:
        return _server().server_address[1]


@lru_cache(maxsize=1)
def _server() -> ThreadingHTTPServer:
    """One server per process, started on first use."""
    server = _Server(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, name="endpoint", daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A CLI that dies during a request is normal."""
        log.debug("telemetry_endpoint.aborted", exc_info=True)  # noqa: LOG014 (socketserver calls this in its handler)


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "muster"
    sys_version = ""
    timeout = IDLE_S

    def do_POST(self) -> None:
        try:
            secret, _, path = self.path.partition("?")[0].removeprefix("/").partition("/")
            listener = _listeners.get(secret)
            if listener is None:
                self.close_connection = True  # its body is not read: a client without the secret gets no memory
                raise _Refused(404, "not found")
            response = _respond(listener, path, _parse(self._body()))
        except _Refused as refused:
            self._send(refused.status, {"error": str(refused)})
        else:
            self._send(200, response)

    def _body(self) -> bytes:
        """Read the body before any refusal, or the connection could not be used again. OpenTelemetry sends chunks."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        return self._read(self.headers.get("Content-Length", ""), 10, left=MAX_BYTES)

    def _chunks(self) -> bytes:
        body = bytearray()
        while chunk := self._read(self.rfile.readline(100).split(b";")[0], 16, left=MAX_BYTES - len(body)):
            body += chunk
            self.rfile.readline(100)
        while self.rfile.readline(1000).strip():
            pass  # trailers
        return bytes(body)

    def _read(self, length: str | bytes, base: int, *, left: int) -> bytes:
        try:
            size = int(length, base)
        except ValueError:
            self.close_connection = True
            raise _Refused(411, "the length is missing") from None
        if not 0 <= size <= left:
            self.close_connection = True
            raise _Refused(413, "too long")
        return self.rfile.read(size)

    def _send(self, status: int, payload: Mapping[str, Any]) -> None:
        text = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """The path is a secret: it is not logged."""


def _parse(body: bytes) -> dict[str, Any]:
    try:
        payload = without_unstorable(json.loads(body))
    except (ValueError, RecursionError):
        raise _Refused(400, "this is not JSON") from None
    if not isinstance(payload, dict):
        raise _Refused(400, "an object is expected")
    return payload


def _respond(listener: _Listener, path: str, payload: dict[str, Any]) -> dict[str, Any]:
    match path:
        case "v1/logs":
            for name, attributes in records(payload):
                listener.on_record(name, attributes)
            return {}
        case "v1/metrics" | "v1/traces":
            return {}
        case "hooks/pre-tool-use":
            return _permission(listener, payload)
        case "hooks/post-tool-use":
            return _after_tool(listener, payload)
    raise _Refused(404, "not found")


def _permission(listener: _Listener, payload: dict[str, Any]) -> dict[str, Any]:
    """Claude Code's PreToolUse hook. Any error becomes a refusal that the agent can read; it may retry."""
    tool, arguments = payload.get("tool_name"), payload.get("tool_input")
    try:
        reason = listener.may_edit(str(tool), arguments if isinstance(arguments, dict) else {})
    except Exception:
        log.exception("telemetry_endpoint.hook_failed")
        reason = "Muster could not judge this edit at the moment: try again"
    decision = {"hookEventName": "PreToolUse", "permissionDecision": "deny" if reason else "allow"}
    if reason:
        decision["permissionDecisionReason"] = reason + SIGNATURE
    return {"hookSpecificOutput": decision}


def _after_tool(listener: _Listener, payload: dict[str, Any]) -> dict[str, Any]:
    """Claude Code's PostToolUse hook, and PostToolUseFailure for a tool that failed. What could not be read now is read at the next tool."""
    try:
        message, must_end = listener.after_tool(payload)
    except Exception:
        log.exception("telemetry_endpoint.hook_failed")
        return {}
    response: dict[str, Any] = {"continue": False, "stopReason": must_end} if must_end else {}
    if message:
        response["hookSpecificOutput"] = {
            "hookEventName": str(payload.get("hook_event_name") or "PostToolUse"),
            "additionalContext": message,
        }
    return response


def records(payload: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The log records of an OTLP request, as a name and plain attributes. Skips malformed ones."""
    for resource in _list(payload, "resourceLogs"):
        common = _attributes(resource.get("resource"))
        for scope in _list(resource, "scopeLogs"):
            for record in _list(scope, "logRecords"):
                name = record.get("eventName") or _plain(record.get("body"))
                yield str(name), {**common, **_attributes(record)}


def _list(holder: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    values = holder.get(key)
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []


def _attributes(holder: Any) -> dict[str, Any]:
    if not isinstance(holder, dict):
        return {}
    return {str(each.get("key")): _plain(each.get("value")) for each in _list(holder, "attributes")}


def _plain(value: Any) -> Any:
    """OTLP wraps each value in its type, and writes 64-bit integers as strings."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    ((kind, inner),) = value.items()
    if kind == "intValue":
        try:
            return int(inner)
        except (TypeError, ValueError, OverflowError):
            return None
    return inner if kind in ("stringValue", "doubleValue", "boolValue") else None
