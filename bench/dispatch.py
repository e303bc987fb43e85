"""D1, D2 and P15. The reference of D1 does claim, three lock rows, session row and counter for 50 entries in one statement, on bare tables;
that of P15 publishes 50 tasks with Celery, and does nothing else."""

import time
from typing import Any
from unittest.mock import patch

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bench.backlogs import a_worker, a_workspace, end_sessions, fill, median, milliseconds, sql
from config.celery import app
from orchestration.executor import dispatch
from orchestration.messaging import wake_ups
from workspaces.models import Workspace

BATCH = 50
TIMES = 40
FRAME = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")

REFERENCE = """
WITH picked AS (SELECT id FROM ref_entry WHERE ready ORDER BY priority, id LIMIT %s FOR UPDATE),
    claimed AS (UPDATE ref_entry e SET ready = false, attempt = attempt + 1 FROM picked WHERE e.id = picked.id RETURNING e.id),
    locked AS (INSERT INTO ref_lock SELECT id || '/' || k, id FROM claimed, generate_series(1, 3) k RETURNING 1),
    opened AS (INSERT INTO ref_session (entry) SELECT id FROM claimed RETURNING 1)
UPDATE ref_counter SET held = held + (SELECT count(*) FROM claimed) * 1000000 WHERE held < 1e15"""


def main() -> None:
    _reference_tables()
    a_worker()
    shop = a_workspace(max_workers=BATCH)
    fill(shop, BATCH * (TIMES + 5))
    with patch.object(wake_ups, "enqueue_sessions"), patch.object(wake_ups, "publish_change"):
        ours, whole, reference = [], [], []
        for n in range(TIMES + 3):
            with InDatabase() as spent:
                all_of_it = milliseconds(lambda: _expect(shop, BATCH))
            end_sessions(shop)
            other = milliseconds(_one_statement)
            if n >= 3:  # warm
                ours.append(spent.milliseconds)
                whole.append(all_of_it)
                reference.append(other)
        _statements()
    ratio = median(reference) / median(ours)
    print(f"D1  cycle of {BATCH}: {median(ours):.2f} ms in the database ({median(whole):.2f} ms with planning)")
    print(f"    one statement: {median(reference):.2f} ms; ratio {ratio:.2f}x (goal >= 0.25x)")
    _hand_over(shop)


def _hand_over(shop: Workspace) -> None:
    """A cycle with the messages that wake the session workers, beside publishing as many messages alone."""
    ours, bare = [], []
    for n in range(TIMES // 2 + 3):
        fill(shop, BATCH)
        whole, alone = milliseconds(lambda: _expect(shop, BATCH)), milliseconds(_publish)
        end_sessions(shop)
        if n >= 3:
            ours.append(whole)
            bare.append(alone)
    ratio = median(bare) / median(ours)
    print(
        f"P15 dispatch of {BATCH} with hand-over: {median(ours):.1f} ms; {BATCH} bare publishes: {median(bare):.1f} ms; ratio {ratio:.2f}x (goal 0.8x)"
    )


def _publish() -> None:
    for n in range(BATCH):
        app.send_task(wake_ups.SESSION_TASK, args=[f"sess_{n}", 1], queue="bench", ignore_result=True)


class InDatabase:
    """The time that statements and commits took meanwhile."""

    def __enter__(self) -> "InDatabase":
        self.milliseconds = 0.0
        self._wrapper = connection.execute_wrapper(self._timed)
        self._wrapper.__enter__()
        self._commit = connection._commit
        connection._commit = self._timed_commit
        return self

    def __exit__(self, *_: object) -> None:
        connection._commit = self._commit
        self._wrapper.__exit__(None, None, None)

    def _timed(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.milliseconds += (time.perf_counter() - began) * 1000

    def _timed_commit(self) -> None:
        self.milliseconds += milliseconds(self._commit)


def _expect(shop: Workspace, number: int) -> None:
    started = len(dispatch.cycle(shop.pk).started)
    assert started == number, f"{started} dispatched, not {number}"


def _statements() -> None:
    for number in (1, 20, 500):
        shop = a_workspace()
        fill(shop, number)
        with CaptureQueriesContext(connection) as context:
            _expect(shop, number)
        asked = [q["sql"] for q in context.captured_queries if not q["sql"].startswith(FRAME)]
        print(f"D2  statements in a cycle that dispatches {number:3}: {len(asked)} (goal <= 8)")
        end_sessions(shop)


def _one_statement() -> None:
    with transaction.atomic():
        sql(REFERENCE, BATCH)


def _reference_tables() -> None:
    sql("CREATE TABLE ref_entry (id text PRIMARY KEY, priority int, ready bool, attempt int)")
    sql("CREATE INDEX ON ref_entry (priority, id) WHERE ready")
    sql("CREATE TABLE ref_lock (path text PRIMARY KEY, entry text)")
    sql("CREATE TABLE ref_session (id bigserial PRIMARY KEY, entry text UNIQUE)")
    sql("CREATE TABLE ref_counter (held bigint)")
    sql("INSERT INTO ref_counter VALUES (0)")
    sql("INSERT INTO ref_entry SELECT 'e' || lpad(n::text, 8, '0'), 1, true, 0 FROM generate_series(1, 10000) n")
