"""Worker sessions: taken by compare-and-set, renewed by lease, ended exactly once. Every write checks the attempt (invariant 3)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils.timezone import now

from budget import ledger
from budget.ledger import awaited, main_model, requests
from budget.models import GatewayRequest
from orchestration import configuration, funding
from orchestration.backlog import entry_state, unproven
from orchestration.backlog.rules import route_steps, transitions
from orchestration.configuration import circuit_breaker, entry_routes
from orchestration.configuration.entry_routes import RoutePosition
from orchestration.facts import events
from orchestration.landing import queue
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, Message, Question, Round, Session, Worker, sql_dialect
from orchestration.sessions import candidates, rounds, tracing
from orchestration.sessions.doubts import spend_doubts
from orchestration.sessions.ending import Ending, Verdict
from orchestration.sessions.tracing import phase_history
from workspaces import activity
from workspaces.access import MUSTER, Caller
from workspaces.activity.events import ActivityEvent
from workspaces.errors import NotFound
from workspaces.machine import disk, release
from workspaces.models import Event
from workspaces.people import tokens

FAILURES = (Session.Outcome.CRASHED, Session.Outcome.TIMED_OUT, Session.Outcome.LOST)
CAUSED_OUTSIDE = (Session.Outcome.UNAVAILABLE, Session.Outcome.INTERRUPTED, Session.Outcome.NOT_CHOSEN)
"""Ended by the provider, the host, a shutdown, or another candidate: what had not begun leaves no round."""


class Superseded(Exception):
    """The session has ended elsewhere, or a newer attempt owns it: this worker's writes are refused."""


def lease_end() -> Any:
    """The end of a lease taken now, on the database's clock."""
    return Now() + timedelta(seconds=settings.LEASE_S)


@transaction.atomic
def take(session_id: str, *, attempt: int, worker: Worker) -> Session | None:
    """Start a claimed session. None: another worker was first, the session was stopped before it started, it is another host's, or a release
    claimed it that may not run beside this one. A trigger refuses workers of releases that do not know these conditions."""
    mine = Q(host_id__in=("", worker.host_id), version__in=("", *release.COMPATIBLE))
    taken = Session.of_any_role.filter(mine, pk=session_id, attempt=attempt, status=Session.Status.CLAIMED).update(
        status=Session.Status.RUNNING,
        worker=worker,
        host=worker.host,
        host_id=worker.host_id,
        boot_id=worker.boot_id,
        lease_until=lease_end(),
        started_at=Now(),
        phases=phase_history.started(Session.Phase.STARTING, now()),
    )
    if not taken:
        return None
    rows = Session.of_any_role.select_related("entry__account__project", "entry__workspace", "workspace__executor", "hold")
    mail_waits = Message.waits(OuterRef("entry_id")) | Question.waits(OuterRef("entry_id"))
    session = rows.annotate(mail_waits=mail_waits).get(pk=session_id)
    session.has_mail = session.mail_waits
    agent = configuration.of_session(session.workspace.executor.config, session.agent_name).agent_of(session.role)
    if agent is not None:
        write(session, agent=agent.kind, model=agent.model or "")
    wake_ups.publish_change(session.workspace_id, "workers")
    return session


def write(session: Session, **fields: Any) -> None:
    """Write to a running session. Raises Superseded when this attempt no longer owns it."""
    mine = Session.of_any_role.filter(pk=session.pk, attempt=session.attempt, status=Session.Status.RUNNING)
    if mine.update(**fields) == 0:
        raise Superseded(session.pk)
    for name, value in fields.items():
        setattr(session, name, value)


def note_output(session: Session, first_error: int | None) -> None:
    """Its agent wrote something just now. `write` in SQL, since it is called with almost each line."""
    mine = f"id = %s AND attempt = %s AND status = '{Session.Status.RUNNING}'"
    update = f"UPDATE {Session._meta.db_table} SET last_output_at = {sql_dialect.now()}, first_error = %s WHERE {mine}"
    with connection.cursor() as cursor:
        cursor.execute(update, [first_error, session.pk, session.attempt])
        if not cursor.rowcount:
            raise Superseded(session.pk)


