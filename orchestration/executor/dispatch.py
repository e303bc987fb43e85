"""A cycle: snapshot, plan, and claims in a constant number of statements.

One transaction that holds the executor's row: two cycles of a workspace never run at once, and a crashed cycle leaves no partial result.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog
from django.db import IntegrityError, connection, transaction

from orchestration import funding
from orchestration.backlog import completion, entry_state, unproven
from orchestration.backlog.files import locks, paths
from orchestration.configuration import DEFAULT
from orchestration.executor import agent_choice, snapshot
from orchestration.executor import plan as planning
from orchestration.executor import stats as executor_stats
from orchestration.executor.plan import Block, CycleInput, Decision, Park, Start
from orchestration.facts import events
from orchestration.facts.reasons import Reason
from orchestration.landing import branch
from orchestration.messaging import wake_ups
from orchestration.models import Entry, FileLock, sql_dialect
from workspaces import activity
from workspaces.access import MUSTER
from workspaces.machine import release
from workspaces.models import Event
from workspaces.values import ids

log = structlog.get_logger(__name__)

# Passes of one cycle. A cycle that has used them up enqueues the next one.
MAX_PASSES = 20
# Entries that one pass reads beyond the free slots, at most.
MAX_MARGIN = 1000


@dataclass(slots=True)
class Cycle:
    """The result of a cycle."""

    cycle_input: CycleInput
    decisions: list[Decision] = field(default_factory=list)
    limit: int = 0
    """How many entries a pass reads."""

    @property
    def started(self) -> list[Start]:
        return [decision for decision in self.decisions if isinstance(decision, Start)]


def cycle(workspace_id: str) -> Cycle:
    """Dispatch the entries that can start now. Reads on past parked and blocked entries while slots are free, each time farther."""
    with structlog.contextvars.bound_contextvars(workspace=workspace_id):
        return _cycle(workspace_id)


def _cycle(workspace_id: str) -> Cycle:
    began = time.monotonic()
    moved, margin = branch.observe(workspace_id), snapshot.MARGIN
    done = latest = _pass(workspace_id, margin, moved)
    for _ in range(MAX_PASSES - 1):
        if not _reads_on(latest):
            break
        margin = min(margin * 4, MAX_MARGIN)
        latest = _pass(workspace_id, margin, moved)
        done.decisions += latest.decisions
    if _reads_on(latest):
        wake_ups.enqueue_cycle(workspace_id)
    if done.cycle_input.has_unproven and unproven.settle(workspace_id):
        wake_ups.enqueue_cycle(workspace_id)
    if done.decisions:
        wake_ups.publish_change(workspace_id, "executor", "workers", "entries", "locks", "budget")
    executor_stats.record_cycle(workspace_id, _stats_record(done, time.monotonic() - began))
    return done


def _reads_on(latest: Cycle) -> bool:
    """Entries left the line and slots are free: entries behind those that were read may be able to start. Each such pass makes the line
    shorter: also one that took the last slot of a host for which others wait."""
    cleared = any(isinstance(decision, (Park, Block)) for decision in latest.decisions)
    is_full = bool(latest.started) and len(latest.decisions) >= latest.limit
    return (cleared or is_full) and len(latest.started) < latest.cycle_input.free_slots


def _stats_record(done: Cycle, seconds: float) -> dict[str, Any]:
    """The cycle's record for `stats`."""
    waits = Counter(decision.why.code for decision in done.decisions if not isinstance(decision, Start))
    return {
        "at": round(time.time(), 3),
        "ms": round(seconds * 1000, 1),
        "state": done.cycle_input.state,
        "free": done.cycle_input.free_slots,
        "looked": len(done.decisions),
        "started": len(done.started),
        "waits": dict(waits),
    }


def _pass(workspace_id: str, margin: int, moved: str) -> Cycle:
    """One transaction. When a cap was lowered or a path locked meanwhile, the database refuses it, and the pass is repeated. `moved`: why
    nothing may start from the integration branch as it is now.
    """
    for attempt in range(3):
        try:
            with transaction.atomic():
                return _try(workspace_id, margin, moved)
        except IntegrityError as refusal:
            log.info("cycle.refused", attempt=attempt, why=str(refusal).split("\n")[0])
    return Cycle(snapshot.cycle_input(workspace_id, lock=False))


def _try(workspace_id: str, margin: int, moved: str) -> Cycle:
    cycle_input = snapshot.cycle_input(workspace_id, lock=True)
    if moved and not cycle_input.integration:
        cycle_input = replace(cycle_input, integration=moved)
    if cycle_input.state != "running" or cycle_input.free_slots == 0:
        return Cycle(cycle_input)
    limit = cycle_input.free_slots + margin
    line = snapshot.line(workspace_id, cycle_input, limit)
    if not line:
        return Cycle(cycle_input)
    cycle_input = snapshot.with_money(cycle_input, workspace_id, line)
    cycle_input = snapshot.with_locks(cycle_input, workspace_id, line)
    decisions = planning.plan(cycle_input, line)
    carry_out(workspace_id, cycle_input, decisions)
    return Cycle(cycle_input, decisions, limit)


