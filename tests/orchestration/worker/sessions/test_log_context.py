"""Lines that a worker writes name what they are about."""

from collections.abc import Callable
from typing import Any

import pytest
import structlog

from orchestration.edge import tasks
from orchestration.worker import session_run
from tests.orchestration.worker.sessions.shop import Shop


def test_lines_of_a_session_name_workspace_entry_and_session(shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch) -> None:
    bound: dict[str, Any] = {}
    run = session_run._run

    def noting(*arguments: Any) -> Any:
        bound.update(structlog.contextvars.get_contextvars())
        return run(*arguments)

    monkeypatch.setattr(session_run, "_run", noting)
    session = shop().run()
    assert bound == bound | {"workspace": session.workspace_id, "entry": session.entry_id, "session": session.pk}


def test_a_task_starts_without_what_the_last_one_of_its_thread_was_about() -> None:
    structlog.contextvars.bind_contextvars(session="sess_1")
    tasks._clear_log_context(task=tasks.cycle)
    assert structlog.contextvars.get_contextvars() == {}
