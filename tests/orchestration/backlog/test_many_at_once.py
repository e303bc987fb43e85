"""Verify again, mark done and delete, for many entries: all or none, and each refusal is named."""

import pytest

from orchestration import sessions
from orchestration.backlog import deletion, entry_actions
from orchestration.backlog.entries import Draft
from orchestration.backlog.entry_actions import SomeRefuse
from orchestration.models import Dependency, Entry, Session, Worker
from orchestration.sessions import rounds
from tests.factories import ANA, a_session, a_workspace, an_entry, ended, sessions_of, some_entries
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


def again(entry: Entry) -> Entry:
    return Entry.objects.get(pk=entry.pk)


def a_chain(workspace: Workspace) -> list[Entry]:
    return some_entries(workspace, Draft("a", ref="a"), Draft("b", ref="b", depends_on=("a",)), Draft("c", depends_on=("b",)))


def test_a_chain_is_deleted_together_and_not_in_part() -> None:
    first, second, third = a_chain(a_workspace())
    with pytest.raises(SomeRefuse) as refused:
        deletion.delete_all([first, second], by=ANA)
    assert [(entry.seq, why) for entry, why in refused.value.refusals] == [(2, f"Other entries depend on it: {third.pk}")]
    assert not Entry.objects.filter(deleted_at__isnull=False).exists()
    deletion.delete_all([third, first, second], by=ANA, reason="not needed")
    assert Entry.objects.filter(deleted_at__isnull=False).count() == 3 and not Dependency.objects.exists()
    assert set(Event.objects.filter(verb="entry.deleted").values_list("reason", flat=True)) == {"not needed"}


def test_an_entry_at_work_keeps_all_of_them() -> None:
    workspace = a_workspace()
    idle = an_entry(workspace)
    running = a_session(an_entry(workspace)).entry
    for verb in (deletion.delete_all, entry_actions.mark_all_done, entry_actions.reverify_all):
        with pytest.raises(SomeRefuse) as refused:
            verb([idle, running], by=ANA)
        assert running.seq in [entry.seq for entry, _ in refused.value.refusals]
    assert (again(idle).status, again(idle).deleted_at) == ("in_progress" if again(idle).attempts else "pending", None)


def test_many_are_marked_done_and_their_dependents_can_start() -> None:
    first, second, third = a_chain(a_workspace())
    entry_actions.mark_all_done([first, second], by=ANA)
    assert [again(entry).status for entry in (first, second, third)] == ["done", "done", "pending"]
    assert again(third).unmet_dependencies == 0 and Event.objects.filter(verb="entry.marked_done").count() == 2


def _taken(workspace: Workspace) -> list[Session]:
    """The sessions of a cycle, each with a round."""
    for claimed in Session.objects.filter(workspace=workspace, status=Session.Status.CLAIMED):
        session = sessions.take(claimed.pk, attempt=claimed.attempt, worker=Worker.objects.get())
        assert session is not None
        rounds.begin(session, base_commit="0" * 40)
    return sessions_of(workspace)


def test_many_are_verified_again_if_each_has_work() -> None:
    workspace = a_workspace()
    entries = some_entries(workspace, "first", "second")
    a_session(entries[0])
    worked = [ended(session).entry for session in _taken(workspace)]
    fresh = an_entry(workspace)
    with pytest.raises(SomeRefuse, match="no prior worker session"):
        entry_actions.reverify_all([*worked, fresh], by=ANA)
    entry_actions.reverify_all(worked, by=ANA, reason="the checks changed")
    assert {(again(entry).next_work, again(entry).status, again(entry).rounds_completed) for entry in worked} == {
        ("verify", "pending", 0)
    }
