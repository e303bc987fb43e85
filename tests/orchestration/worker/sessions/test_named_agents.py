"""An entry that asks for an agent by its name gets that one; checks run in the environment of the workspace."""

from collections.abc import Callable

import pytest

from orchestration import configuration
from orchestration.backlog import content, entries
from orchestration.configuration import workspace_setup
from orchestration.executor import dispatch, explain
from orchestration.models import Entry, Executor
from tests.orchestration.worker.sessions.shop import Shop, entry_of
from workspaces.access import Caller
from workspaces.errors import Invalid

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