def carry_out(workspace_id: str, cycle_input: CycleInput, decisions: Sequence[Decision]) -> None:
    """The caller's transaction holds the executor's row. Raises IntegrityError when an entry has left the line meanwhile."""
    starts = [_Started(decision) for decision in decisions if isinstance(decision, Start)]
    blocks = [decision for decision in decisions if isinstance(decision, Block)]
    parks = [decision for decision in decisions if isinstance(decision, Park)]
    if starts:
        _raise_shares(workspace_id, starts)
        _open_reservations(workspace_id, starts)
        _open_sessions(workspace_id, cycle_input, starts)
        _record_fallbacks(workspace_id, starts)
        _take_locks(workspace_id, cycle_input, starts)
    if starts or blocks or parks:
        _move_entries(cycle_input, starts, blocks, parks)
        entry_state.roll_up([*(started.entry.parent for started in starts), *(block.entry.parent for block in blocks)])
    if starts:
        wake_ups.enqueue_sessions([(claim.session, claim.attempt, claim.host) for started in starts for claim in started.claims])
    if blocks:
        locks.release(workspace_id, [block.entry.id for block in blocks])
        titles = {entry.pk: entry.title for entry in Entry.objects.filter(pk__in=[b.entry.id for b in blocks]).only("content")}
        Event.objects.bulk_create(
            activity.row(
                workspace_id,
                events.EntryBlocked(code=b.why.code, entry=b.entry.id, seq=b.entry.seq, title=titles[b.entry.id]),
                by=MUSTER,
                object_id=b.entry.id,
                reason=b.why.message,
            )
            for b in blocks
        )
        if any(block.why.code == Reason.PROJECT_BUDGET_EXCEEDED for block in blocks):
            funding.mark_due(workspace_id)
        wake_ups.enqueue_deliveries()
        completion.record_finished(workspace_id, before=completion.RUNNING)


class _Claim(NamedTuple):
    session: str
    attempt: int
    candidate: int
    host: str


class _Started:
    """An entry that starts, with the claims of its sessions: one, or one for each candidate."""

    def __init__(self, start: Start) -> None:
        self.start, self.entry = start, start.entry
        several = len(start.hosts) > 1
        self.claims = [
            _Claim(ids.session(), start.entry.attempts + n, n if several else 0, host)
            for n, host in enumerate(start.hosts, start=1)
        ]

    @property
    def reservation(self) -> int:
        """The money of all its sessions, in micro-USD."""
        return self.start.reservation * len(self.claims)


_Starts = Sequence[_Started]


def _raise_shares(workspace_id: str, starts: _Starts) -> None:
    """A share follows what its entry reserves: it says who goes first, it is no limit."""
    reservations = {s.entry.id: s.reservation for s in starts if s.reservation}
    if any(not s.entry.own_budget and s.reservation > s.entry.headroom for s in starts):
        funding.raise_shares(workspace_id, reservations)


def _open_reservations(workspace_id: str, starts: _Starts) -> None:
    """A trigger adds the amounts to the accounts and the project, or refuses all of them."""
    reservations = [
        {"entry": s.entry.id, "session": claim.session, "number": claim.candidate, "amount": s.start.reservation}
        for s in starts
        if s.reservation
        for claim in s.claims
    ]
    if reservations:
        source = sql_dialect.table("v", {"entry": "text", "session": "text", "number": "bigint", "amount": "bigint"})
        _execute(
            f"""INSERT INTO budget_hold (project_id, account_id, session_ref, number, amount, drawn, state)
            SELECT %s, v.entry, v.session, v.number, v.amount, 0, 'open' FROM {source}""",
            [workspace_id, sql_dialect.packed(reservations)],
        )


_CLAIMED = ("candidate", "work", "host_id", "agent_name", "effort", "choice", "is_plan", "credential", "model_family")


def _open_sessions(workspace_id: str, cycle_input: CycleInput, starts: _Starts) -> None:
    """Sets only the columns that a claim decides; every other column of a session has a default in the database."""
    types = {"attempt": "bigint", "candidate": "bigint", "is_plan": "boolean", "choice": "jsonb"}
    source = sql_dialect.table("v", {name: types.get(name, "text") for name in ("entry", "session", "attempt", *_CLAIMED)})
    claims = [_columns(cycle_input, started.start, claim) for started in starts for claim in started.claims]
    _execute(
        f"""INSERT INTO orchestration_session (id, workspace_id, entry_id, attempt, {", ".join(_CLAIMED)}, version, hold_id, enqueued_at)
        SELECT v.session, %s, v.entry, v.attempt, {", ".join(f"v.{name}" for name in _CLAIMED)}, '{release.NUMBER}', h.id, {sql_dialect.now()}
        FROM {source} LEFT JOIN budget_hold h ON h.session_ref = v.session""",
        [workspace_id, sql_dialect.packed(claims)],
    )


