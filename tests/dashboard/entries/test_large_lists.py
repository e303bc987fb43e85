"""Lists of a large backlog: counts that stop, and statements that read indexes alone."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from budget.amounts import usd
from budget.models import Account
from dashboard.shared import counts
from orchestration.backlog import entries
from orchestration.backlog.entries import Draft
from orchestration.models import Entry
from tests.dashboard.entries.test_list import at, rail, walk
from tests.factories import ANA, a_workspace
from workspaces.models import Workspace


def test_counts_of_what_has_no_reason_stop_at_the_limit(ana: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = backlog(5, blocked=4)
    monkeypatch.setattr(counts, "COUNTED_TO", 3)
    shown = rail(ana, workspace)
    assert (shown["All"], shown["Ready"], shown["Blocked"], shown["Failed"]) == ("3+", "3+", "3+", "0")
    assert rail(ana, workspace, q="task 1")["Ready"] == "1"
    page = ana.get(f"/w/{workspace.pk}/").context
    assert (page["tally"]["ready"], page["tally"]["blocked"]) == (4, 4)


def test_every_order_shows_each_entry_once(ana: Client) -> None:
    workspace = backlog(120)
    Account.objects.filter(project=workspace.pk, entry__seq__lte=70).update(spent=usd(1))
    numbers = dict(Entry.objects.filter(workspace=workspace).values_list("pk", "seq"))
    for sort, first in (("spent", 71), ("-spent", 70), ("-updated", None), ("rounds", 1), ("-score", 120)):
        seen = [numbers[pk] for pk in walk(ana, workspace, sort=sort)]
        assert sorted(seen) == list(range(1, 121)), sort
        assert first in (seen[0], None), sort


def test_what_a_page_counts_is_read_from_indexes_alone(ana: Client) -> None:
    workspace = backlog(3)
    for page in (f"/w/{workspace.pk}/", at(workspace)):
        [counting] = [sent for sent in statements(ana, page) if ") counted)" in sent[0]]
        read = [line for line in plan(*counting) if " on orchestration_entry" in line or "SEARCH" in line]
        by_index = " USING COVERING INDEX " if connection.vendor == "sqlite" else " using "
        assert read and all(by_index in line for line in read), read


def backlog(count: int, *, blocked: int = 0) -> Workspace:
    """`count` ready entries, and some that are blocked."""
    workspace = a_workspace()
    entries.add(workspace.pk, [Draft(f"task {n}", budget=usd(1)) for n in range(1, count + blocked + 1)], by=ANA)
    Entry.objects.filter(workspace=workspace, seq__gt=count).update(status="blocked", reason_code="human_hold")
    return workspace


def statements(client: Client, page: str) -> list[tuple[str, Any]]:
    """The statements of a page with their parameters: SQLite chooses an index before it sees them."""
    sent: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        sent.append((sql, parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        client.get(page)
    return sent


def plan(statement: str, parameters: Any) -> list[str]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # it reads a small table whole, unless it may not
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(("EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN ") + statement, parameters)
        return [str(row[-1]) for row in cursor.fetchall()]
