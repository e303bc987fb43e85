"""Rows of Claude Code's output: recorded ones of both channels, and artificial ones."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from orchestration.worker.agents.claude_code import sums
from orchestration.worker.agents.claude_code.reader import Reader
from orchestration.worker.agents.shared.events import Event
from tests.orchestration.worker.agents.recorded import lines


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


def read_row(reader: Reader, row: dict[str, Any]) -> Iterator[Event]:
    """One row of a recording of both channels."""
    if "otlp" in row:
        yield from reader.read_record(row["otlp"], row["attributes"])
    else:
        yield from reader.read(json.dumps(row["stdout"]))


def read_all(rows: list[dict[str, Any]], exit_code: int | None = 0) -> list[Event]:
    reader = Reader(None, "/repo")
    return [*(event for row in rows for event in read_row(reader, row)), *reader.end(exit_code)]


def stdout_of(name: str, exit_code: int | None = 0) -> list[Event]:
    reader = Reader(None, "/repo")
    return [*(event for line in lines(name) for event in reader.read(line)), *reader.end(exit_code)]


def result(**more: Any) -> dict[str, Any]:
    return {"stdout": {"type": "result", "subtype": "success", "is_error": False, "result": "Done", "uuid": "r1", **more}}


def request(id_: str, model: str = "claude-sonnet-4-5", usd: float = 0.01, **more: Any) -> dict[str, Any]:
    attributes = {"request_id": id_, "model": model, "input_tokens": 1000, "output_tokens": 100, "cost_usd": usd, **more}
    return {"otlp": "claude_code.api_request", "attributes": attributes}


def streamed(
    message: str, request_id: str | None, *, model: str = "claude-sonnet-4-5", done: bool = True
) -> list[dict[str, Any]]:
    begin = {"id": message, "model": model, "usage": {"input_tokens": 1000, "output_tokens": 1}}
    rows: list[dict[str, Any]] = [
        {"type": "stream_event", "event": {"type": "message_start", "message": begin}},
        {"type": "assistant", "message": {**begin, "content": [{"type": "text", "text": "hm"}]}, "request_id": request_id},
    ]
    if done:
        rows.append({"type": "stream_event", "event": {"type": "message_delta", "usage": {"output_tokens": 100}}})
    return [{"stdout": row} for row in rows]


def began_with(conversation: str, usd: float, **others: tuple[int, int, int, int]) -> dict[str, Any]:
    """The record of a launch: the sum that the conversation's file had."""
    name, attributes = sums.as_record(
        conversation, sums.Sum(Decimal(str(usd)), {model.replace("_", "-"): tokens for model, tokens in others.items()})
    )
    return {"otlp": name, "attributes": json.loads(json.dumps(attributes))}


def init(version: str = "2.1.332", conversation: str = "c1") -> dict[str, Any]:
    return {"stdout": {"type": "system", "subtype": "init", "session_id": conversation, "claude_code_version": version}}
