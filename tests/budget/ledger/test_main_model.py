"""A session's model is the one that most of its money went to, by the names of its providers."""

import pytest
from django.db.models import OuterRef

from budget import ledger
from budget.ledger import main_model
from budget.models import Category, LedgerEntry
from tests.factories import a_workspace, an_entry, project
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db

ENTRY, REVIEW = Category.ENTRY, Category.INTERCEPTOR


@pytest.mark.parametrize(
    ("requests", "model"),
    [
        ([], None),
        ([(ENTRY, "", 9, 9)], None),
        ([(ENTRY, "small", 2, 1), (ENTRY, "large", 3, 1), (ENTRY, "small", 2, 1)], "small"),
        ([(ENTRY, "small", 2, 9), (ENTRY, "large", 3, 1)], "large"),
        ([(ENTRY, "a", 0, 1), (ENTRY, "b", 0, 2)], "b"),
        ([(ENTRY, "b", 1, 1), (ENTRY, "a", 1, 1)], "a"),
        ([(ENTRY, "", 9, 9), (ENTRY, "small", 1, 1)], "small"),
        ([(REVIEW, "reviewer", 9, 9), (ENTRY, "small", 1, 1)], "small"),
        ([(REVIEW, "small", 9, 9), (ENTRY, "small", 1, 1), (ENTRY, "large", 2, 1)], "large"),
        ([(REVIEW, "cheap", 1, 9), (REVIEW, "dear", 2, 1)], "dear"),
    ],
)
def test_most_of_its_own_money_decides_then_its_reviewers(
    requests: list[tuple[Category, str, int, int]], model: str | None
) -> None:
    shop = a_workspace()
    entry = an_entry(shop)
    for n, (category, name, amount, output) in enumerate([*requests, (ENTRY, "of another session", 99, 99)]):
        source = LedgerEntry.PriceSource.REPORTED
        item = ledger.Charge(f"k{n}", amount, source, category=category, model=name, output_tokens=output)
        session = shop.pk if n < len(requests) else "another"
        ledger.charge(project(shop), item, account=entry.account, session_ref=session, round_number=1, actor="agent")
    assert Workspace.objects.values_list(main_model.of(OuterRef("pk")), flat=True).get() == model