def enter(session: Session, phase: Session.Phase) -> None:
    """Enter a phase and publish the change."""
    write(session, phase=phase, phases=phase_history.entered(session.phases, phase, now()))
    wake_ups.publish_change(session.workspace_id, "workers")


def begin_round(session: Session, *, base_commit: str, sandbox: str) -> Round:
    """Open the next round of the session's entry. One that only verifies goes on from the round before, if that is unfinished (`agent_done`)."""
    opened = rounds.begin(session, base_commit=base_commit, sandbox=sandbox)
    write(session, round_number=opened.number)
    if session.work != Entry.Work.IMPLEMENT:
        rounds.continue_from_unfinished(opened)
    return opened


def begin_verification(session: Session, opened: Round, findings: Sequence[str]) -> None:
    """Save the round's work and the findings against it, and enter the phase."""
    rounds.record_work(opened, findings)
    enter(session, Session.Phase.VERIFICATION)


def close_round(session: Session, opened: Round, verdict: Verdict) -> None:
    """Write the verdict. Raises Superseded where this attempt no longer owns the session: it has no verdict then."""
    write(session, phase=Session.Phase.VERIFICATION)
    rounds.close(opened, verdict)


def wait(session: Session, reason: str, until: datetime | None) -> None:
    """Show that the agent waits for its provider, or, with an empty reason, that it continues."""
    passed = phase_history.waited(session.phases, session.phase, now(), waits=bool(reason))
    write(session, waiting_for=reason, waiting_until=until, phases=passed)
    wake_ups.publish_change(session.workspace_id, "workers")


def forget_price(session: Session) -> None:
    """The session's spend is not known in full: it settles at its whole reservation, even when its round passes."""
    if not session.unpriced_model:
        write(session, unpriced_model="unknown")


def stop(workspace_id: str, session_id: str, *, by: Caller) -> None:
    """Request that an open session stops and its entry goes on hold. Raises NotFound if the session is not open."""
    disk.write_anyway(lambda: _want_stop(workspace_id, by=by, for_good=True, session_id=session_id))
    wake_ups.publish_change(workspace_id, "workers", "entries")


def stop_run(workspace_id: str, run_id: str, *, by: Caller) -> None:
    """Request that an open run stops. Raises NotFound if it is not open."""
    runs = Session.of_any_role.exclude(role=Session.Role.IMPLEMENT)
    disk.write_anyway(lambda: _want_stop(workspace_id, by=by, for_good=False, session_id=run_id, among=runs))
    wake_ups.publish_change(workspace_id, "workers")


def kill(workspace_id: str, session_id: str, *, by: Caller) -> None:
    """End an open session without the grace period: its supervisor kills at once; if that is dead, the reaper does.
    Uncommitted work is committed where the host still can. Raises NotFound if the session is not open."""
    disk.write_anyway(lambda: _want_kill(workspace_id, session_id, by=by))
    wake_ups.publish_change(workspace_id, "workers")


@transaction.atomic
def _want_kill(workspace_id: str, session_id: str, *, by: Caller) -> None:
    _want_stop(workspace_id, by=by, for_good=False, session_id=session_id)
    fresh = Session.of_any_role.filter(pk=session_id, status__in=Session.OPEN, kill_wanted_at__isnull=True)
    if fresh.update(kill_wanted_at=Now()):
        entry_id = Session.objects.values_list("entry_id", flat=True).get(pk=session_id)
        activity.record(workspace_id, events.SessionKillRequested(entry=entry_id), by=by, object_id=session_id)


def stop_all(workspace_id: str, *, by: Caller) -> int:
    """Request a stop of every open session, in the caller's transaction, which also pauses the executor. Returns how many."""
    return _want_stop(workspace_id, by=by, for_good=False)


