"""Worker sessions: taken by compare-and-set, renewed by lease, ended exactly once. Every write carries the attempt (invariant 3)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.timezone import now

from budget import ledger
from budget.models import Account
from orchestration import configuration, events, funding
from orchestration.backlog import entry_state, transitions
from orchestration.configuration import circuit_breaker
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, Round, Session, Worker
from orchestration.sessions import phase_history, rounds
from workspaces import activity, tokens
from workspaces.access import MUSTER, Caller
from workspaces.errors import NotFound


class Superseded(Exception):
    """The session was ended by someone else, or belongs to a newer attempt: this worker's writes are refused."""


@dataclass(frozen=True)
class Ending:
    """How a session ended. `cost_unknown`: not all that it spent was seen, so its hold is charged in full. `failure`: the agent's, by
    name; `trouble`: what turned it away, where the outcome is `unavailable`. `verify_next`: the work is done, only its verification is not.
    """

    outcome: Session.Outcome
    message: str = ""
    exit_code: int | None = None
    cost_unknown: bool = False
    verdict: rounds.Verdict | None = None
    findings: tuple[str, ...] = ()
    failure: str = ""
    trouble: circuit_breaker.Trouble | None = None
    verify_next: bool = False
    by: Caller = MUSTER


def lease_end() -> Any:
    """When a lease taken now ends, on the database's clock."""
    return Now() + timedelta(seconds=settings.LEASE_S)


def take(session_id: str, *, attempt: int, worker: Worker) -> Session | None:
    """Begin a claimed session. None: another worker was first, or it was stopped before it began."""
    taken = Session.objects.filter(pk=session_id, attempt=attempt, status=Session.Status.CLAIMED).update(
        status=Session.Status.RUNNING,
        worker=worker,
        host=worker.host,
        boot_id=worker.boot_id,
        lease_until=lease_end(),
        started_at=Now(),
        phases=phase_history.started(Session.Phase.STARTING, now()),
    )
    if not taken:
        return None
    session = Session.objects.select_related("entry__account__project", "workspace__executor", "hold").get(pk=session_id)
    agent = configuration.load(session.workspace.executor.config).agent
    write(session, agent=agent.kind, model=agent.model or "")
    wake_ups.publish_change(session.workspace_id, "workers")
    return session


def write(session: Session, **fields: Any) -> None:
    """Write to a running session. Raises Superseded when it is not this attempt's any more."""
    mine = Session.objects.filter(pk=session.pk, attempt=session.attempt, status=Session.Status.RUNNING)
    if mine.update(**fields) == 0:
        raise Superseded(session.pk)
    for name, value in fields.items():
        setattr(session, name, value)


def enter(session: Session, phase: Session.Phase) -> None:
    """Move on to a phase, and tell open pages."""
    write(session, phase=phase, phases=phase_history.entered(session.phases, phase, now()))
    wake_ups.publish_change(session.workspace_id, "workers")


def wait(session: Session, reason: str, until: datetime | None) -> None:
    """Show that the agent waits for its provider, or, with empty text, that it goes on."""
    passed = phase_history.waited(session.phases, session.phase, now(), waits=bool(reason))
    write(session, waiting_for=reason, waiting_until=until, phases=passed)
    wake_ups.publish_change(session.workspace_id, "workers")


def forget_price(session: Session) -> None:
    """Not all that the session spent is known: it will settle at its full hold, even if its round goes well."""
    if not session.unpriced_model:
        write(session, unpriced_model="unknown")


def stop(workspace_id: str, session_id: str, *, by: Caller) -> None:
    """Ask an open session to stop for good: its entry is held until someone releases it. Raises NotFound if it is not open."""
    with transaction.atomic():
        _want_stop(workspace_id, by=by, for_good=True, session_id=session_id)
    wake_ups.publish_change(workspace_id, "workers", "entries")


def kill(workspace_id: str, session_id: str, *, by: Caller) -> None:
    """End an open session without its grace: its supervisor kills at once, and should that not answer, the reaper does (reaper.py).
    What it had not committed is committed for it where its host still can. Raises NotFound if it is not open."""
    with transaction.atomic():
        _want_stop(workspace_id, by=by, for_good=False, session_id=session_id)
        fresh = Session.objects.filter(pk=session_id, status__in=Session.OPEN, kill_wanted_at__isnull=True)
        if fresh.update(kill_wanted_at=Now()):
            entry_id = Session.objects.values_list("entry_id", flat=True).get(pk=session_id)
            activity.record(workspace_id, events.SessionKillRequested(entry=entry_id), by=by, object_id=session_id)
    wake_ups.publish_change(workspace_id, "workers")


def stop_all(workspace_id: str, *, by: Caller) -> int:
    """Ask every open session to stop. In the caller's transaction, which also pauses the executor."""
    return _want_stop(workspace_id, by=by, for_good=False)


def hold_after(workspace_id: str, session_id: str, *, by: Caller, requested: bool = True) -> None:
    """Have its entry held once the session has finished its round; or, not `wanted`, take that back. Raises NotFound if it is not open.

    Under the executor's row, as `conclude`: it either comes before the end and counts, or is told that there is nothing left to hold.
    """
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        session = Session.objects.filter(pk=session_id, workspace_id=workspace_id, status__in=Session.OPEN).first()
        if session is None:
            raise NotFound("Worker session not found")
        if bool(session.hold_after_by) == requested:
            return
        Session.objects.filter(pk=session.pk).update(hold_after_by=by.name if requested else "")
        event = events.HoldAfterRequested if requested else events.HoldAfterWithdrawn
        activity.record(workspace_id, event(entry=session.entry_id), by=by, object_id=session.pk)
    wake_ups.publish_change(workspace_id, "workers", "entries")


