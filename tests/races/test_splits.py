"""Splits that arrive together with others, and with the executor: one is first, and no budget is divided twice."""

import pytest

from budget.limits import dividing
from orchestration.backlog import entry_actions, splitting
from orchestration.backlog.entries import Draft
from orchestration.executor import dispatch
from orchestration.maintenance import audit, rebuild
from orchestration.models import Entry, Session
from tests.factories import ANA, a_worker, a_workspace, an_entry
from tests.races.crowd import at_once
from workspaces.errors import Refused

pytestmark = pytest.mark.django_db(transaction=True)


def split(entry: Entry) -> str:
    try:
        splitting.split(entry, [Draft("First half"), Draft("Second half")], by=ANA)
    except Refused as refused:
        return refused.message
    return "split"


def undo(entry: Entry) -> str:
    try:
        splitting.undo(entry, by=ANA)
    except Refused as refused:
        return refused.message
    return "undone"


def total(entry: Entry) -> int:
    return dividing.total(Entry.objects.select_related("account").get(pk=entry.pk).account)


def test_of_four_splits_at_once_one_divides_the_budget() -> None:
    workspace = a_workspace()
    entry = an_entry(workspace, budget="1")
    answers = at_once([lambda: split(entry)] * 4)
    assert answers.count("split") == 1
    assert Entry.objects.filter(parent=entry).count() == 2
    assert total(entry) == 1_000_000 and rebuild.find(workspace.pk) == [] and audit.check(workspace.pk).wrong == []


def test_a_split_and_a_claim_at_once_never_leave_a_session_of_a_container() -> None:
    for _ in range(6):
        a_worker()
        workspace = a_workspace()
        entry = an_entry(workspace, budget="1")
        at_once([lambda e=entry: split(e), lambda w=workspace: dispatch.cycle(w.pk)])
        row = Entry.objects.get(pk=entry.pk)
        assert row.is_container != Session.objects.filter(entry=entry).exists()
        assert rebuild.find(workspace.pk) == []


def test_an_undo_and_a_claim_at_once_never_delete_a_child_at_work() -> None:
    for _ in range(6):
        a_worker()
        workspace = a_workspace()
        entry = an_entry(workspace, budget="1")
        split(entry)
        at_once([lambda e=entry: undo(e), lambda w=workspace: dispatch.cycle(w.pk)])
        assert not Session.objects.filter(entry__workspace=workspace, entry__deleted_at__isnull=False).exists()
        assert total(entry) == 1_000_000 and rebuild.find(workspace.pk) == []


def test_children_that_end_at_once_end_their_parent_once() -> None:
    for _ in range(4):
        workspace = a_workspace()
        entry = an_entry(workspace, budget="1")
        children = splitting.split(entry, [Draft(f"Part {n}") for n in range(4)], by=ANA)
        at_once([lambda c=child: entry_actions.mark_done(c, by=ANA) for child in children])
        row = Entry.objects.get(pk=entry.pk)
        assert (row.status, row.unmet_dependencies) == ("done", 0)