def hold_after(workspace_id: str, session_id: str, *, by: Caller, requested: bool = True) -> None:
    """Put the entry on hold when the session's round ends, or withdraw that (`requested=False`). Raises NotFound if the session is not open.

    Locks the executor's row, as `conclude` does: a request either precedes the end and counts, or finds no open session.
    """
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        session = Session.objects.filter(pk=session_id, workspace_id=workspace_id, status__in=Session.OPEN).first()
        if session is None:
            raise NotFound("Worker session not found")
        if bool(session.hold_after_by) == requested:
            return
        Session.of_any_role.filter(pk=session.pk).update(hold_after_by=by.name if requested else "")
        event = events.HoldAfterRequested if requested else events.HoldAfterWithdrawn
        activity.record(workspace_id, event(entry=session.owner_id), by=by, object_id=session.pk)
    wake_ups.publish_change(workspace_id, "workers", "entries")


@transaction.atomic
def _want_stop(
    workspace_id: str,
    *,
    by: Caller,
    for_good: bool,
    session_id: str | None = None,
    among: QuerySet[Session] | None = None,
) -> int:
    """`session_id`: one of `among`, which are the worker sessions unless given. None: everything that is open."""
    Executor.objects.select_for_update().get(pk=workspace_id)
    if session_id is None:
        chosen = list(Session.of_any_role.filter(workspace_id=workspace_id, status__in=Session.OPEN))
    else:
        candidates = Session.objects.all() if among is None else among
        chosen = list(candidates.filter(pk=session_id, workspace_id=workspace_id, status__in=Session.OPEN))
        if not chosen:
            raise NotFound("Worker session not found" if among is None else "Run not found")
    wake_ups.request_check()
    still_open = Session.of_any_role.filter(pk__in=[session.pk for session in chosen], status__in=Session.OPEN)
    still_open.filter(stop_wanted_at__isnull=True).update(stop_wanted_at=Now(), stop_wanted_by=by.name, stop_for_good=for_good)
    if for_good:
        still_open.update(stop_for_good=True, stop_wanted_by=by.name)
    Event.objects.bulk_create(activity.row(workspace_id, _stop_event(session), by=by, object_id=session.pk) for session in chosen)
    for session in chosen:
        if session.status == Session.Status.CLAIMED:
            session.refresh_from_db()
            message = f"Stopped by {by.name} before it began"
            conclude(session, Ending(Session.Outcome.STOPPED, message), expected=Session.Status.CLAIMED, by=by)
    return len(chosen)


def _stop_event(session: Session) -> ActivityEvent:
    return events.RunStopRequested() if session.is_run else events.SessionStopRequested(entry=session.owner_id)


def conclude(session: Session, ending: Ending, *, expected: Session.Status = Session.Status.RUNNING, by: Caller = MUSTER) -> bool:
    """End a session in one transaction, also on a full disk: settle its reservation, close its round, move its entry, keep or release its
    locks.

    False: the session had ended already, or another attempt owns it; nothing changed.
    """
    if not disk.write_anyway(lambda: _conclude(session, ending, expected, by)):
        return False
    wake_ups.enqueue_cycle(session.workspace_id)
    wake_ups.publish_change(session.workspace_id, "executor", "workers", "entries", "locks", "budget")
    return True


