"""Subscriptions whose windows fill with each request, and what Claude Code and Codex print about them: shapes of their recorded events, times and shares of the test."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOUR, DAY = 3600, 24 * 3600
RESET_S = 6.0
USED, STEP = 0.4, 0.2

Lines = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """A share of the window, from 0 to 1, and its reset."""

    used: float
    resets_at: float
    thread: str


def in_all_windows(window: str) -> Callable[[Report], Lines]:
    """Claude Code since it reports all windows."""

    def form(report: Report) -> Lines:
        shares = {
            "five_hour": {"utilization": 0.02, "resetsAt": int(report.resets_at + HOUR)},
            "seven_day": {"utilization": 0.16, "resetsAt": int(report.resets_at + 2 * DAY)},
        }
        shares[window] = {"utilization": report.used, "resetsAt": report.resets_at}
        info = {"status": "allowed", "resetsAt": report.resets_at, "rateLimitType": window, "isUsingOverage": False}
        return _claude(report, {**info, "unifiedWindows": shares})

    return form


def in_a_warning(report: Report) -> Lines:
    """Claude Code before: it said how much was used only in a warning."""
    info = {"status": "allowed", "resetsAt": report.resets_at, "rateLimitType": "five_hour", "isUsingOverage": False}
    if report.used >= 0.75:
        info |= {"status": "allowed_warning", "utilization": report.used, "surpassedThreshold": 0.75}
    return _claude(report, info)


def without_shares(report: Report) -> Lines:
    info = {"status": "allowed", "isUsingOverage": False}
    return _claude(report, info)


def of_codex(minutes: int, place: str) -> Callable[[Report], Lines]:
    """A plan has its window in the first place or in the second."""

    def form(report: Report) -> Lines:
        window = {"used_percent": report.used * 100, "window_minutes": minutes, "resets_at": report.resets_at}
        limits = {"limit_id": "codex", "primary": None, "secondary": None, place: window, "plan_type": "pro"}
        usage = {"input_tokens": 3000, "cached_input_tokens": 1000, "output_tokens": 100, "total_tokens": 3100}
        info = {"total_token_usage": usage, "last_token_usage": usage, "model_context_window": 258_400}
        rollout = [
            {"type": "turn_context", "payload": {"model": "gpt-5"}},
            {"type": "event_msg", "payload": {"type": "token_count", "info": info, "rate_limits": limits}},
        ]
        lines = [{"type": "thread.started", "thread_id": report.thread}, {"type": "turn.started"}]
        return {"rollout": rollout, "lines": [*lines, {"type": "turn.completed", "usage": usage}], "exit": 0}

    return form


def _claude(report: Report, info: dict[str, Any]) -> Lines:
    used = {"input_tokens": 3000, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 100}
    lines = [
        {"type": "system", "subtype": "init", "session_id": report.thread, "model": "claude-sonnet-4-5"},
        {"type": "rate_limit_event", "rate_limit_info": info, "session_id": report.thread},
        {"type": "result", "subtype": "success", "is_error": False, "result": "Done.", "session_id": report.thread}
        | {"total_cost_usd": 0.0105, "usage": used, "modelUsage": {}},
    ]
    return {"lines": lines, "exit": 0}


def refused(report: Report) -> Lines:
    """Claude Code at its limit."""
    info = {"status": "rejected", "rateLimitType": "five_hour"}
    message = {"type": "result", "subtype": "success", "is_error": True, "api_error_status": 429, "session_id": report.thread}
    lines = [
        {"type": "system", "subtype": "init", "session_id": report.thread, "model": "claude-sonnet-4-5"},
        {"type": "rate_limit_event", "rate_limit_info": info, "session_id": report.thread},
        message | {"result": "You've hit your session limit", "total_cost_usd": 0, "usage": {}},
    ]
    return {"lines": lines, "exit": 1}


@dataclass(slots=True)
class Plan:
    """A subscription with one window. `stop`: what Muster should not pass, from 0 to 1. Its reset drifts with each request, and is near once the stop is reached."""

    form: Callable[[Report], Lines]
    stop: float = 0.8
    used: float = USED
    resets_at: float = field(default_factory=lambda: time.time() + 2 * HOUR)
    answered: list[float] = field(default_factory=list)
    refusals: int = 0
    reset_at: float = 0.0

    def answer(self, thread: str) -> Lines:
        at = time.time()
        if at >= self.resets_at:
            self.reset_at, self.resets_at, self.used = self.resets_at, at + 2 * HOUR, 0.0
        if self.used > 0.99:
            self.refusals += 1
            return refused(Report(1.0, self.resets_at, thread))
        self.used = round(self.used + STEP, 2)
        self.resets_at = at + RESET_S if self.used >= self.stop and not self.reset_at else self.resets_at + 7
        self.answered.append(at)
        return self.form(Report(self.used, self.resets_at, thread))


class Plans:
    """A server of plans by their names."""

    def __init__(self, plans: dict[str, Plan]) -> None:
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    answer = json.dumps(plans[self.path.strip("/")].answer(body["thread"])).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
