"""The labels that an entry requires of its host, and the agent that it asks for."""

import pytest
from django.db.models.functions import Now

from orchestration.backlog import content, drafts, fields, splitting
from orchestration.executor import dispatch, explain
from orchestration.models import Entry, Session, Worker
from orchestration.schemas import EntryIn
from tests.factories import ANA, a_worker, a_workspace, an_entry
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    workspace = a_workspace()
    a_worker()
    return workspace


def started(entry: Entry) -> bool:
    dispatch.cycle(entry.workspace_id)
    return Session.objects.filter(entry=entry).exists()


def test_an_entry_waits_for_a_host_with_its_labels_also_where_there_is_one_host(workspace: Workspace) -> None:
    entry, other = an_entry(workspace, requires=("gpu",)), an_entry(workspace)
    assert not started(entry) and started(other)
    why = explain.reasons(workspace.pk, [entry.pk])[entry.pk].why
    assert why is not None and why.code == "no_host_fits" and "gpu" in why.needed
    assert why.message == "No online host has the label gpu: set MUSTER_LABELS on a host, and restart its session worker"
    Worker.objects.update(labels=["eu", "gpu"], seen_at=Now())
    assert started(entry)


def test_of_several_hosts_one_with_the_labels_of_the_config_and_the_entry_runs_it(workspace: Workspace) -> None:
    workspace.executor.config |= {"requires": ["eu"]}
    workspace.executor.save()
    Worker.objects.update(host_id="h1", labels=["eu"])
    second = a_worker()
    Worker.objects.filter(pk=second.pk).update(host_id="h2", labels=["gpu"])
    third = a_worker(slots=1)
    Worker.objects.filter(pk=third.pk).update(host_id="h3", labels=["gpu", "eu"])
    entry = an_entry(workspace, requires=("gpu",))
    assert started(entry) and Session.objects.get(entry=entry).host_id == "h3"


def test_an_edit_changes_them_and_counts_as_a_change(workspace: Workspace) -> None:
    entry = an_entry(workspace)
    before = content.version(fields.values(entry, ()))
    edited = content.edit(entry, content.Change(requires=("gpu",)), by=ANA, seen=before)
    assert edited.requires == ["gpu"] and content.version(fields.values(edited, ())) != before
    assert content.edit(entry, content.Change(requires=()), by=ANA).requires == []


def test_children_require_what_their_parent_does(workspace: Workspace) -> None:
    parent = an_entry(workspace, requires=("gpu",))
    items = [EntryIn(content="one"), EntryIn(content="two", requires=["eu"])]
    children = splitting.split(parent, [drafts.child_from_request(item, parent) for item in items], by=ANA)
    assert [child.requires for child in children] == [["gpu"], ["eu"]]


def test_children_ask_for_the_agent_of_their_parent_if_they_name_none() -> None:
    parent = an_entry(a_workspace(agents={"cheap": {}, "strong": {}}), agent="cheap")
    items = [EntryIn(content="one"), EntryIn(content="two", agent="strong"), EntryIn(content="three", agent="default")]
    children = splitting.split(parent, [drafts.child_from_request(item, parent) for item in items], by=ANA)
    assert [child.agent for child in children] == ["cheap", "strong", ""]