def _conclude(session: Session, ending: Ending, expected: Session.Status, by: Caller) -> bool:
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=session.workspace_id)
        if session.candidate:
            ending = candidates.counted(session, ending)
        mine = Session.of_any_role.filter(pk=session.pk, attempt=session.attempt, status=expected)
        ended = mine.update(
            status=Session.Status.ENDED,
            outcome=ending.outcome,
            outcome_message=ending.message[:500],
            exit_code=ending.exit_code,
            ended_at=Now(),
            ended_by_version=release.NUMBER,
            failure=ending.failure,
            waiting_for="",
            waiting_until=None,
            model=Coalesce(main_model.of(OuterRef("pk")), F("model")),  # the configured one may be empty, or an alias
        )
        if not ended:
            return False
        ended_session = Session.of_any_role.only(
            *("entry_id", "attempt", "candidate", "unpriced_model", "stop_for_good", "stop_wanted_by", "hold_after_by"),
            *("workspace_id", "role", "agent_name", "credential", "model_family", "meter"),
        ).get(pk=session.pk)
        if session.hold_id:
            config = configuration.load(executor.config)
            is_covered = session.is_plan and config.interceptor is None and config.verifier is None
            _settle(
                session.hold_id,
                session,
                ending,
                is_unpriced=bool(ended_session.unpriced_model),
                is_covered=is_covered,
                is_by_gateway=ended_session.meter == Session.Meter.GATEWAY,
            )
            if excess := spend_doubts.open_if_due(session):
                ending = replace(ending, on_hold=ending.on_hold or excess.sentence)
        tokens.end_session(session.pk)
        event = _end_run(session, ending) if session.is_run else _end_round(session, ended_session, executor, ending)
        activity.record(session.workspace_id, event, by=by, object_id=session.pk, reason=ending.message)
        tracing.session_ended(session.pk)
    return True


def _settle(hold_id: int, session: Session, ending: Ending, *, is_unpriced: bool, is_covered: bool, is_by_gateway: bool) -> None:
    """`is_covered`: a plan pays all that its agents may have used. `is_by_gateway`: no agent of it reported what is booked."""
    if is_by_gateway:  # it has booked all: what it does not know is charged with its requests
        ledger.settle(hold_id, round_number=session.round_number or None, reason=ending.message)
        return
    if ending.awaits_host and not is_covered:
        awaited.keep(hold_id, host=ending.awaits_host, seconds=settings.LOST_HOST_S)
        return
    key = unknown_key(session) if (ending.cost_unknown or is_unpriced) and not is_covered else ""
    at_most = None if is_unpriced else ending.at_most
    round_number = session.round_number or None
    ledger.settle(hold_id, remainder_key=key, at_most=at_most, round_number=round_number, reason=ending.message)


def unknown_key(session: Session) -> str:
    """The ledger's key for the unknown spend of a session."""
    return f"{session.pk}:{session.attempt}:unknown"


def _end_run(session: Session, ending: Ending) -> events.RunEnded:
    """Free for entries what the run did not spend. Returns the run's event."""
    funding.mark_due(session.workspace_id)
    return events.RunEnded(role=session.role, outcome=ending.outcome)


def _end_round(session: Session, ended: Session, executor: Executor, ending: Ending) -> events.SessionEnded:
    """`ended`: the session as people left it."""
    of_it = Round.of_any_candidate.filter(session=session) if session.candidate else Round.objects.filter(entry=session.entry_id)
    newest = of_it.order_by("-number").first()
    if newest is not None and newest.session_id == session.pk and newest.verdict == Round.Verdict.OPEN:
        rounds.close(newest, ending.verdict, findings=ending.findings)
        if ending.outcome in CAUSED_OUTSIDE:
            rounds.drop_if_empty(newest)
    if session.candidate:
        following = _end_candidate(session, ended, executor, ending)
    elif _fails_alone(session, ended, ending) and candidates.take_up_another(session):
        entry_state.move(Entry.objects.select_related("account").get(pk=session.entry_id), transitions.PENDING)
        following = transitions.PENDING
    else:
        following = _move_entry(ended, executor, ending, newest)
    return events.SESSION_ENDED[ending.outcome](
        entry=session.owner_id, round=session.round_number, entry_status=following.status, code=following.code
    )


def _fails_alone(session: Session, ended: Session, ending: Ending) -> bool:
    """True for a verification alone that its work did not pass, and that no person wants to be the last."""
    is_held = ended.hold_after_by or ended.stop_for_good or ending.on_hold
    return session.work == Entry.Work.VERIFY and ending.outcome == Session.Outcome.FAILED and not is_held