def _want_stop(workspace_id: str, *, by: Caller, for_good: bool, session_id: str | None = None) -> int:
    Executor.objects.select_for_update().get(pk=workspace_id)
    open_sessions = Session.objects.filter(workspace_id=workspace_id, status__in=Session.OPEN)
    if session_id is not None:
        open_sessions = open_sessions.filter(pk=session_id)
    chosen = list(open_sessions)
    if session_id is not None and not chosen:
        raise NotFound("Worker session not found")
    wake_ups.request_check()
    for session in chosen:
        fresh = Session.objects.filter(pk=session.pk, status__in=Session.OPEN, stop_wanted_at__isnull=True)
        fresh.update(stop_wanted_at=Now(), stop_wanted_by=by.name, stop_for_good=for_good)
        if for_good:
            Session.objects.filter(pk=session.pk, status__in=Session.OPEN).update(stop_for_good=True, stop_wanted_by=by.name)
        activity.record(workspace_id, events.SessionStopRequested(entry=session.entry_id), by=by, object_id=session.pk)
        if session.status == Session.Status.CLAIMED:
            session.refresh_from_db()
            message = f"Stopped by {by.name} before it began"
            conclude(session, Ending(Session.Outcome.STOPPED, message, by=by), expected=Session.Status.CLAIMED)
    return len(chosen)


def conclude(session: Session, ending: Ending, *, expected: Session.Status = Session.Status.RUNNING) -> bool:
    """End a session: its hold is settled, its round closed, its entry moved on, its locks kept or freed. One transaction.

    False: it had ended already, or the attempt is not this one; nothing changed.
    """
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=session.workspace_id)
        mine = Session.objects.filter(pk=session.pk, attempt=session.attempt, status=expected)
        ended = mine.update(
            status=Session.Status.ENDED,
            outcome=ending.outcome,
            outcome_message=ending.message[:500],
            exit_code=ending.exit_code,
            ended_at=Now(),
            failure=ending.failure,
            waiting_for="",
            waiting_until=None,
        )
        if not ended:
            return False
        if session.hold_id:
            unpriced = Session.objects.filter(pk=session.pk).exclude(unpriced_model="").exists()
            key = f"{session.pk}:{session.attempt}:unknown" if ending.cost_unknown or unpriced else ""
            ledger.settle(session.hold_id, remainder_key=key, round_number=session.round_number or None, reason=ending.message)
        opened = Round.objects.filter(session=session, verdict=Round.Verdict.OPEN).first()
        if opened is not None:
            rounds.close(opened, ending.verdict, findings=ending.findings)
            if ending.outcome == Session.Outcome.UNAVAILABLE:
                rounds.drop_if_empty(opened)
        following = _move_entry(session, executor, ending)
        tokens.end_session(session.pk)
        event = events.SESSION_ENDED[ending.outcome](
            entry=session.entry_id, round=session.round_number, entry_status=following.status, code=following.code
        )
        activity.record(session.workspace_id, event, by=ending.by, object_id=session.pk, reason=ending.message)
    wake_ups.enqueue_cycle(session.workspace_id)
    wake_ups.publish_change(session.workspace_id, "executor", "workers", "entries", "locks", "budget")
    return True


def _move_entry(session: Session, executor: Executor, ending: Ending) -> transitions.Next:
    """Count the round and put the entry where `transitions` says."""
    Entry.objects.filter(pk=session.entry_id).update(**_counted(ending))
    if ending.trouble is not None:
        circuit_breaker.provider_unavailable(executor, Entry.objects.get(pk=session.entry_id), ending.trouble)
    entry = Entry.objects.select_related("account").get(pk=session.entry_id)
    config = configuration.load(executor.config)
    stop = Session.objects.values_list("stop_for_good", "stop_wanted_by", "hold_after_by").get(pk=session.pk)
    account = Account.objects.get(pk=entry.account_id)
    following = transitions.after(
        transitions.Facts(
            outcome=ending.outcome,
            message=ending.message,
            rounds_completed=entry.rounds_completed,
            budget_rounds=entry.budget_rounds,
            crashes=entry.crashes,
            headroom=account.headroom,
            own_budget=account.own_budget,
            min_round=config.min_round,
            stopped_for_good=stop[0],
            stopped_by=stop[1],
            hold_after_by=stop[2],
            conflicts_in_a_row=_conflicts_in_a_row(entry),
            improvements=rounds.improvements(entry),
            plateau_rounds=config.plateau.rounds,
            plateau_epsilon=config.plateau.epsilon,
            verify_next=ending.verify_next,
        )
    )
    entry_state.move(entry, following)
    if config.auto_reallocate:
        funding.mark_due(entry.workspace_id)
    return following


def _counted(ending: Ending) -> dict[str, Any]:
    if ending.verdict is not None:
        counted: dict[str, Any] = {"rounds_completed": F("rounds_completed") + 1, "has_rounds": True, "crashes": 0}
        return counted | {"next_work": Entry.Work.IMPLEMENT, "not_before": None, "provider_waits": 0}
    following = {"next_work": Entry.Work.VERIFY} if ending.verify_next else {}
    if ending.outcome in (Session.Outcome.CRASHED, Session.Outcome.TIMED_OUT, Session.Outcome.LOST):
        return following | {"crashes": F("crashes") + 1, "has_rounds": True}
    return following


def _conflicts_in_a_row(entry: Entry) -> int:
    """Newest sessions of the entry that ended in a merge conflict, one after the other."""
    newest = (
        Session.objects.filter(entry=entry, status=Session.Status.ENDED)
        .order_by("-attempt")
        .values_list("outcome", flat=True)[:5]
    )
    count = 0
    for outcome in newest:
        if outcome != Session.Outcome.CONFLICT:
            break
        count += 1
    return count
