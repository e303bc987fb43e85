"""Each host's slots are its own, and what waits for a host stops nothing else."""

import json
import random
from collections import Counter
from datetime import timedelta
from itertools import product

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from budget.amounts import usd
from orchestration.backlog import entries
from orchestration.executor import dispatch, explain, plan, ready_line, snapshot
from orchestration.hosts import online
from orchestration.models import Entry, Session, Worker
from orchestration.proposals import run_requests
from tests.factories import ANA, a_worker, a_workspace, sessions_of, some_entries
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def hosts_of(workspace: Workspace) -> Counter[str]:
    return Counter(session.host_id for session in sessions_of(workspace))


def paid(workspace: Workspace, *contents: str) -> list[Entry]:
    """Entries with money of their own: shares of the plan would be handed on to those that start."""
    return some_entries(workspace, *(entries.Draft(content, budget=usd("0.1")) for content in contents))


def goes_away(host: str) -> None:
    Worker.objects.filter(host_id=host).update(seen_at=Now() - timedelta(hours=1))


def on(host: str, rows: list[Entry]) -> None:
    """Their newest work is on this host alone, and they are first in line."""
    Entry.objects.filter(pk__in=[entry.pk for entry in rows]).update(host_id=host, is_shared=False, has_rounds=True)


def in_a_cycle(workspace: Workspace) -> int:
    """The number of statements that a cycle takes."""
    with CaptureQueriesContext(
        connection,
    ) as statements:
        dispatch.cycle(workspace.pk)
    return len(statements)


def test_the_sessions_of_a_host_that_is_gone_take_no_slot_of_another() -> None:
    for host in ("one", "two"):
        a_worker(slots=4, host=host)
    workspace = a_workspace(max_workers=20)
    some_entries(workspace, *(f"Entry {n}" for n in range(16)))
    dispatch.cycle(workspace.pk)
    assert hosts_of(workspace) == {"one": 4, "two": 4}
    goes_away("one")
    a_worker(slots=6, host="three")
    cycle_input = snapshot.cycle_input(workspace.pk, lock=False)
    assert (cycle_input.worker_slots, cycle_input.free_slots, cycle_input.away, cycle_input.busy_elsewhere) == (10, 6, 4, 0)
    dispatch.cycle(workspace.pk)
    assert hosts_of(workspace) == {"one": 4, "two": 4, "three": 6}
    [first, *_] = explain.explain(workspace.pk)[1]
    assert first.why is not None and first.why.observed == "10 of 10 slots of worker processes taken"


def test_a_host_that_has_more_sessions_than_slots_takes_none_of_another() -> None:
    a_worker(slots=4, host="one")
    workspace = a_workspace(max_workers=20)
    some_entries(workspace, *(f"Entry {n}" for n in range(8)))
    dispatch.cycle(workspace.pk)
    Worker.objects.update(slots=1)
    a_worker(slots=2, host="two")
    dispatch.cycle(workspace.pk)
    assert hosts_of(workspace) == {"one": 4, "two": 2}


def test_two_workers_of_one_host_share_its_sessions() -> None:
    for _ in range(2):
        a_worker(slots=4, host="one")
    workspace = a_workspace(max_workers=3)
    some_entries(workspace, *(f"Entry {n}" for n in range(5)))
    dispatch.cycle(workspace.pk)
    [host] = snapshot.cycle_input(workspace.pk, lock=False).hosts
    assert (host.slots, host.busy, host.free) == (8, 3, 5)
    assert online.hosts_of(online._rows(), workspace.pk) == (host,)


def test_the_slots_of_a_host_that_is_drained_are_not_free() -> None:
    a_worker(slots=4, host="one", drain_by="ana")
    workspace = a_workspace(max_workers=20)
    some_entries(workspace, "One")
    dispatch.cycle(workspace.pk)
    assert not hosts_of(workspace)
    [only] = explain.explain(workspace.pk)[1]
    assert only.why is not None and "takes no new sessions" in only.why.message
    a_worker(slots=1, host="two")
    cycle_input = snapshot.cycle_input(workspace.pk, lock=False)
    assert (cycle_input.worker_slots, cycle_input.free_slots) == (1, 1)
    dispatch.cycle(workspace.pk)
    assert hosts_of(workspace) == {"two": 1}


def test_a_host_takes_nothing_once_one_of_its_workers_is_drained() -> None:
    a_worker(slots=4, host="one")
    a_worker(slots=4, host="one", drain_by="ana")
    workspace = a_workspace()
    some_entries(workspace, "One")
    dispatch.cycle(workspace.pk)
    assert not hosts_of(workspace)


