"""A review's snapshot stays as it was frozen, whatever is spent or changed afterwards."""

from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from budget.amounts import usd
from budget.forecast import inputs as forecast_inputs
from budget.limits import caps
from budget.models import Comment, Decision, LedgerEntry, Proposal, Review, ReviewLine, RoundSpend
from budget.reviews import comments, drafting, reading, snapshot
from budget.reviews.drafting import Draft, Wish
from orchestration.backlog import entries, entry_actions
from orchestration.models import Entry
from tests.dashboard.committed import transactional_db
from tests.factories import ANA, a_charge, a_review, a_workspace, an_entry, project
from tests.races.crowd import at_once
from workspaces.errors import NotFound
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.shop(cap="80")

__all__ = ["transactional_db"]


def test_it_is_the_budget_as_of_a_ledger_row(shop: Workspace) -> None:
    entry = an_entry(shop, budget="5")
    a_charge(entry, "2")
    a_charge(entry, "0.5", category="interceptor", round=None)
    a_charge(None, "1", category="orchestrator", round=None, in_=shop)
    review = a_review(shop)
    last = LedgerEntry.objects.order_by("-id")[0].pk
    assert (review.as_of_ledger, review.total_spent, review.max_project_spend, review.total_budget) == (
        last,
        usd("3.5"),
        usd(80),
        usd(100),
    )
    [line] = review.lines.all()
    assert (line.title, line.status, line.budget, line.spent, line.interceptor_spent) == (
        "#1 Do it",
        "pending",
        usd(5),
        usd(2),
        usd("0.5"),
    )
    assert (line.rounds, line.period_spent, review.period_spent) == (1, usd("2.5"), usd("3.5"))
    assert line.forecast is not None and line.forecast > line.spent


def test_new_spend_and_new_budgets_leave_it_unchanged_and_are_listed_as_changes(shop: Workspace) -> None:
    entry = an_entry(shop, budget="5")
    review = a_review(shop)
    assert snapshot.changes_since(review) == []
    before = list(review.lines.values())
    a_charge(entry, "2")
    caps.edit(entry.account, usd(9), by=ANA)
    caps.set_project(project(shop), "max_project_spend", usd(70), by=ANA)
    review.refresh_from_db()
    assert list(review.lines.values()) == before and review.total_spent == 0
    assert snapshot.changes_since(review) == [("total_spent", 0, usd(2)), ("max_project_spend", usd(80), usd(70))]


def test_the_period_counts_what_was_booked_in_it(shop: Workspace) -> None:
    a_charge(an_entry(shop, budget="5"), "2")
    review = drafting.create(shop.pk, Draft("Long ago", date(2020, 1, 1), date(2020, 1, 31)), by=ANA)
    assert (review.period_spent, review.total_spent) == (0, usd(2))


def test_before_any_round_the_cost_of_an_entry_is_unknown(shop: Workspace) -> None:
    an_entry(shop, budget="5")
    [line] = a_review(shop).lines.all()
    assert line.forecast is None


def test_an_ended_entry_costs_what_it_cost_and_an_open_one_what_the_allocation_reckons(shop: Workspace) -> None:
    done, going = an_entry(shop, budget="5"), an_entry(shop, budget="5")
    a_charge(done, "2")
    a_charge(going, "1")
    RoundSpend.objects.filter(account=done.account).update(improvement_score=0.5)
    entry_actions.mark_done(done, by=ANA)
    review = a_review(shop)
    ahead = forecast_inputs.final_costs(project(shop))
    assert list(review.lines.order_by("position").values_list("forecast", flat=True)) == [usd(2), ahead[going.pk]]
    assert (review.planned, review.expected) == (usd(10), usd(2) + ahead[going.pk])


def test_deleted_entries_with_spend_are_in_it_and_those_without_are_not(shop: Workspace) -> None:
    paid, free, reviewed, theirs = an_entry(shop), an_entry(shop), an_entry(shop), an_entry(a_workspace(name="Other"))
    for entry, category in ((paid, "entry"), (reviewed, "interceptor"), (theirs, "entry")):
        a_charge(entry, "1", category=category)
    for entry in (paid, free, reviewed):
        entries.delete(entry, by=ANA)
    lines = a_review(shop).lines.order_by("position").values_list("account_id", "position", "title")
    assert list(lines) == [(paid.pk, 1, "#1 Do it"), (reviewed.pk, 2, "#3 Do it")]


