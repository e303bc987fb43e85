"""What a cycle reads: the world, and as much of the ready line as its free slots need. Four statements, whatever the backlog holds."""

import json
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db import connection

from budget import limits
from orchestration import configuration
from orchestration.backlog import locks
from orchestration.executor.limits import Cap
from orchestration.executor.plan import Running, Waiting, World
from orchestration.models import sql_dialect

# More than the free slots, since some of those in line may have to be parked or blocked on the way.
MARGIN = 8

_COLUMNS = """e.id, e.seq, a.budget - a.spent - a.held, e.status, e.reason_code, e.reason_message, e.unmet_dependencies,
    e.rounds_completed, e.budget_rounds, e.paths, e.parallelizable, e.parallel_group, e.next_work, e.has_rounds,
    e.attempts, e.priority, a.own_budget"""


def _columns() -> str:
    return f"{_COLUMNS}, {sql_dialect.seconds_until('e.not_before')}"


def world(workspace_id: str, *, lock: bool) -> World:
    """The workspace as it is now, without locks on files. `lock`: keep other cycles of the workspace out until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT x.state, x.config, p.max_project_spend - p.total_spent - p.held,
                (SELECT coalesce(sum(w.slots), 0) FROM orchestration_worker w
                    WHERE w.queue = 'sessions' AND w.seen_at > {sql_dialect.seconds_ago(settings.LEASE_S / 2)}),
                (SELECT count(*) FROM orchestration_session s WHERE s.status IN ('claimed', 'running')),
                x.trouble_code, x.trouble_message, {sql_dialect.seconds_until("x.trouble_until")},
                l.category, l.period, l.amount, l.amount - {limits.spent_sql()} - {limits.held_sql()}
            FROM orchestration_executor x JOIN budget_project p ON p.workspace_id = x.workspace_id
            LEFT JOIN budget_limit l ON l.project_id = p.workspace_id AND l.category IN ('total', 'entry')
            WHERE x.workspace_id = %s {sql_dialect.for_update("x") if lock else ""}""",
            [workspace_id],
        )
        found = cursor.fetchall()  # a row for each limit; one without, when there is none
        state, stored, headroom, slots, busy_everywhere, trouble, trouble_message, trouble_wait_s = found[0][:8]
        caps = tuple(Cap(category, period, amount, int(left)) for *_, category, period, amount, left in found if category)
        cursor.execute(
            """SELECT s.entry_id, e.parallelizable, e.parallel_group FROM orchestration_session s
            JOIN orchestration_entry e ON e.id = s.entry_id
            WHERE s.workspace_id = %s AND s.status IN ('claimed', 'running')""",
            [workspace_id],
        )
        running = tuple(Running(entry, bool(alone), group) for entry, alone, group in cursor.fetchall())
    config = configuration.load(_json(stored))
    return World(
        state=state,
        max_workers=config.max_workers,
        worker_slots=int(slots),
        free_slots=max(0, min(config.max_workers - len(running), int(slots) - busy_everywhere)),
        headroom=headroom,
        min_round=config.min_round,
        round_ceiling=config.round_ceiling,
        min_verify=configuration.micro(config.verifier.round_usd) if config.verifier else 0,
        slice=config.hold_slice,
        caps=caps,
        running=running,
        trouble=trouble,
        trouble_message=trouble_message,
        trouble_wait_s=max(trouble_wait_s or 0.0, 0.0),
    )


def line(workspace_id: str, limit: int) -> list[Waiting]:
    """The head of the ready line, in its order, from its partial index."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT {_columns()} FROM orchestration_entry e JOIN budget_account a ON a.id = e.account_id
            {_ready("e")} LIMIT %s""",
            [workspace_id, limit],
        )
        return [_waiting(row) for row in cursor.fetchall()]


def _ready(e: str) -> str:
    """The ready line of the workspace that is the parameter."""
    return f"""WHERE {e}.workspace_id = %s AND {e}.status = 'pending' AND {e}.unmet_dependencies = 0
                AND {e}.parked_behind_id IS NULL AND {e}.deleted_at IS NULL
                AND ({e}.not_before IS NULL OR {e}.not_before <= {sql_dialect.now()})
            ORDER BY {e}.workspace_id, {e}.has_rounds DESC, {e}.priority, {e}.seq"""


def unfinished(
    workspace_id: str, *, after: tuple[int, ...] = (), entry_ids: list[str] | None = None, ahead: int = 0, limit: int = 500
) -> list[Waiting]:
    """Entries that are not done and have no session, for `explain`: in the executor's order; or those named, and the first `ahead` of the
    ready line."""
    named, among = "", []
    if entry_ids is not None:
        head = f"SELECT r.id FROM orchestration_entry r {_ready('r')} LIMIT %s"
        named, among = (
            f"AND ({sql_dialect.among('e.id')} OR e.id IN ({head}))",
            [sql_dialect.values(entry_ids), workspace_id, ahead],
        )
    with connection.cursor() as cursor:
        beyond = "AND (1 - e.has_rounds::int, e.priority, e.seq) > (%s, %s, %s)" if after else ""
        if connection.vendor == "sqlite":
            beyond = beyond.replace("e.has_rounds::int", "e.has_rounds")
        cursor.execute(
            f"""SELECT {_columns()} FROM orchestration_entry e JOIN budget_account a ON a.id = e.account_id
            WHERE e.workspace_id = %s AND e.status IN ('pending', 'blocked', 'failed') AND e.deleted_at IS NULL {named} {beyond}
            ORDER BY e.has_rounds DESC, e.priority, e.seq LIMIT %s""",
            [workspace_id, *among, *after, limit],
        )
        return [_waiting(row) for row in cursor.fetchall()]


def with_locks(seen: World, workspace_id: str, entries: list[Waiting]) -> World:
    """The world, with the locks that stand in the way of these entries."""
    wanted = [path for entry in entries for path in entry.paths]
    return replace(seen, locks=tuple(locks.overlapping(workspace_id, wanted)))


def _waiting(row: tuple[Any, ...]) -> Waiting:
    (
        id_,
        seq,
        headroom,
        status,
        code,
        message,
        unmet,
        made,
        budgeted,
        paths,
        parallelizable,
        group,
        work,
        has_rounds,
        attempts,
        priority,
        own_budget,
        wait_s,
    ) = row
    return Waiting(
        id=id_,
        seq=seq,
        headroom=headroom,
        status=status,
        reason_code=code,
        reason_message=message,
        unmet_dependencies=unmet,
        rounds_completed=made,
        budget_rounds=budgeted,
        paths=tuple(_json(paths)),
        parallelizable=bool(parallelizable),
        parallel_group=group,
        verify_only=work == "verify",
        has_rounds=bool(has_rounds),
        attempts=attempts,
        priority=priority,
        own_budget=bool(own_budget),
        wait_s=max(wait_s or 0.0, 0.0),
    )


def _json(value: Any) -> Any:
    """Django's raw cursors give JSON columns as text."""
    return json.loads(value) if isinstance(value, str) else value
