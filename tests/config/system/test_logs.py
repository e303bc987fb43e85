"""Processes log a line for people with its traceback below, or one JSON object a line."""

import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from django.test import Client

from config.system import logs
from orchestration.edge import queries
from orchestration.executor import dispatch
from tests.factories import a_session, a_token, a_workspace, an_entry

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    yield
    structlog.configure(**before)
    logging.root.handlers[:], logging.root.level = handlers, level


def written(kind: str, capsys: pytest.CaptureFixture[str]) -> str:
    logging.config.dictConfig(logs.configure("INFO", kind))
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("test").exception("session.crashed", session="sess_1")
    logging.getLogger("library").warning("hello %s", "there")
    return capsys.readouterr().err


def test_a_traceback_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    first, *traceback, library = written("text", capsys).splitlines()
    assert "level='error' event='session.crashed' session='sess_1'" in first
    assert traceback[0].startswith("Traceback") and traceback[-1] == "ValueError: broken"
    assert "event='hello there'" in library


def test_as_json_each_line_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    crashed, library = map(json.loads, written("json", capsys).splitlines())
    assert (crashed["message"], crashed["session"], crashed["level"]) == ("session.crashed", "sess_1", "error")
    assert crashed["exception"].endswith("ValueError: broken")
    assert (library["message"], library["logger"]) == ("hello there", "library")


def collect(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Configures logs as JSON, and reads what was written since."""
    logging.config.dictConfig(logs.configure("INFO", "json"))
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_request_is_logged_with_what_its_address_names(
    admin_client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = a_session(an_entry(a_workspace()))
    monkeypatch.setattr(queries, "session_for", lambda *_: structlog.get_logger("test").info("read") or session)
    lines = collect(capsys)
    response = admin_client.get(f"/w/{session.workspace_id}/sessions/{session.pk}/")
    line = next(line for line in lines() if line["message"] == "read")
    assert (line["workspace"], line["session"]) == (session.workspace_id, session.pk)
    assert line["request_id"] == response["X-Request-Id"]


def test_an_error_of_the_server_has_its_request_and_a_traceback(
    client: Client, db: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = an_entry(a_workspace())
    client.raise_request_exception = False
    monkeypatch.setattr(queries, "entry_for", lambda *_: 1 / 0)
    lines = collect(capsys)
    address = f"/api/v1/workspaces/{entry.workspace_id}/orchestration/todo/entries/{entry.pk}"
    assert client.get(address, headers={"Authorization": f"Bearer {a_token()}"}).status_code == 500
    line = next(line for line in lines() if line["level"] == "error")
    assert (line["workspace"], line["entry"]) == (entry.workspace_id, entry.pk) and line["request_id"]
    assert "ZeroDivisionError" in line["exception"].splitlines()[-1]


def test_text_that_cannot_be_an_id_is_not_bound(admin_client: Client) -> None:
    admin_client.get("/w/..;level=error/")
    assert "workspace" not in structlog.contextvars.get_contextvars()


def test_a_cycle_is_logged_with_its_workspace_and_leaves_nothing_bound(
    db: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = a_workspace()
    structlog.contextvars.clear_contextvars()
    monkeypatch.setattr(dispatch.branch, "observe", lambda _: structlog.get_logger("test").info("observed") or "")
    lines = collect(capsys)
    dispatch.cycle(workspace.pk)
    assert [line["workspace"] for line in lines() if line["message"] == "observed"] == [workspace.pk]
    assert structlog.contextvars.get_contextvars() == {}
