"""The usage of a dead worker's agents is booked from their files."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import override_settings

from budget.models import LedgerEntry
from orchestration import configuration
from orchestration.configuration import Config, secrets
from orchestration.models import Session
from orchestration.sessions import session_dir
from orchestration.worker.agent_run import journals
from tests.factories import ANA, a_session, a_workspace, an_entry
from tests.orchestration.proposals.made import PLANNER, a_running_run

pytestmark = pytest.mark.django_db


def test_a_dead_sessions_usage_is_booked_despite_a_broken_seal(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    workspace = a_workspace()
    secrets.put(workspace.pk, "API_KEY", "sk-very-secret", by=ANA)
    session = a_session(an_entry(workspace))
    record = session_dir.prepare(session, session.entry).record_for("implement")
    record.journal.write_text(json.dumps({"type": "usage", "id": "1", "cost_usd": 0.02}) + "\n")
    record.status.write_text(json.dumps({"exit_code": 0}))
    with override_settings(SECRET_KEY="another one"):
        assert journals.book_journals(session, configuration.Config())
    assert LedgerEntry.objects.get(session_ref=session.pk).amount == 20_000


def test_both_turns_of_a_dead_planner_are_booked_once_each(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    session = a_running_run(a_workspace(planner=PLANNER))
    directory = session_dir.prepare_run(session)
    for name, cost in (("plan", 0.02), ("plan-2", 0.03)):
        record = directory.record_for(name)
        record.journal.write_text(json.dumps({"type": "usage", "id": "1", "cost_usd": cost}) + "\n")
        record.status.write_text(json.dumps({"exit_code": 0}))
    config = configuration.load(session.workspace.executor.config)
    assert journals.book_journals(session, config) and journals.book_journals(session, config)
    rows = LedgerEntry.objects.filter(session_ref=session.pk).order_by("amount").values_list("category", "amount")
    assert list(rows) == [("orchestrator", 20_000), ("orchestrator", 30_000)]


IMPLEMENTS = {"kind": "claude_code", "model": "opus", "env": {"A": "now"}}
REVIEWS = {"kind": "codex", "env": {"B": "now"}}


@pytest.mark.parametrize(
    ("role", "kept", "session_agent", "kind", "model", "env"),
    [
        ("implement", {"kind": "gemini", "model": "flash", "env": {"OLD": "x"}}, "codex", "gemini", "flash", {"A": "now"}),
        ("review", {"kind": "gemini"}, "claude_code", "gemini", None, {"B": "now"}),
        ("implement", None, "claude_code", "claude_code", "opus", {"A": "now"}),
        ("implement", None, "", "claude_code", "opus", {"A": "now"}),
        ("implement", None, "codex", "codex", "gpt-5", {"A": "now"}),
        ("implement", None, "no such kind", "claude_code", "opus", {"A": "now"}),
        ("review", None, "claude_code", "codex", None, {"B": "now"}),
        ("implement", "no json", "codex", "codex", "gpt-5", {"A": "now"}),
    ],
)
def test_a_process_is_read_as_the_agent_that_it_was(
    tmp_path: Path, role: Any, kept: Any, session_agent: str, kind: str, model: str | None, env: dict[str, str]
) -> None:
    config = Config.model_validate({"agent": IMPLEMENTS, "interceptor": {"agent": REVIEWS}})
    file = tmp_path / "agent.json"
    if kept is not None:
        file.write_text(kept if isinstance(kept, str) else json.dumps(kept))
    directory: Any = SimpleNamespace(agent_for=lambda name: file)
    agent = journals._agent(Session(agent=session_agent, model="gpt-5"), directory, role, role, config)
    assert agent is not None and (agent.kind, agent.model, agent.env) == (kind, model, env)


def test_a_role_that_the_config_no_longer_has_is_read_by_its_own_record_alone(tmp_path: Path) -> None:
    file = tmp_path / "agent.json"
    directory: Any = SimpleNamespace(agent_for=lambda name: file)
    config = Config.model_validate({"agent": IMPLEMENTS})
    assert journals._agent(Session(agent="codex"), directory, "review", "review", config) is None
    file.write_text(json.dumps(REVIEWS))
    agent = journals._agent(Session(agent="codex"), directory, "review", "review", config)
    assert agent is not None and (agent.kind, agent.env) == ("codex", {})
