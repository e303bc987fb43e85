"""Runs that are asked for, applied, rejected, edited and undone by many at once, beside people's own changes of the backlog."""

import random
from collections import Counter
from typing import Any

import pytest
from django.db.models import Sum

from budget.amounts import usd
from budget.limits import caps
from budget.models import Hold
from orchestration.backlog import deletion, entry_actions
from orchestration.executor import dispatch
from orchestration.maintenance import rebuild
from orchestration.models import Entry, Proposal, Run, Session
from orchestration.proposals import applying, editing, run_requests
from orchestration.proposals.kinds.schema import ProposedEntry
from tests.factories import ANA, a_worker, a_workspace, an_entry, project, some_entries
from tests.orchestration.proposals.made import ORCHESTRATOR, PLANNER, a_rearranging_run, a_run
from tests.races.crowd import at_once
from tests.sampling import seeds
from workspaces.errors import Refused
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 6
STEPS = 9
PLAN = [
    {"ref": "a", "content": "Parse"},
    {"ref": "b", "content": "Print", "depends_on": ["a"]},
    {"ref": "c", "content": "Store", "depends_on": ["a"]},
    {"content": "Send", "depends_on": ["b", "c"]},
]


class Person:
    """One thread's random acts. A refusal is quiet: somebody else was first."""

    def __init__(self, workspace: Workspace, runs: list[Run], seed: int) -> None:
        self.workspace, self.runs, self.dice = workspace, runs, random.Random(seed)

    def work(self) -> None:
        acts: list[Any] = [self.apply, self.apply, self.apply, self.undo, self.reject, self.edit, self.add, self.delete]
        for _ in range(STEPS):
            try:
                self.dice.choice([*acts, self.hold, self.start])()
            except Refused:
                pass

    def apply(self) -> None:
        run = self.run()
        numbers = [proposal.pk for proposal in run.proposals.all() if self.dice.random() < 0.7]
        applying.apply(run, by=ANA, only=numbers or None)

    def undo(self) -> None:
        applying.undo(self.run(), by=ANA)

    def reject(self) -> None:
        run = self.run()
        applying.reject(run, by=ANA, only=[self.dice.choice(list(run.proposals.all())).pk])

    def edit(self) -> None:
        proposal = self.dice.choice(list(self.run().proposals.all()))
        after = proposal.after if proposal.kind == Proposal.Kind.ADD else {}
        editing.edit(proposal, ProposedEntry.model_validate({**after, "content": f"Edited {proposal.pk}"}), by=ANA)

    def add(self) -> None:
        an_entry(self.workspace, content=self.dice.choice(["Parse", "Print", "Mine"]))

    def delete(self) -> None:
        deletion.delete_all([self.entry()], by=ANA)

    def hold(self) -> None:
        entry_actions.put_on_hold(self.entry(), by=ANA)

    def start(self) -> None:
        dispatch.cycle(self.workspace.pk)

    def run(self) -> Run:
        return run_requests.run_for(self.workspace.pk, self.dice.choice(self.runs).pk)

    def entry(self) -> Entry:
        alive = list(Entry.objects.filter(workspace=self.workspace, deleted_at=None))
        return self.dice.choice(alive) if alive else an_entry(self.workspace)


@pytest.mark.parametrize("seed", seeds(3))
def test_whatever_the_order_each_applied_proposal_is_one_entry(seed: int) -> None:
    workspace = a_workspace(planner=PLANNER)
    a_worker(slots=2)
    runs = [a_run(workspace, *PLAN) for _ in range(3)]
    at_once([Person(workspace, runs, seed * 100 + n).work for n in range(THREADS)])
    applied = Proposal.objects.filter(state=Proposal.State.APPLIED)
    entries = [proposal.entry_id for proposal in applied]
    assert len(set(entries)) == len(entries)
    assert not Session.objects.filter(entry__deleted_at__isnull=False, status__in=Session.OPEN).exists()
    alive = set(Entry.objects.filter(deleted_at=None).values_list("pk", flat=True))
    assert not [drift for drift in rebuild.find(workspace.pk) if drift.id in alive]


CHANGES = [
    [{"kind": "change", "entry": "#1", "priority": "high"}, {"kind": "merge", "entry": "#2", "with": "#3"}],
    [{"kind": "change", "entry": "#1", "depends_on": ["#4"]}, {"kind": "drop", "entry": "#3"}, {"kind": "hold", "entry": "#5"}],
    [{"kind": "merge", "entry": "#4", "with": "#5"}, {"kind": "change", "entry": "#2", "rounds": 9}],
]


@pytest.mark.parametrize("seed", seeds(3))
def test_runs_that_change_the_same_entries_leave_nothing_half_applied(seed: int) -> None:
    workspace = a_workspace(planner=PLANNER, orchestrator=ORCHESTRATOR)
    some_entries(workspace, *(f"Entry {n}" for n in range(5)))
    runs = [a_rearranging_run(workspace, *changes) for changes in CHANGES] + [a_run(workspace, *PLAN)]
    a_worker(slots=2)
    at_once([Person(workspace, runs, seed * 100 + n).work for n in range(THREADS)])
    assert not Session.objects.filter(entry__deleted_at__isnull=False, status__in=Session.OPEN).exists()
    assert not Entry.objects.filter(deleted_at=None, dependencies__depends_on__deleted_at__isnull=False).exists()
    alive = set(Entry.objects.filter(deleted_at=None).values_list("pk", flat=True))
    assert not [drift for drift in rebuild.find(workspace.pk) if drift.id in alive]


def test_one_orchestrator_is_asked_by_many_at_once() -> None:
    workspace = a_workspace(orchestrator=ORCHESTRATOR)

    def ask() -> str:
        try:
            run_requests.orchestrate(workspace, by=ANA)
        except Refused:
            return "refused"
        return "asked"

    assert Counter(at_once([ask] * 6)) == {"asked": 1, "refused": 5}
    assert Hold.objects.count() == 1


def test_many_requests_at_once_stay_within_the_limit_of_the_day() -> None:
    workspace = a_workspace(planner=PLANNER)
    caps.set_limit(project(workspace), "orchestrator", "day", usd("0.45"), by=ANA)

    def ask() -> str:
        try:
            run_requests.plan(workspace, "Better", by=ANA)
        except Refused:
            return "refused"
        return "reserved"

    assert Counter(at_once([ask] * 8)) == {"reserved": 4, "refused": 4}
    assert Hold.objects.aggregate(sum=Sum("amount"))["sum"] == usd("0.4")