def test_a_session_and_a_run_name_the_only_host_from_their_claim_on() -> None:
    a_worker(slots=4, host="one")
    workspace = a_workspace(planner={"agent": {"kind": "codex"}})
    some_entries(workspace, "One")
    dispatch.cycle(workspace.pk)
    run_requests.plan(workspace, "Go on", by=ANA)
    claims = Session.of_any_role.values_list("role", "host_id", "status").order_by("role")
    assert list(claims) == [("implement", "one", "claimed"), ("plan", "one", "claimed")]


@pytest.mark.parametrize("of_workspace", ["own", "another"])
def test_a_run_that_no_host_has_taken_yet_has_its_slot(of_workspace: str) -> None:
    workspace = a_workspace(max_workers=20, planner={"agent": {"kind": "codex"}})
    other = workspace if of_workspace == "own" else a_workspace(name="Other", planner={"agent": {"kind": "codex"}})
    run_requests.plan(other, "Go on", by=ANA)  # no host is online yet
    a_worker(slots=3, host="one")
    some_entries(workspace, *(f"Entry {n}" for n in range(4)))
    dispatch.cycle(workspace.pk)
    assert hosts_of(workspace) == {"one": 2}


def test_five_hundred_entries_that_wait_for_a_host_delay_no_other() -> None:
    for host in ("one", "two"):
        a_worker(slots=4, host=host)
    workspace = a_workspace(max_workers=20)
    usual, waiting = a_workspace(name="Usual", max_workers=20), paid(workspace, *(f"Waits {n}" for n in range(500)))
    on("one", waiting[:250])
    Entry.objects.filter(pk__in=[entry.pk for entry in waiting[250:]]).update(requires=["gpu"], priority=1)
    goes_away("one")
    paid(workspace, "One", "Two")
    paid(usual, "One", "Two")
    assert in_a_cycle(workspace) == in_a_cycle(usual)
    assert Counter(s.entry.content for s in sessions_of(workspace)) == {"One": 1, "Two": 1}
    [bound] = explain.reasons(workspace.pk, [waiting[0].pk]).values()
    [labelled] = explain.reasons(workspace.pk, [waiting[-1].pk]).values()
    assert bound.why is not None and bound.why.code == "no_host_fits" and "not online" in bound.why.message
    assert labelled.why is not None and "label gpu" in labelled.why.message
    Worker.objects.update(seen_at=Now())
    dispatch.cycle(workspace.pk)
    assert hosts_of(workspace)["one"] > 0, "they start once it is back"


def test_five_hundred_entries_that_wait_for_a_slot_of_one_host_delay_no_other() -> None:
    a_worker(slots=1, host="one")
    a_worker(slots=3, host="two")
    workspace = a_workspace(max_workers=20)
    on("one", some_entries(workspace, *(f"Waits {n}" for n in range(500))))
    some_entries(workspace, "One", "Two", "Three")
    dispatch.cycle(workspace.pk)
    assert hosts_of(workspace) == {"one": 1, "two": 3}
    assert not dispatch.cycle(workspace.pk).decisions, "nothing waits for a place that there is"


def test_the_line_has_the_entries_for_which_the_plan_finds_a_host() -> None:
    dice, workspace = random.Random(7), a_workspace(max_workers=500, requires=["eu"], agent={"kind": "codex"})
    rows = some_entries(workspace, *(f"Entry {n}" for n in range(60)))
    cases = list(product(["", "one", "two", "gone"], [True, False], [[], ["gpu"], ["gpu", "eu"]], ["implement", "verify"]))
    for entry in rows:
        host, is_shared, requires, work = dice.choice(cases)
        Entry.objects.filter(pk=entry.pk).update(host_id=host, is_shared=is_shared, requires=requires, next_work=work)
    for _ in range(12):
        Worker.objects.all().delete()
        for host in dice.sample(["one", "two", "three"], dice.randint(1, 3)):
            a_worker(
                host=host,
                slots=dice.choice([0, 500, 500]),
                agents=dice.choice([{}, {"codex": "1"}]),
                labels=dice.choice([["eu"], ["eu", "gpu"], ["gpu"]]),
                drain_by=dice.choice(["", "", "ana"]),
                unreachable=dice.choice([{}, {}, {workspace.pk: "It is away"}]),
            )
        cycle_input = snapshot.cycle_input(workspace.pk, lock=False)
        line = {entry.id for entry in snapshot.line(workspace.pk, cycle_input, 500)}
        capacity = plan.Capacity(cycle_input)
        names = {"no_worker_online", "no_host_fits", "concurrency_limit"}
        waiting = snapshot.unfinished(workspace.pk, cycle_input)
        placed = {e.id for e in waiting if not any(c.code in names and not c.passed for c in plan.checks(e, capacity))}
        assert line == placed, json.loads(ready_line.openings(cycle_input))
