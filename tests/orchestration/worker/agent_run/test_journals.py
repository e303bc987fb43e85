"""The usage of a dead worker's agents is booked from their files."""

import json
import shutil
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import override_settings

from budget.models import LedgerEntry
from orchestration import configuration
from orchestration.configuration import Config, secrets
from orchestration.models import Question, Session
from orchestration.sessions import conversations
from orchestration.sessions.folders import session_dir
from orchestration.worker.agent_run import journals
from orchestration.worker.agent_run.telemetry_log import TelemetryLog
from orchestration.worker.agents.claude_code import sums
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


def left(session: Session, name: str, *rows: dict[str, Any], whole: bool = True, agent: dict[str, Any] | None = None) -> Any:
    """Write what a process of the session leaves. Returns its record."""
    directory = session_dir.for_session(session.pk)
    record = directory.record_for(name)
    record.journal.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    directory.agent_for(name).write_text(json.dumps(agent or {"kind": "command", "command": "true"}))
    if whole:
        record.status.write_text(json.dumps({"exit_code": 0}))
    return record


def costs(usd: float, id_: str = "1") -> dict[str, Any]:
    return {"type": "usage", "id": id_, "cost_usd": usd}


@pytest.fixture
def dead(tmp_path: Path, settings: Any) -> Session:
    settings.DATA_DIR = tmp_path
    other = a_session(an_entry(a_workspace(name="Other")))
    session = a_session(an_entry(a_workspace()))
    for each in (other, session):
        session_dir.prepare(each, each.entry)
    left(other, "implement", costs(9))
    return session


def booked(session: Session) -> list[tuple[str, int]]:
    rows = LedgerEntry.objects.filter(session_ref=session.pk).order_by("amount")
    return list(rows.values_list("category", "amount"))


def test_each_process_of_a_dead_session_is_booked_and_one_that_was_cut_is_named(dead: Session) -> None:
    """The same id in another process is another request."""
    left(dead, "implement", costs(0.01), costs(0.02, "2"))
    left(dead, "implement-5", costs(0.03))
    cut = left(dead, "review", costs(0.04), whole=False)
    assert not journals.book_journals(dead, Config()) and not journals.book_journals(dead, Config())
    expected = [("entry", 10_000), ("entry", 20_000), ("entry", 30_000), ("interceptor", 40_000)]
    assert booked(dead) == expected
    count = journals.count(dead, Config())
    assert count is not None and not count.is_whole
    names = [(usage.cost, str(category), name) for usage, category, name in count.usages]
    assert names == [
        (10_000, "entry", "implement"),
        (20_000, "entry", "implement"),
        (30_000, "entry", "implement-5"),
        (40_000, "interceptor", "review"),
    ]
    cut.status.write_text(json.dumps({"exit_code": 1}))
    count = journals.count(dead, Config())
    assert count is not None and count.is_whole and journals.book_journals(dead, Config()) and booked(dead) == expected


def test_a_request_without_a_price_leaves_the_cost_unknown(dead: Session) -> None:
    left(dead, "implement", {"type": "usage", "id": "1", "model": "no-such-model-9", "input_tokens": 5})
    assert not journals.book_journals(dead, Config())
    dead.refresh_from_db()
    assert dead.unpriced_model == "no-such-model-9"


def test_telemetry_that_a_dead_worker_received_is_booked_with_its_journal(dead: Session) -> None:
    record = left(dead, "implement", agent={"kind": "claude_code"})
    attributes = {"model": "claude-sonnet-4-5", "input_tokens": 1000, "output_tokens": 100, "cost_usd": 0.01}
    log = TelemetryLog(record.telemetry)
    for id_ in ("r1", "r2", "r1"):
        log.append("claude_code.api_request", {**attributes, "request_id": id_})
    assert journals.book_journals(dead, Config()) and booked(dead) == [("entry", 10_000)] * 2


@pytest.mark.parametrize("version", ["2.1.332", "2.1.197"])
def test_a_resumed_process_of_a_dead_session_costs_what_its_own_requests_do(dead: Session, version: str) -> None:
    """Its conversation may have gone on, or be forgotten: what it began with is kept with its telemetry."""
    init = {"type": "system", "subtype": "init", "session_id": "c1", "claude_code_version": version}
    total = 0.0525 if version == "2.1.332" else 0.0125
    result = {"type": "result", "total_cost_usd": total, "uuid": "u1", "modelUsage": {"claude-sonnet-4-5": {"costUSD": total}}}
    record = left(dead, "implement-2", init, result, agent={"kind": "claude_code"})
    log = TelemetryLog(record.telemetry)
    log.append(*sums.as_record("c1", sums.Sum(Decimal("0.04"))))
    request = {"model": "claude-sonnet-4-5", "input_tokens": 1000, "output_tokens": 100, "cost_usd": 0.01, "request_id": "r1"}
    log.append("claude_code.api_request", request)
    for _ in range(2):
        assert journals.book_journals(dead, Config())
    assert booked(dead) == [("entry", 2_500), ("entry", 10_000)]


def test_only_questions_of_the_agent_at_work_are_noted_each_under_its_turn(dead: Session) -> None:
    question = {"type": "question", "text": "Is sk-very-secret or of-the-env right?"}
    for name in ("implement", "implement-2", "review"):
        left(dead, name, question)
    secrets.put(dead.workspace_id, "API_KEY", "sk-very-secret", by=ANA)
    config = Config.model_validate({"agent": {"kind": "command", "command": "true", "env": {"TOKEN": "of-the-env"}}})
    for _ in range(2):
        journals.book_journals(dead, config)
    assert list(Question.objects.order_by("pk").values_list("session", "name", "text")) == [
        (dead.pk, f"{name}:line-1", "Is [secret API_KEY] or [secret TOKEN] right?") for name in ("implement", "implement-2")
    ]


def test_what_an_ended_session_reported_is_unknown_once_its_files_are_gone(dead: Session) -> None:
    shutil.rmtree(session_dir.for_session(dead.pk).folder)
    for phase, is_known in (("starting", True), ("implementation", False), ("verification", False)):
        dead.phase = phase
        count = journals.count(dead, Config())
        assert (count is not None) is is_known and (count is None or (count.usages, count.is_whole) == ((), True))


def test_a_conversation_of_a_sandbox_is_read_where_it_began(dead: Session) -> None:
    """Otherwise it would be another one, and all its requests new."""
    row = json.dumps(
        {"uuid": "u1", "systemPayload": {"uiEvent": {"event.name": "qwen-code.api_response", "input_token_count": 10}}}
    )
    kind = {"kind": "qwen", "model": "gpt-5"}
    left(dead, "implement", agent=kind)
    home = session_dir.home(dead.owner_id, "qwen", "implement")
    chat = home / ".qwen/projects/-work/chats/c.jsonl"
    chat.parent.mkdir(parents=True)
    chat.write_text(f"{row}\n")
    offsets = {str(chat.relative_to(home)): len(row) + 1}
    conversations.keep(dead.owner_id, "implement", "qwen", "c", {"cwd": "/in/the/sandbox", "offsets": offsets})
    count = journals.count(dead, Config())
    assert count is not None and count.usages == ()


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