def _end_candidate(session: Session, ended: Session, executor: Executor, ending: Ending) -> transitions.Next:
    """Move the entry where this end decides what its candidates have made of the round."""
    choice = candidates.choose(session, ending)
    if ending.trouble is not None and (choice is None or choice.ending is not ending):
        circuit_breaker.provider_unavailable(executor, ended, ending.trouble)
    if choice is None:
        return transitions.LANDING  # it stays in progress: others are at work on it, or one of them waits for its landing
    if choice.session.pk != session.pk:
        ended = choice.session
    asked = list(candidates.together(session).values_list("stop_for_good", "stop_wanted_by", "hold_after_by"))
    ended.stop_for_good = all(for_good for for_good, _, _ in asked)
    ended.hold_after_by = next((by for _, _, by in asked if by), "")
    newest = choice.round or Round.objects.filter(entry_id=session.entry_id).order_by("-number").first()
    following = _move_entry(ended, executor, choice.ending, newest)
    if choice.ending.outcome == Session.Outcome.PASSED:
        for other in candidates.ask_others_to_end(session):
            conclude(other, Ending(Session.Outcome.NOT_CHOSEN), expected=Session.Status.CLAIMED)
    return following


def _move_entry(session: Session, executor: Executor, ending: Ending, newest: Round | None) -> transitions.Next:
    """Count the round and move the entry by `transitions`. `session`: as people left it. `newest`: the entry's round."""
    config = configuration.load(executor.config)
    Entry.objects.filter(pk=session.entry_id).update(**_counted(ending), **_least_request(session, ending, config))
    if ending.trouble is not None:
        circuit_breaker.provider_unavailable(executor, session, ending.trouble)
    entry = Entry.objects.select_related("account__project").get(pk=session.entry_id)
    account = entry.account
    facts = _facts(entry, session, ending, config)
    following = transitions.after(facts)
    if (
        ending.lands
        and ending.verdict is not None
        and ending.verdict.is_unproven
        and not unproven.is_accepted(entry, ending.lands)
    ):
        following = unproven.wait(entry, ending.lands, newest)
    else:
        entry_state.move(entry, following)
        _go_on(entry, facts, config, ending)
        if ending.lands:
            queue.enqueue(entry, ending.lands, round_=newest)
    if config.auto_reallocate or (not account.own_budget and account.headroom < max(config.min_round, 1)):
        funding.mark_due(entry.workspace_id)
    return following


