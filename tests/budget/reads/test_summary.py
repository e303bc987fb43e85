"""The budget answer: written by the database in one statement, and its tag changes with whatever it shows."""

import json
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, Project, RoundSpend
from budget.reads import queries, summary
from orchestration.backlog import entries, entry_actions
from orchestration.models import Entry
from tests.factories import ANA, a_charge, a_session, a_workspace, an_entry, ended, project
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def money(entry: Entry) -> Account:
    return Account.objects.get(pk=entry.pk)


CHANGES: dict[str, Callable[[Entry], object]] = {
    "a charge": lambda entry: a_charge(entry, "0.25"),
    "a planner's charge": lambda entry: a_charge(None, "0.25", category="orchestrator", round=None, in_=entry.workspace),
    "the cap": lambda entry: caps.set_project(project(entry.workspace), "max_project_spend", usd("7"), by=ANA),
    "a budget": lambda entry: caps.edit(money(entry), usd("3"), by=ANA),
    "a lock": lambda entry: caps.toggle_lock(money(entry), by=ANA),
    "another entry": lambda entry: an_entry(entry.workspace),
    "an entry less": lambda entry: entries.delete(entry, by=ANA),
    "a round": lambda entry: a_session(entry),
    "a round less": lambda entry: RoundSpend.objects.filter(account=entry.account).delete(),
    "a save that carries an old version": lambda entry: Project(
        pk=entry.workspace_id, total_budget=1, max_project_spend=1, version=0
    ).save(force_update=True, update_fields=["total_budget", "version"]),
}


@pytest.fixture
def entry() -> Entry:
    created = an_entry(a_workspace(), budget="5")
    a_charge(created, "0.1")
    return created


@pytest.mark.parametrize("change", CHANGES)
def test_the_tag_changes_with(change: str, entry: Entry) -> None:
    before = summary.tag(entry.workspace_id)
    CHANGES[change](entry)
    assert summary.tag(entry.workspace_id) != before


def test_the_tag_changes_with_what_a_round_improved(entry: Entry) -> None:
    session = a_session(entry)
    before = summary.write(entry.workspace_id)
    ended(session, score=0.5)
    after = summary.write(entry.workspace_id)
    assert after.tag != before.tag
    assert json.loads(after.body)["entries"][0]["rounds"][-1]["improvement_score"] == 0.5


def test_the_tag_stays_while_nothing_changes(entry: Entry) -> None:
    before = summary.tag(entry.workspace_id)
    an_entry(a_workspace())
    entry_actions.set_priority(entry, Entry.Priority.HIGH, by=ANA)
    assert summary.tag(entry.workspace_id) == before


def test_a_summary_is_cached_while_it_is_current(entry: Entry) -> None:
    first = summary.read(entry.workspace_id)
    assert summary.read(entry.workspace_id) is first
    a_charge(entry, "0.25")
    assert summary.read(entry.workspace_id) == summary.write(entry.workspace_id) != first


def test_the_cache_of_summaries_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "MAX_CACHED_BYTES", 1000)
    workspaces = [a_workspace() for _ in range(6)]
    texts = [summary.read(workspace.pk).body for workspace in workspaces]
    assert 0 < sum(len(item.body) for item in summary._cache.values()) <= 1000 < sum(map(len, texts))


def test_what_is_rolled_back_changes_no_tag(entry: Entry) -> None:
    before = summary.tag(entry.workspace_id)
    with transaction.atomic():
        a_charge(entry, "0.25")
        transaction.set_rollback(True)
    assert summary.tag(entry.workspace_id) == before


def test_a_thousand_entries_in_one_transaction_count_once_or_more_but_every_transaction_counts() -> None:
    workspace = a_workspace()
    tags = set()
    for _ in range(3):
        entries.add(workspace.pk, [entries.Draft(f"Do {n}") for n in range(1000)], by=ANA)
        tags.add(summary.tag(workspace.pk))
    assert len(tags) == 3


def as_python_writes_it(workspace: Workspace) -> dict[str, object]:
    """The same answer built row by row: slow, and easy to believe."""
    texts = []
    for account in Account.objects.filter(project_id=workspace.pk, entry__deleted_at__isnull=True).order_by("entry__seq"):
        created = [
            {"round": item.number, "cost": item.cost / 1_000_000, "improvement_score": item.improvement_score or 0}
            for item in account.rounds.order_by("number")
        ]
        texts.append(
            {
                "entryID": account.pk,
                "budget_usd": account.budget / 1_000_000,
                "budget_human_locked": account.human_locked,
                "spent_usd": account.spent / 1_000_000,
                "interceptor_spent_usd": account.interceptor_spent / 1_000_000,
                "rounds": created,
            }
        )
    return {"global": queries.totals(project(workspace)), "entries": texts}


def test_the_database_writes_what_python_would() -> None:
    workspace = a_workspace(cap="999999999.123456", budget="0.000001")
    for number in range(1, 30):
        entry = an_entry(workspace, budget=f"{number}.{number:06}")
        for round in range(1, 4):
            a_charge(entry, f"0.{number * round:06}", round=round)
        a_charge(entry, "0.100001", category="interceptor", round=None)
    RoundSpend.objects.filter(number=2).update(improvement_score=0.3333)
    caps.toggle_lock(money(entry), by=ANA)
    assert json.loads(summary.write(workspace.pk).body) == as_python_writes_it(workspace)


def test_a_deleted_entry_with_spend_stays_in_the_summary(entry: Entry) -> None:
    idle = an_entry(entry.workspace)
    entries.delete(entry, by=ANA)
    entries.delete(idle, by=ANA)
    assert [item["entryID"] for item in json.loads(summary.write(entry.workspace_id).body)["entries"]] == [entry.pk]


@pytest.mark.parametrize("count", [1, 300])
def test_one_statement_whatever_the_number_of_entries(count: int) -> None:
    workspace = a_workspace()
    entries.add(workspace.pk, [entries.Draft(f"Do {n}") for n in range(count)], by=ANA)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        summary.write(workspace.pk)
    assert len(asked) == 1
