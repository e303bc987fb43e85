"""An agent's own token has four tools. It can approve nothing, start nothing and raise nothing."""

from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from budget.models import Account
from config.http import agent_listener
from config.mcp import tools
from orchestration.configuration import secrets
from orchestration.edge import agent_requests
from orchestration.models import Entry, Question, Session
from tests.config.mcp.clients import PING, connected, listed, posted, run, used
from tests.factories import ANA, a_session, a_token, an_entry, ended
from workspaces.models import Event, Workspace
from workspaces.people import tokens

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = {"text": "Which file?", "key": "k"}


@pytest.fixture
def session(workspace: Workspace) -> Session:
    return a_session(an_entry(workspace))


@pytest.fixture
def token(session: Session) -> str:
    name = f"session {session.pk}"
    return tokens.create(name, role="viewer", workspace=session.workspace, session_ref=session.pk)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_it_has_four_tools(token: str, mode: str) -> None:
    assert [*listed(token, mode)] == ["ask", "report_progress", "propose_entry", "read_entry"]


def test_no_tool_of_people_answers_it(token: str) -> None:
    before = Event.objects.count()

    async def walk() -> list[str]:
        refused = []
        async with connected(token) as client:
            for name in [tool.name for tool in tools.TOOLS if tool.name != "read_entry"]:
                try:
                    await client.call_tool(name, {"reason": "r", "key": "k"})
                except MCPError as error:
                    refused.append(f"{name}: {error}")
        return refused

    refused = run(walk)
    assert len(refused) == len(tools.TOOLS) - 1 and all("has no tool" in text for text in refused)
    assert Event.objects.count() == before


def test_it_asks_once(token: str, session: Session) -> None:
    for _ in range(2):
        assert used(token, "ask", **ASKED).structured_content["noted"]
    question = Question.objects.get()
    assert (question.entry_id, question.session_id, question.text) == (session.entry_id, session.pk, "Which file?")


@pytest.mark.parametrize("text", ["a\u0000b", "x" * 90_000, " "])
def test_what_is_no_question_is_refused(token: str, text: str) -> None:
    assert used(token, "ask", text=text, key="a\u0000b").is_error and not Question.objects.exists()


def test_it_asks_three_questions_and_no_more(token: str) -> None:
    answers = [used(token, "ask", text=f"Which {n}?", key=str(n)) for n in range(4)]
    assert [answer.is_error for answer in answers] == [False] * 3 + [True]


def test_it_reports_what_it_does_and_reads_its_entry(token: str, session: Session) -> None:
    assert not used(token, "report_progress", text="Reading").is_error
    session.refresh_from_db()
    assert session.progress == "Reading"
    assert used(token, "read_entry").structured_content["id"] == session.entry_id
    assert used(token, "read_entry", entry_id=session.entry_id).is_error


def test_what_it_proposes_waits_for_a_person_and_has_no_money(token: str, session: Session) -> None:
    given = {"content": "Also do this", "spec": {"files_to_modify": ["a.py"]}, "key": "k"}
    ids = {used(token, "propose_entry", **given).structured_content["entry_id"] for _ in range(2)}
    entry = Entry.objects.get(content="Also do this")
    assert ids == {entry.pk}
    assert (entry.status, entry.reason_code) == ("blocked", "human_hold")
    account = Account.objects.get(pk=entry.pk)
    assert account.budget == 0 and account.own_budget


@pytest.mark.parametrize("spec", [{"files_to_modify": ["../x"]}, {"unknown": 1}, {"files_to_modify": 7}])
def test_a_bad_proposal_is_refused(token: str, spec: dict[str, Any]) -> None:
    assert used(token, "propose_entry", content="x", spec=spec, key="k").is_error
    assert Entry.objects.count() == 1
    assert used(token, "propose_entry", content="x", key="k", budget_usd=5).is_error


def test_its_proposals_have_an_end(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_requests, "MAX_PROPOSED", 2)
    answers = [used(token, "propose_entry", content=f"Do {n}", key=str(n)) for n in range(3)]
    assert [answer.is_error for answer in answers] == [False, False, True]


def test_secrets_are_masked_in_what_it_writes(token: str, workspace: Workspace) -> None:
    secrets.put(workspace.pk, "KEY", "very-secret-value-1", by=ANA)
    used(token, "ask", text="Is very-secret-value-1 right?", key="k")
    used(token, "propose_entry", content="Rotate very-secret-value-1", key="k")
    assert "very-secret" not in Question.objects.get().text
    assert not Entry.objects.filter(content__contains="very-secret").exists()


def test_after_its_session_it_is_refused(token: str, session: Session) -> None:
    ended(session)
    assert posted(PING, token).status_code == 401
    late = tokens.create("late", role="viewer", workspace=session.workspace, session_ref=session.pk)
    calls: dict[str, dict[str, Any]] = {
        "ask": ASKED,
        "propose_entry": {"content": "x", "key": "k"},
        "read_entry": {},
        "report_progress": {"text": "x"},
    }
    assert [used(late, name, **given).is_error for name, given in calls.items()] == [True] * 4


def test_at_the_address_of_agents_only_they_are_answered(token: str, workspace: Workspace) -> None:
    marked = {agent_listener.HEADER.replace("-", "_"): "1"}
    assert posted(PING, token, **marked).status_code == 200
    assert posted(PING, a_token(workspace), **marked).status_code == 401