def _least_request(session: Session, ending: Ending, config: configuration.Config) -> dict[str, Any]:
    """The entry's columns: with less the next session would end as this one did, at its first request, and a session that is resumed sends a little more.
    A session without an answer says nothing new."""
    is_out_of_money = ending.outcome == Session.Outcome.OUT_OF_MONEY
    if is_out_of_money and ending.verify_next:  # its next session does not send what its implementing agent was refused
        return dict(zip(Entry.NOT_REFUSED, ending.lacks, strict=True)) if ending.lacks else Entry.NOT_REFUSED
    if session.meter == Session.Meter.GATEWAY:
        if is_out_of_money and (refused := requests.least_refused(session.pk)):
            amount, limit = refused
            if limit == GatewayRequest.RefusedBy.MONEY:
                amount = max(amount, min(amount + amount // 10, config.round_ceiling))
            return {"least_request": amount, "least_limit": limit}
        if not requests.was_answered(session.pk):
            return {}
    return Entry.NOT_REFUSED if session.meter else {}


def _facts(entry: Entry, session: Session, ending: Ending, config: configuration.Config) -> transitions.Facts:
    """`session`: as people left it."""
    account, has_passed = entry.account, ending.outcome == Session.Outcome.PASSED
    position = entry_routes.position_of(entry, config)
    failures, losses = _failures(entry) if ending.outcome in FAILURES else (entry.crashes, 0)
    return transitions.Facts(
        outcome=ending.outcome,
        message=ending.message,
        rounds_completed=entry.rounds_completed,
        budget_rounds=entry.budget_rounds,
        crashes=failures,
        losses=losses,
        headroom=account.headroom,
        awaited=awaited.of_account(account.pk) if account.held else 0,
        own_budget=account.own_budget or account.human_locked,
        plan_left=account.project.plan_left,
        min_round=config.min_round,
        least_request=int(entry.least_request) if entry.least_limit == GatewayRequest.RefusedBy.MONEY else 0,
        stopped_for_good=session.stop_for_good,
        stopped_by=session.stop_wanted_by,
        hold_after_by=session.hold_after_by,
        conflicts_in_a_row=_conflicts_in_a_row(entry) if ending.outcome == Session.Outcome.CONFLICT else 0,
        unchanged_in_a_row=rounds.unchanged_in_a_row(entry) if ending.outcome == Session.Outcome.NO_CHANGE else 0,
        improvements=[] if has_passed else _improvements(entry, position),
        has_next_step=position.has_next,
        plateau_rounds=config.plateau.rounds,
        plateau_epsilon=config.plateau.epsilon,
        verify_next=ending.verify_next,
        lands=bool(ending.lands),
        done=ending.done,
        on_hold="" if ending.lands or ending.done else ending.on_hold,  # what is verified lands: nothing more is spent on it
    )


def _go_on(entry: Entry, facts: transitions.Facts, config: configuration.Config, ending: Ending) -> None:
    """Let the next step of its route work on it, where its step is over."""
    position = entry_routes.position_of(entry, config)
    if route_steps.is_over(facts, failure=ending.failure, rounds=position.rounds, most=position.current.rounds):
        reason = route_steps.why_over(facts, failure=ending.failure, rounds=position.rounds)
        position = entry_routes.advance(entry, config, reason)
        entry.save(update_fields=[*entry_routes.COLUMNS])
        event = events.EntryStepped(step=position.step + 1, of=len(position.steps), agent=position.current.agent)
        activity.record(entry.workspace_id, event, by=MUSTER, object_id=entry.pk, reason=ending.message[:500])


def _improvements(entry: Entry, position: RoutePosition) -> list[float]:
    """Those of the rounds on this step of its route."""
    gains = rounds.improvements(entry)
    return gains if position.step == 0 else gains[-position.rounds :] if position.rounds else []


def _counted(ending: Ending) -> dict[str, Any]:
    if ending.verdict is not None:
        counted: dict[str, Any] = {"rounds_completed": F("rounds_completed") + 1, "has_rounds": True, "crashes": 0}
        return counted | {"next_work": Entry.Work.IMPLEMENT, "not_before": None, "provider_waits": 0}
    following = {"next_work": Entry.Work.VERIFY} if ending.verify_next else {}
    if ending.outcome in FAILURES:
        return following | {"crashes": F("crashes") + 1, "has_rounds": True}
    if ending.outcome == Session.Outcome.ASKED:
        return following | {"has_rounds": True}
    return following


def _failures(entry: Entry) -> tuple[int, int]:
    """The entry's failures that count, and how many of them are lost workers. One that was lost before another session ended otherwise counts no
    more: such an entry kills no workers."""
    ended = Session.objects.filter(entry=entry, status=Session.Status.ENDED).exclude(rounds__is_set_aside=True)
    stayed = ended.exclude(outcome__in=FAILURES).aggregate(last=Max("attempt"))["last"] or 0
    failed = ended.filter(outcome__in=FAILURES).order_by("-attempt").values_list("attempt", "outcome")[: entry.crashes]
    counted = [outcome for attempt, outcome in failed if outcome != Session.Outcome.LOST or attempt > stayed]
    return len(counted), counted.count(Session.Outcome.LOST)


def _conflicts_in_a_row(entry: Entry) -> int:
    """Count the entry's newest sessions in a row that ended in a merge conflict, up to 5."""
    newest = (
        Session.objects.filter(entry=entry, status=Session.Status.ENDED)
        .exclude(rounds__is_set_aside=True)
        .order_by("-attempt")
        .values_list("outcome", flat=True)[:5]
    )
    count = 0
    for outcome in newest:
        if outcome != Session.Outcome.CONFLICT:
            break
        count += 1
    return count
