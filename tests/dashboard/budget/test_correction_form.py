"""A correction on its page: its preview, for which row and amount it was confirmed, and whose rows can be corrected."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from budget.amounts import usd
from budget.models import LedgerEntry
from tests.dashboard.budget.sent import question, result
from tests.dashboard.overview.test_page import text_of
from tests.factories import a_charge, a_workspace, an_entry
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db

BACK = {"direction": "back", "amount": "0.5", "reason": "billed twice"}


@pytest.fixture
def shop() -> Workspace:
    shop = a_workspace(cap="20")
    for entry in (an_entry(shop, budget="4"), an_entry(shop, budget="4")):
        a_charge(entry, "2")
    return shop


@pytest.fixture
def rows(shop: Workspace) -> list[LedgerEntry]:
    return list(LedgerEntry.objects.filter(project_id=shop.pk).order_by("id"))


def send(client: Client, shop: Workspace, row: LedgerEntry, **form: str) -> Any:
    return client.post(reverse("ledger-correct", args=[shop.pk, row.pk]), form)


@pytest.mark.parametrize(
    ("direction", "shown", "after"),
    [("back", "−$0.50", ["$1.50", "$3.50", "$16.50", "$1.50", "$2.50"]), ("more", "$0.50", ["$2.50", "$4.50", "$15.50", "$2.50", "$1.50"])],
)  # fmt: skip
def test_the_preview_names_each_amount_that_moves_and_the_correction_is_booked_once(
    bea: Client, shop: Workspace, rows: list[LedgerEntry], direction: str, shown: str, after: list[str]
) -> None:
    form = BACK | {"direction": direction}
    assert "The ledger is never edited" in text_of(bea, reverse("ledger-correct", args=[shop.pk, rows[0].pk]))
    asked = send(bea, shop, rows[0], **form)
    names = ("This row", "Spent in the project", "Left under the cap", "Spent on the entry", "Left of its budget")
    before = ("$2.00", "$4.00", "$16.00", "$2.00", "$2.00")
    assert question(asked) == {
        "title": f"Correct row {rows[0].pk} by {shown}",
        "sentence": "A correcting row is added; existing rows do not change.",
        "button": f"Book {shown}",
        "action": reverse("ledger-correct", args=[shop.pk, rows[0].pk]),
        "points": [f"{name}: {old} → {new}" for name, old, new in zip(names, before, after, strict=True)],
        "fields": form,
    }
    again = asked.context["confirmation"]["fields"]
    assert send(bea, shop, rows[1], **again).status_code == 409  # confirmed for another row
    assert send(bea, shop, rows[0], **again | {"amount": "0.6"}).status_code == 409
    assert result(send(bea, shop, rows[0], **again)) == (f"Booked {shown} as a correction of row {rows[0].pk}", "good")
    nothing = "That correction is already booked; nothing was added"
    assert result(send(bea, shop, rows[0], **again))[0] == nothing
    booked = LedgerEntry.objects.filter(corrects__isnull=False).values_list("corrects", "amount", "actor", "reason")
    assert list(booked) == [(rows[0].pk, usd("0.5") * (-1 if direction == "back" else 1), "bea", "billed twice")]


def test_spend_without_an_entry_has_no_entry_in_its_preview(bea: Client, shop: Workspace) -> None:
    a_charge(None, "1", category="orchestrator", in_=shop)
    points = question(send(bea, shop, LedgerEntry.objects.latest("id"), **BACK))["points"]
    assert points == ["This row: $1.00 → $0.50", "Spent in the project: $5.00 → $4.50", "Left under the cap: $15.00 → $15.50"]


def test_a_row_of_another_workspace_is_not_there(bea: Client, shop: Workspace) -> None:
    other = a_workspace(name="Other")
    a_charge(an_entry(other), "1")
    theirs = LedgerEntry.objects.get(project_id=other.pk)
    assert send(bea, shop, theirs, **BACK).status_code == 404
    for number in (theirs.pk, 0, 2**63):
        assert bea.get(f"/w/{shop.pk}/money/ledger/{number}/correct/").status_code == 404