def _choice(cycle_input: CycleInput, start: Start) -> dict[str, Any]:
    """For its session: which agents there were, and why this one. Empty where there was no other."""
    entry, agents = start.entry, cycle_input.agents
    if entry.verify_only:
        return {}
    return agent_choice.logged(
        agents,
        start.closed,
        own=entry.agent,
        chosen=start.agent,
        ceilings={name: planning.ceiling_of(name, cycle_input) for name in agents.of(entry.agent).chain},
        step=(entry.step, entry.steps, entry.step_reason),
        effort=entry.effort,
        at=datetime.now(UTC),
    )


def _columns(cycle_input: CycleInput, start: Start, claim: _Claim) -> dict[str, Any]:
    entry, terms = start.entry, cycle_input.agents.of(start.agent)
    return {
        "entry": entry.id,
        "session": claim.session,
        "attempt": claim.attempt,
        "candidate": claim.candidate,
        "work": "verify" if entry.verify_only else "implement",
        "host_id": claim.host,
        "agent_name": start.agent,
        "effort": entry.effort,
        "choice": _choice(cycle_input, start),
        "is_plan": terms.is_plan,
        "credential": terms.access.credential,
        "model_family": terms.access.family,
    }


def _record_fallbacks(workspace_id: str, starts: _Starts) -> None:
    Event.objects.bulk_create(
        activity.row(
            workspace_id,
            events.AgentFellBack(entry=s.entry.id, agent=s.start.agent or DEFAULT, instead_of=s.entry.agent or DEFAULT),
            by=MUSTER,
            object_id=s.entry.id,
            reason=s.start.instead,
        )
        for s in starts
        if s.start.agent != s.entry.agent
    )


def _take_locks(workspace_id: str, cycle_input: CycleInput, starts: _Starts) -> None:
    """Sorted, so that two transactions never deadlock. Locks kept from an entry's last round stay."""
    kept = set(cycle_input.locks)
    for started in starts:
        kept |= _take_over(workspace_id, cycle_input, started.start)
    to_lock = sorted((path, s.entry.id) for s in starts for path in s.entry.paths if (path, s.entry.id) not in kept)
    if to_lock:
        source = sql_dialect.table("v", {"path": "text", "entry": "text"})
        _execute(
            f"INSERT INTO orchestration_filelock (workspace_id, path, entry_id) SELECT %s, v.path, v.entry FROM {source}",
            [workspace_id, sql_dialect.packed({"path": path, "entry": entry} for path, entry in to_lock)],
        )


def _take_over(workspace_id: str, cycle_input: CycleInput, start: Start) -> set[tuple[str, str]]:
    """The locks of work that its own contains, or that waits for it, where it needs their paths: they are its own from now on, as wide as they were."""
    entry, givers = start.entry, cycle_input.passing_on.get(start.entry.id, frozenset())
    overlapping = {
        path
        for path, holder in cycle_input.locks
        if holder in givers and any(paths.covers(path, own) or paths.covers(own, path) for own in entry.paths)
    }
    if not overlapping:
        return set()
    given = FileLock.objects.filter(workspace_id=workspace_id, path__in=overlapping, entry__in=givers)
    given.update(entry=entry.id)
    Entry.objects.filter(pk__in=givers).update(parked_behind=None)
    covered = {own for own in entry.paths if any(paths.covers(path, own) for path in overlapping)}
    return {(path, entry.id) for path in overlapping | covered}


def _move_entries(cycle_input: CycleInput, starts: _Starts, blocks: Sequence[Block], parks: Sequence[Park]) -> None:
    """Started, blocked and parked entries in one statement. When an entry left `pending` meanwhile, the pass is repeated."""
    moves = [
        *(
            {
                "id": s.entry.id,
                "status": "in_progress",
                "tries": len(s.claims),
                "host": s.start.hosts[0],
                "shared": _stays_shared(cycle_input, s.start),
            }
            for s in starts
        ),
        *({"id": b.entry.id, "status": "blocked", "tries": 0, "code": b.why.code, "message": b.why.message} for b in blocks),
        *({"id": p.entry.id, "status": "pending", "tries": 0, "behind": p.behind} for p in parks),
    ]
    shape = {
        "id": "text",
        "status": "text",
        "tries": "bigint",
        "code": "text",
        "message": "text",
        "behind": "text",
        "host": "text",
        "shared": "boolean",
    }
    moved = _execute(
        f"""UPDATE orchestration_entry AS e SET status = v.status, attempts = e.attempts + v.tries,
            parked_behind_id = v.behind, reason_code = coalesce(v.code, ''), reason_message = coalesce(v.message, ''),
            host_id = coalesce(nullif(v.host, ''), e.host_id), is_shared = coalesce(v.shared, e.is_shared),
            reason_at = {sql_dialect.now()}, updated_at = {sql_dialect.now()}
        FROM {sql_dialect.table("v", shape)} WHERE e.id = v.id AND e.status = 'pending'""",
        [sql_dialect.packed(moves)],
    )
    if moved != len(moves):
        raise IntegrityError("an entry moved while the cycle was deciding")


def _stays_shared(cycle_input: CycleInput, start: Start) -> bool:
    """True if other hosts can have the entry's newest work. A session that shares what was not shared sets this itself."""
    return cycle_input.are_several and (start.entry.is_shared or not start.entry.has_rounds)


def _execute(sql: str, parameters: Sequence[str]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)
