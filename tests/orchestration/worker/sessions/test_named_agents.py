"""An entry that asks for an agent by its name gets that one; checks run in the environment of the workspace."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration import configuration
from orchestration.backlog import content, entries
from orchestration.configuration import workspace_setup
from orchestration.executor import dispatch, explain
from orchestration.models import Entry, Executor
from tests.factories import an_open_breaker
from tests.orchestration.worker.sessions.shop import Shop, entry_of
from workspaces.access import Caller
from workspaces.errors import Invalid
from workspaces.models import Event

BY = Caller("ana")
AGENTS = {"other": {"command": "echo $WHO > ok", "env": {"WHO": "other"}}}


def test_a_session_runs_the_agent_that_its_entry_asks_for(shop: Callable[..., Shop]) -> None:
    usual = {"command": "echo $WHO > ok", "env": {"WHO": "usual"}}
    work = shop(usual, agents=AGENTS, verify=[{"name": "env", "run": "test -f ok && test $WHO = usual"}])
    session = work.run(agent="other", files=["ok"])
    assert (session.agent_name, entry_of(session).status, work.merged("ok")) == ("other", "done", "other\n")


def test_an_entry_asks_only_for_agents_of_the_config(shop: Callable[..., Shop]) -> None:
    workspace = shop(agents=AGENTS).workspace
    with pytest.raises(Invalid, match="The config has no agent 'gone'"):
        entries.add(workspace.pk, [entries.Draft(content="Work", agent="gone")], by=BY)
    [entry] = entries.add(workspace.pk, [entries.Draft(content="Work", agent="default")], by=BY)
    assert entry.agent == ""
    assert content.edit(entry, content.Change(agent="other"), by=BY).agent == "other"
    with pytest.raises(Invalid, match="#1 asks for the agent other: choose another one for them first"):
        workspace_setup.configure(workspace, {"agents": {"other": None}}, by=BY)
    content.edit(entry, content.Change(agent=""), by=BY)
    workspace_setup.configure(workspace, {"agents": {"other": None}}, by=BY)
    assert configuration.load(Executor.objects.get(pk=workspace.pk).config).agents == {}


def test_an_entry_whose_agent_a_restored_config_lacks_waits_with_that_reason(shop: Callable[..., Shop]) -> None:
    work = shop(agents=AGENTS)
    [entry] = entries.add(work.workspace.pk, [entries.Draft(content="Work", agent="other")], by=BY)
    Executor.objects.filter(pk=work.workspace.pk).update(config={"agent": {"command": "true"}})
    assert dispatch.cycle(work.workspace.pk).started == []
    why = explain.reasons(work.workspace.pk, [entry.pk])[entry.pk].why
    assert why is not None
    assert (why.code, why.message) == (
        "agent_unavailable",
        "The config has no agent other: choose another for the entry, or add it",
    )
    assert Entry.objects.get(pk=entry.pk).status == "pending"


def test_a_fallback_takes_an_entry_while_the_provider_of_its_agent_serves_no_session(shop: Callable[..., Shop]) -> None:
    work = shop({"command": "echo usual > ok", "fallback": ["other"]}, agents=AGENTS)
    an_open_breaker(work.workspace, "rate_limited", "The provider limits the rate.", until=now() + timedelta(hours=1))
    session = work.run(files=["ok"])
    assert (session.agent_name, entry_of(session).status, work.merged("ok")) == ("other", "done", "other\n")
    assert (session.credential, session.model_family) == ("command other", "usual")
    event = Event.objects.get(verb="entry.agent_fell_back")
    assert (event.data["agent"], event.data["instead_of"], event.reason) == ("other", "default", "The provider limits the rate.")
    assert session.choice["why"].startswith("Not default until ")
    assert [(each["agent"], each.get("code")) for each in session.choice["considered"]] == [
        ("default", "rate_limited"),
        ("other", None),
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"agent": {"fallback": ["gone"]}}, "default falls back on gone, which is not among the agents"),
        ({"agents": {"other": {"fallback": ["other"]}}}, "other cannot fall back on itself"),
        ({"verifier": {"agent": {"fallback": ["other"]}}}, "only agent and agents have a fallback"),
    ],
)
def test_a_fallback_is_another_agent_of_the_config(shop: Callable[..., Shop], change: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        workspace_setup.configure(shop(agents=AGENTS).workspace, change, by=BY)


def test_work_behind_entries_whose_agent_is_limited_starts(shop: Callable[..., Shop]) -> None:
    work = shop(agents=AGENTS, max_workers=2)
    an_open_breaker(work.workspace, "rate_limited", "Limited.", "other", until=now() + timedelta(hours=1))
    drafts = [entries.Draft(content=f"Limited {n}", agent="other") for n in range(60)]
    entries.add(work.workspace.pk, drafts, by=BY)
    [usual] = entries.add(work.workspace.pk, [entries.Draft(content="Usual")], by=BY)
    assert [start.entry.id for start in dispatch.cycle(work.workspace.pk).started] == [usual.pk]