def test_a_comment_is_on_the_line_of_its_own_review(shop: Workspace) -> None:
    entry = an_entry(shop)
    older, newer = a_review(shop, by=ANA), a_review(shop, by=ANA)
    later = an_entry(shop)
    written = comments.add(newer, "Why?", by=ANA, entry_id=entry.pk)
    assert written.line is not None and written.line.review_id == newer.pk
    with pytest.raises(NotFound):
        comments.add(older, "Why?", by=ANA, entry_id=later.pk)
    event = Event.objects.get(verb="review.commented")
    assert (event.object_id, event.reason, event.data["entry"]) == (newer.pk, "Why?", entry.pk)


def test_reviews_are_numbered_in_their_workspace(shop: Workspace) -> None:
    assert [a_review(shop).number, a_review(shop).number, a_review(a_workspace()).number] == [1, 2, 1]


def test_it_takes_as_many_queries_for_many_entries_as_for_few(shop: Workspace, django_assert_max_num_queries: Any) -> None:
    for _ in range(30):
        an_entry(shop)
    with django_assert_max_num_queries(20):
        a_review(shop)


def refused(sentence: str, sql: str, *values: Any) -> None:
    with pytest.raises(IntegrityError, match=sentence), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


def test_the_database_itself_keeps_it_frozen(shop: Workspace) -> None:
    an_entry(shop)
    review = a_review(shop)
    for column in ("total_spent", "held", "as_of_ledger", "max_project_spend", "planned", "number"):
        refused("frozen", f"UPDATE budget_review SET {column} = {column} + 1 WHERE id = %s", review.pk)
    refused("frozen", "UPDATE budget_review SET author = 'eve' WHERE id = %s", review.pk)
    refused("frozen", "DELETE FROM budget_review WHERE id = %s", review.pk)
    refused("frozen", "UPDATE budget_reviewline SET spent = 1")
    refused("frozen", "DELETE FROM budget_reviewline")
    assert Review.objects.count() == ReviewLine.objects.count() == 1


def test_comments_and_decisions_stay(shop: Workspace) -> None:
    entry = an_entry(shop)
    review = a_review(shop, Wish(Proposal.Field.BUDGET, usd(4), "more", entry.pk), by=ANA)
    comments.add(review, "Why?", by=ANA, entry_id=entry.pk)
    drafting.request(review, by=ANA)
    Decision.objects.create(review=review, version=1, reviewer="bea", verdict="approve", note="ok")
    refused("stays", "UPDATE budget_comment SET text = 'nothing'")
    refused("stays", "DELETE FROM budget_decision")
    refused("being decided", "UPDATE budget_proposal SET after = 1")
    refused("being decided", "DELETE FROM budget_proposal")
    refused("being decided", "UPDATE budget_review SET required_approvals = 2")
    assert Comment.objects.get().text == "Why?"


def test_a_whole_review_takes_a_fixed_number_of_queries(shop: Workspace, django_assert_num_queries: Any) -> None:
    wishes = [Wish(Proposal.Field.BUDGET, usd(4), "more", an_entry(shop).pk) for _ in range(5)]
    review = a_review(shop, *wishes)
    with django_assert_num_queries(4):
        detail = reading.load(review)
    assert (len(detail.lines), len(detail.proposals)) == (5, 5)


def test_reviews_begun_in_the_middle_of_charges_add_up(transactional_db: None) -> None:
    """The counters, the entries' lines and the ledger itself, read while eight threads book: they are of one moment."""
    shop = a_workspace(cap="1000")
    entries = [an_entry(shop, budget="50") for _ in range(4)]

    def book(entry: Entry) -> None:
        for n in range(15):
            a_charge(entry, "0.01", round=1 + n % 3)
            a_charge(entry, "0.003", category="interceptor", round=None)

    at_once(
        [*(lambda item=item: book(item) for item in entries), *(lambda: [a_review(shop) for _ in range(6)] for _ in range(2))]
    )  # type: ignore[misc]
    assert Review.objects.count() == 12
    for review in Review.objects.all():
        lines = list(review.lines.all())
        assert review.entry_spent == sum(line.spent for line in lines)
        assert review.interceptor_spent == sum(line.interceptor_spent for line in lines)
        assert review.total_spent == review.period_spent == sum(line.period_spent for line in lines)
