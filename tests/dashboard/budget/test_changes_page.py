"""The log of changes: of this workspace alone, each with the amounts before and after it, and the same rows as CSV."""

import csv
import io
from typing import Any

import pytest
from django.urls import reverse

from budget.amounts import usd
from budget.limits import caps
from budget.models import BudgetChange
from dashboard.budget import changes
from tests.dashboard.conftest import client_of
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, a_workspace, an_entry, project
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db

ALLOCATION = caps.Source.ALLOCATION


@pytest.fixture
def shop() -> Workspace:
    """A change of each kind, by people and by others; beside it a workspace with changes of its own."""
    other, shop = a_workspace(name="Other"), a_workspace()
    for where in (other, shop):
        first, second = an_entry(where, budget="1"), an_entry(where, budget="2")
        caps.set_project(project(where), "max_project_spend", usd(50), by=ANA, reason="less")
        caps.set_project(project(where), "total_budget", usd(40), by=ANA, source=ALLOCATION)
        caps.edit(first.account, usd("1.5"), by=ANA, source=ALLOCATION)
        caps.toggle_lock(second.account, by=ANA, reason="mine")
        caps.toggle_lock(second.account, by=ANA, reason="done")
        caps.set_limit(project(where), "total", "day", usd(5), by=ANA)
        caps.set_limit(project(where), "expansion", "all", usd(3), by=ANA)
        caps.set_limit(project(where), "expansion", "all", None, by=ANA)
    return shop


ALL = [
    ("Limit of expansion", "$3.00", "none", None),
    ("Limit of expansion", "none", "$3.00", None),
    ("Limit of everything per day", "none", "$5.00", None),
    ("Lock", "locked", "auto", 2),
    ("Lock", "auto", "locked", 2),
    ("Budget", "$1.00", "$1.50", 1),
    ("Total budget", "$100.00", "$40.00", None),
    ("Cap", "$100.00", "$50.00", None),
]


def shown(shop: Workspace, **query: str) -> list[tuple[str, str, str, int | None]]:
    rows = changes.change_list(page_request(shop, **query))["changed"]
    assert all(row["change"].project_id == shop.pk for row in rows)
    return [(row["field"], row["before"], row["after"], row["entry"] and row["entry"].seq) for row in rows]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ({}, range(8)),
        ({"source": "human"}, [0, 1, 2, 3, 4, 7]),
        ({"source": "allocation"}, [5, 6]),
        ({"source": "review"}, []),
        ({"entry": "2"}, [3, 4]),
        ({"entry": "#1"}, [5]),
        ({"field": "limit.expansion.all"}, [0, 1]),
        ({"field": "human_locked", "source": "human"}, [3, 4]),
    ],
)
def test_the_newest_come_first_narrowed_by_source_entry_and_field(
    shop: Workspace, query: dict[str, str], rows: list[int]
) -> None:
    assert shown(shop, **query) == [ALL[n] for n in rows]
    filtered: Any = changes.change_list(page_request(shop, **query))["filtered"]
    assert filtered == bool(query)


def download(shop: Workspace, **query: str) -> tuple[str, list[dict[str, str]]]:
    response = client_of("vera", "viewer", shop).get(reverse("changes", args=[shop.pk]), query | {"format": "csv"})
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    name = response.headers["Content-Disposition"].partition('"')[2].rpartition("-")[0]
    return name, list(csv.DictReader(io.StringIO(text)))


def test_the_csv_has_the_chosen_rows_from_the_oldest_with_raw_values(shop: Workspace) -> None:
    name, rows = download(shop)
    kept = [[row[field] for field in ("field", "before", "after", "source", "actor", "reason")] for row in rows]
    assert name == "budget-changes" and kept == [
        ["max_project_spend_usd", "100", "50", "human", "ana", "less"],
        ["total_budget_usd", "100", "40", "allocation", "ana", ""],
        ["budget_usd", "1", "1.5", "allocation", "ana", ""],
        ["human_locked", "False", "True", "human", "ana", "mine"],
        ["human_locked", "True", "False", "human", "ana", "done"],
        ["limit.total.day_usd", "", "5", "human", "ana", ""],
        ["limit.expansion.all_usd", "", "3", "human", "ana", ""],
        ["limit.expansion.all_usd", "3", "", "human", "ana", ""],
    ]
    row = BudgetChange.objects.filter(project_id=shop.pk, field="budget").get()
    assert (rows[2]["id"], rows[2]["at"], rows[2]["entry_id"]) == (str(row.pk), row.at.isoformat(), row.account_id)
    name, rows = download(shop, source="allocation", field="budget")
    assert name == "budget-changes-allocation" and [row["field"] for row in rows] == ["budget_usd"]
