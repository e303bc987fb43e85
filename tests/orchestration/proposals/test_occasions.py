"""Events ask the orchestrator, once in a cooldown, and a refusal for lack of money is recorded."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.timezone import now

from budget.amounts import usd
from budget.limits import caps
from orchestration import configuration, sessions
from orchestration.backlog import entry_actions, entry_state
from orchestration.backlog.rules.transitions import Next
from orchestration.executor import control, reconcile
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, Executor, Run, Session
from orchestration.proposals import run_requests, starting
from orchestration.proposals.triggers import Facts, due
from orchestration.sessions import Ending
from tests.factories import ANA, a_session, a_worker, a_workspace, an_entry, ended, project
from tests.orchestration.proposals.made import ORCHESTRATOR
from workspaces.models import Event, Workspace

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ALL = ["stuck", "no_improvement", "idle", "every_n_rounds"]


def asked(on: list[str] | None = None, **facts: Any) -> str | None:
    return due(Facts(NOW, **facts), ALL if on is None else on, cooldown_s=3600, every_rounds=10)


def test_each_event_asks_by_its_name() -> None:
    assert asked(stuck=1) == "stuck"
    assert asked(on_plateau=1) == "no_improvement"
    assert asked(is_idle=True) == "idle"
    assert (asked(rounds=9), asked(rounds=10)) == (None, "every_n_rounds")
    assert asked() is None


def test_only_the_events_of_the_config_count() -> None:
    assert asked(["idle"], stuck=1, on_plateau=1, rounds=99) is None
    assert asked(["idle"], stuck=1, is_idle=True) == "idle"


def test_a_cooldown_and_an_open_run_keep_it_waiting() -> None:
    assert asked(stuck=1, last=NOW - timedelta(seconds=3599)) is None
    assert asked(stuck=1, last=NOW - timedelta(seconds=3600)) == "stuck"
    assert asked(stuck=1, is_open=True) is None


def test_a_backlog_that_stays_idle_asks_again_only_after_something_happened() -> None:
    long_ago = NOW - timedelta(days=1)
    assert asked(is_idle=True, last=long_ago) is None
    assert asked(is_idle=True, last=long_ago, has_changed=True) == "idle"


@pytest.fixture
def workspace(db: None) -> Workspace:
    a_worker()
    a_workspace(name="Other", orchestrator=ORCHESTRATOR)
    return a_workspace(orchestrator=ORCHESTRATOR | {"on": ALL, "every_rounds": 2})


def halt(entry: Entry, code: Reason, status: str = "blocked") -> None:
    entry_state.move(entry_state.lock(entry), Next(status, code, "for a test"))


def triggers() -> list[str]:
    return list(Run.objects.order_by("session__claimed_at").values_list("trigger", flat=True))


@pytest.mark.parametrize(
    ("code", "status", "trigger"),
    [
        (Reason.MERGE_CONFLICT, "blocked", ["stuck"]),
        (Reason.ROUNDS_EXHAUSTED, "failed", ["stuck"]),
        (Reason.NO_IMPROVEMENT, "blocked", ["no_improvement"]),
        (Reason.HUMAN_HOLD, "blocked", []),
        (Reason.BUDGET_EXCEEDED, "blocked", []),
    ],
)
def test_a_tick_asks_for_what_is_stuck(workspace: Workspace, code: Reason, status: str, trigger: list[str]) -> None:
    an_entry(workspace)  # goes on, so that the backlog is not idle
    halt(an_entry(workspace, budget="0" if code == Reason.BUDGET_EXCEEDED else "1"), code, status)
    reconcile.run()
    reconcile.run()
    assert triggers() == trigger


def test_an_idle_backlog_asks_while_there_is_money(workspace: Workspace) -> None:
    entry_actions.put_on_hold(an_entry(workspace), by=ANA)
    caps.set_project(project(workspace), "max_project_spend", usd("0.01"), by=ANA)
    assert starting.ask_if_due(workspace.pk) is None
    caps.set_project(project(workspace), "max_project_spend", usd("10"), by=ANA)
    starting.ask_if_due(workspace.pk)
    assert triggers() == ["idle"]


def test_rounds_are_counted(workspace: Workspace) -> None:
    entry = an_entry(workspace)
    for number in (1, 2):
        ended(a_session(entry), score=number / 10)
        starting.ask_if_due(workspace.pk)
    assert triggers() == ["every_n_rounds"]


@pytest.mark.parametrize("act", [control.pause, control.stop_all], ids=lambda act: str(act.__name__))
def test_a_paused_executor_starts_no_run(workspace: Workspace, act: Any) -> None:
    halt(an_entry(workspace), Reason.MERGE_CONFLICT)
    act(workspace.pk, by=ANA)
    reconcile.run()
    assert triggers() == []


def test_without_events_in_the_config_no_run_starts(workspace: Workspace) -> None:
    Executor.objects.update(config={"orchestrator": ORCHESTRATOR})
    halt(an_entry(workspace), Reason.MERGE_CONFLICT)
    assert starting.ask_if_due(workspace.pk) is None


def test_a_run_that_has_ended_is_not_repeated_for_the_same_event(workspace: Workspace) -> None:
    halt(an_entry(workspace), Reason.MERGE_CONFLICT)
    run = starting.ask_if_due(workspace.pk)
    assert run is not None
    sessions.conclude(run.session, Ending(Session.Outcome.FAILED), expected=Session.Status.CLAIMED)
    config = Executor.objects.get(pk=workspace.pk).config
    Executor.objects.update(config={**config, "orchestrator": config["orchestrator"] | {"cooldown_s": 60}})
    Session.of_any_role.update(claimed_at=Now() - timedelta(minutes=5))
    Entry.objects.update(reason_at=Now() - timedelta(minutes=9), created_at=Now() - timedelta(minutes=9))
    assert starting.ask_if_due(workspace.pk) is None
    Entry.objects.update(reason_at=Now())  # blocked again
    assert starting.ask_if_due(workspace.pk) is not None


def test_a_refusal_is_recorded_once_in_a_cooldown(workspace: Workspace) -> None:
    halt(an_entry(workspace), Reason.MERGE_CONFLICT)
    caps.set_limit(project(workspace), "orchestrator", "day", usd("0.05"), by=ANA)
    for _ in range(3):
        reconcile.run()
    event = Event.objects.get(verb="run.refused")
    assert event.reason.startswith("$0.05 is left of ") and event.reason.endswith(", a run needs $0.10")
    assert triggers() == []


def facts(workspace: Workspace) -> Facts:
    return starting._facts(workspace.pk, configuration.load(Executor.objects.get(pk=workspace.pk).config))


def test_an_occasion_counts_since_the_newest_run_or_refusal_of_its_workspace(workspace: Workspace) -> None:
    other = Workspace.objects.exclude(pk=workspace.pk).get()
    assert facts(workspace).last is None
    hours = [now() - timedelta(hours=n) for n in range(5)]
    for at in (hours[4], hours[3]):
        run = run_requests.orchestrate(workspace, by=ANA)
        sessions.conclude(run.session, Ending(Session.Outcome.FAILED), expected=Session.Status.CLAIMED)
        Session.of_any_role.filter(pk=run.pk).update(claimed_at=at)
    run_requests.orchestrate(other, by=ANA)
    assert facts(workspace).last == hours[3] and not facts(workspace).is_open
    for each, verb, at in (
        (workspace, "run.refused", hours[2]),
        (workspace, "run.ended", hours[1]),
        (other, "run.refused", hours[0]),
    ):
        Event.objects.create(workspace=each, verb=verb, actor="muster", actor_kind="automation", at=at)
    assert facts(workspace).last == hours[2]
    Event.objects.create(workspace=workspace, verb="run.refused", actor="muster", actor_kind="automation", at=hours[1])
    assert facts(workspace).last == hours[1]
    run_requests.orchestrate(workspace, by=ANA)
    assert facts(workspace).is_open and facts(workspace).last > hours[1]


def test_what_happened_before_in_another_workspace_or_to_what_was_deleted_is_no_occasion(workspace: Workspace) -> None:
    other = Workspace.objects.exclude(pk=workspace.pk).get()
    halted = {code: an_entry(workspace) for code in (Reason.MERGE_CONFLICT, Reason.NO_IMPROVEMENT, Reason.HUMAN_HOLD)}
    for code, entry in halted.items():
        halt(entry, code)
    theirs, deleted, on_plateau = an_entry(other), an_entry(workspace), an_entry(workspace)
    for entry in (theirs, deleted, on_plateau):
        halt(entry, Reason.NO_IMPROVEMENT)
    Entry.objects.filter(pk=deleted.pk).update(deleted_at=now())
    ended(a_session(an_entry(other)))
    seen = facts(workspace)
    assert (seen.stuck, seen.on_plateau, seen.rounds, seen.has_changed) == (1, 2, 0, True)
    Event.objects.create(workspace=workspace, verb="run.refused", actor="muster", actor_kind="automation")
    seen = facts(workspace)
    assert (seen.stuck, seen.on_plateau, seen.rounds, seen.has_changed) == (0, 0, 0, False)


def test_a_backlog_is_idle_where_nothing_goes_on_and_something_is_left(workspace: Workspace) -> None:
    other = Workspace.objects.exclude(pk=workspace.pk).get()
    an_entry(other)
    assert not facts(workspace).is_idle, "it is empty"
    entry = an_entry(workspace)
    assert not facts(workspace).is_idle
    entry_actions.put_on_hold(entry, by=ANA)
    assert facts(workspace).is_idle
    going = an_entry(workspace)
    Entry.objects.filter(pk=going.pk).update(deleted_at=now())
    assert facts(workspace).is_idle
    Entry.objects.filter(pk=entry.pk).update(deleted_at=now())
    assert not facts(workspace).is_idle


def test_the_database_keeps_a_second_one_out(workspace: Workspace) -> None:
    run_requests.orchestrate(workspace, by=ANA)
    with pytest.raises(IntegrityError), transaction.atomic():
        Session.of_any_role.create(workspace=workspace, role="orchestrate", attempt=1)
