"""A tick looks at the workspaces where something could happen, and at no idle one."""

from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.executor import due, reconcile
from orchestration.models import Entry, Executor
from tests.factories import CLOSED, a_worker, a_workspace, an_entry
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def a_workspace_whose_entry_is(name: str, **state: Any) -> Workspace:
    workspace = a_workspace(name=name)
    entry = an_entry(workspace)
    Entry.objects.filter(pk=entry.pk).update(**state)
    return workspace


def test_what_is_ready_or_without_money_is_due_and_nothing_else() -> None:
    a_workspace(name="Empty")
    a_workspace_whose_entry_is("Done", **CLOSED)
    a_workspace_whose_entry_is("On hold", status="blocked", reason_code="human_hold")
    a_workspace_whose_entry_is("Behind another", unmet_dependencies=1)
    a_workspace_whose_entry_is("Waiting for approval", reason_code="waiting_for_approval")
    a_workspace_whose_entry_is("Deleted", deleted_at=now())
    a_workspace_whose_entry_is("Deleted without money", status="blocked", reason_code="budget_exceeded", deleted_at=now())
    parked = a_workspace_whose_entry_is("Parked", status="blocked", reason_code="human_hold")
    Entry.objects.filter(pk=an_entry(parked).pk).update(parked_behind=Entry.objects.get(workspace=parked, seq=1))
    paused = a_workspace_whose_entry_is("Paused", status="pending")
    Executor.objects.filter(pk=paused.pk).update(state="paused")
    ready = a_workspace_whose_entry_is("Ready", status="pending")
    poor = a_workspace_whose_entry_is("Without money", status="blocked", reason_code="budget_exceeded")
    assert [row.pk for row in due.for_a_cycle()] == sorted([ready.pk, poor.pk])


def test_only_a_workspace_with_an_agent_that_proposes_is_due_for_proposals() -> None:
    agent = {"agent": {"command": ["true"]}}
    for name, config in (("Null", {"expander": None}), ("None", {}), ("Deleted", {"expander": agent})):
        an_entry(a_workspace(name=name, **config))
    a_workspace(name="No entries", expander=agent)
    an_entry(a_workspace(name="Paused", state="paused", expander=agent))
    Entry.objects.filter(workspace__name="Deleted").update(deleted_at=now())
    expanding, steering = a_workspace(name="Expander", expander=agent), a_workspace(name="Orchestrator", orchestrator=agent)
    for workspace in (expanding, steering):
        an_entry(workspace)
    assert {row.pk for row in due.for_proposals()} == {expanding.pk, steering.pk}


def test_a_tick_asks_no_more_of_the_database_for_many_idle_workspaces(django_assert_max_num_queries: Any) -> None:
    a_worker()
    for n in range(20):
        a_workspace(name=f"Idle {n}")
    with django_assert_max_num_queries(40):
        reconcile.run()
