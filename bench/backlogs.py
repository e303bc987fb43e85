"""Backlogs of any size, written by the database itself, and clocks that look at it."""

import statistics
import time
from collections.abc import Callable

from django.db import connection

from budget.amounts import usd
from budget.limits import caps
from orchestration.models import Executor, Worker
from workspaces.models import Workspace
from workspaces.values import ids


def sql(statement: str, *parameters: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def a_workspace(*, max_workers: int = 500) -> Workspace:
    workspace = Workspace.objects.create(name="bench", repo="/nowhere", base_branch="main")
    caps.open_project(workspace.pk, total_budget=usd(10**8), max_project_spend=usd(10**8))
    Executor.objects.create(workspace=workspace, state="running", config={"max_workers": max_workers})
    return workspace


def a_worker() -> None:
    """Online for as long as any benchmark runs."""
    Worker.objects.create(id=ids.session(), queue="sessions", host="h", boot_id="b", pid=1, started_ticks=1, slots=10_000)
    sql("UPDATE orchestration_worker SET seen_at = now() + interval '1 day'")


NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT CAST(%s AS int) UNION ALL SELECT n + 1 FROM numbers WHERE n < CAST(%s AS int))"
ID = "'entry_' || %s || substr(CAST(1000000000000 + n AS text), 2)"


def fill(workspace: Workspace, count: int, *, status: str = "pending", files: int = 3, unmet: int = 0) -> None:
    """Entries with accounts of $1 and `files` paths each, in two statements, on either database."""
    first = Executor.objects.get(pk=workspace.pk).last_seq
    tag, bounds = workspace.pk[-6:], (first + 1, first + count)
    listed = " || ', ' || ".join(f"""'"src/d' || (n %% 1000) || '/f' || n || '_{k}.py"'""" for k in range(1, files + 1)) or "''"
    paths = f"'[' || {listed} || ']'"
    if connection.vendor == "postgresql":
        paths = f"CAST({paths} AS jsonb)"
    sql(
        f"""INSERT INTO budget_account (id, project_id, budget, human_locked, locked_by, locked_reason, spent, interceptor_spent, held)
        {NUMBERS} SELECT {ID}, %s, 1000000, false, '', '', 0, 0, 0 FROM numbers""",
        *bounds,
        tag,
        workspace.pk,
    )
    sql(
        f"""INSERT INTO orchestration_entry (id, workspace_id, account_id, seq, type, content, spec, spec_frozen, paths, status,
            reason_code, reason_message, priority, parallelizable, parallel_group, budget_rounds, rounds_completed,
            unmet_dependencies, has_rounds, next_work, attempts, crashes, created_by, assigned_to, updated_at, done_way, done_by)
        {NUMBERS} SELECT {ID}, %s, {ID}, n, 'task', 'do ' || n, '{{}}', false, {paths},
            %s, CASE WHEN %s IN ('blocked', 'failed') THEN 'human_hold' ELSE '' END, '', 2, true, '', 5, 0, %s, false, 'implement',
            0, 0, '', '', CURRENT_TIMESTAMP, CASE WHEN %s = 'done' THEN 'closed' ELSE '' END, 'bench'
        FROM numbers""",
        *bounds,
        tag,
        workspace.pk,
        tag,
        status,
        status,
        unmet,
        status,
    )
    Executor.objects.filter(pk=workspace.pk).update(last_seq=first + count)
    sql("ANALYZE")


def end_sessions(workspace: Workspace) -> None:
    """As if all of them had passed."""
    sql(
        "UPDATE orchestration_session SET status = 'ended', ended_by_version = '0.2.0', outcome = 'passed' WHERE workspace_id = %s AND status <> 'ended'",
        workspace.pk,
    )
    sql("UPDATE budget_hold SET state = 'settled' WHERE project_id = %s AND state = 'open'", workspace.pk)
    sql("DELETE FROM orchestration_filelock WHERE workspace_id = %s", workspace.pk)
    sql(
        "UPDATE orchestration_entry SET status = 'done', done_way = 'closed', done_by = 'bench' WHERE workspace_id = %s AND status = 'in_progress'",
        workspace.pk,
    )


def milliseconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def buffers(act: Callable[[], object]) -> int:
    """Pages that the database touched meanwhile, hit or read."""
    before = _touched()
    act()
    return _touched() - before


def _touched() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT 1")
        cursor.execute(
            "SELECT pg_stat_clear_snapshot(), blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()"
        )
        return int(cursor.fetchone()[1])


def median(values: list[float]) -> float:
    return statistics.median(values)
