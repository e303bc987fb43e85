"""L1 and L3: 8 processes charge one project, against one statement on bare tables that moves a capped counter and writes a row."""

import itertools
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from typing import Any

from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from bench.backlogs import a_workspace, fill, median, sql
from budget import ledger
from budget.amounts import usd
from budget.models import Account, Hold, LedgerEntry, Project
from workspaces.models import Workspace

WRITERS = 8
BLOCKS = 7
SECONDS = 2.0

REFERENCE = """WITH moved AS (UPDATE ref_project SET spent = spent + 100 WHERE id = 1 AND spent + 100 <= cap RETURNING id)
INSERT INTO ref_charge (key, project, amount) SELECT %s, id, 100 FROM moved"""

Charger = Callable[[], object]


def main() -> None:
    sql("CREATE TABLE ref_project (id int PRIMARY KEY, spent bigint, cap bigint)")
    sql(
        "CREATE TABLE ref_charge (id bigserial PRIMARY KEY, key text UNIQUE, project int, amount bigint, at timestamptz DEFAULT now())"
    )
    sql("INSERT INTO ref_project VALUES (1, 0, 1000000000000)")
    shop = a_workspace()
    fill(shop, WRITERS)
    accounts = list(Account.objects.filter(project_id=shop.pk).values_list("pk", flat=True))
    holds = [
        Hold.objects.create(project_id=shop.pk, account_id=pk, session_ref=f"bench{n}", amount=usd("0.5")).pk
        for n, pk in enumerate(accounts)
    ]
    _round_trips(shop, accounts[0], holds[0])
    connections.close_all()
    ours, reference = [], []
    for block in range(BLOCKS):
        ours.append(_rate(_ours, shop.pk, holds, block))
        reference.append(_rate(_reference, shop.pk, holds, block))
    ratio = median(ours) / median(reference)
    print(
        f"L1  {WRITERS} writers on one project: {median(ours):.0f} charges/s, one statement on bare tables: {median(reference):.0f}/s;"
        f" ratio {ratio:.2f}x (goal >= 0.5x)"
    )
    project = Project.objects.get(pk=shop.pk)
    booked = sum(LedgerEntry.objects.filter(project=project).values_list("amount", flat=True))
    assert project.total_spent == booked, "the counter is not the ledger"
    print(f"    counter and ledger agree on {LedgerEntry.objects.filter(project=project).count()} rows")


def _ours(workspace_id: str, hold_id: int, mark: str) -> Charger:
    hold = Hold.objects.select_related("project", "account").get(pk=hold_id)
    numbers = itertools.count()

    def charge() -> object:
        what = ledger.Charge(
            f"{mark}:{next(numbers)}", 100, LedgerEntry.PriceSource.REPORTED, model="some-model", input_tokens=10
        )
        return ledger.charge(
            hold.project, what, account=hold.account, reservation=hold, session_ref=mark, round_number=1, actor="agent"
        )

    return charge


def _reference(workspace_id: str, hold_id: int, mark: str) -> Charger:
    numbers = itertools.count()

    def charge() -> None:
        with connection.cursor() as cursor:
            cursor.execute(REFERENCE, [f"{mark}:{next(numbers)}"])

    return charge


def _rate(make: Callable[[str, int, str], Charger], workspace_id: str, holds: list[int], block: int) -> float:
    """Charges a second of all writers together."""
    context = multiprocessing.get_context("fork")
    gate, counts = context.Barrier(WRITERS), context.Queue()
    writers = [
        context.Process(target=_write, args=(make, workspace_id, hold, f"{make.__name__}{block}-{n}", gate, counts))
        for n, hold in enumerate(holds)
    ]
    for writer in writers:
        writer.start()
    done = sum(counts.get(timeout=60) for _ in writers)
    for writer in writers:
        writer.join(30)
    return done / SECONDS


def _write(make: Callable[[str, int, str], Charger], workspace_id: str, hold: int, mark: str, gate: Barrier, counts: Any) -> None:
    charge = make(workspace_id, hold, mark)
    charge()
    gate.wait(30)
    done, until = 0, time.monotonic() + SECONDS
    while time.monotonic() < until:
        charge()
        done += 1
    counts.put(done)
    connections.close_all()


def _round_trips(shop: Workspace, account: str, hold: int) -> None:
    charge = _ours(shop.pk, hold, "counted")
    with CaptureQueriesContext(connection) as asked:
        charge()
    print(
        f"L3  a charge is {len(asked)} round trip, a transaction of its own: the project's row is locked within it"
        f" ({asked[0]['sql'].split(' (')[0]}; goal 1)"
    )
    assert len(asked) == 1 and not connection.in_atomic_block and account
