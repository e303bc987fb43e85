"""Writing a review and reading it: what its author changes, what is on record, and what another workspace never sees."""

from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from budget import ledger
from budget.amounts import usd
from budget.limits import caps
from budget.models import Decision, LedgerEntry, Proposal, Review
from budget.reviews import comments, drafting, reading, snapshot
from budget.reviews.drafting import Changes, Draft, Wish
from orchestration.models import Entry
from tests.factories import ANA, a_charge, a_review, a_workspace, an_entry, project
from workspaces.access import Caller
from workspaces.errors import Forbidden, Invalid, NotFound
from workspaces.models import ApiToken, Event, Workspace

pytestmark = pytest.mark.django_db

BUDGET, CAP, TOTAL = Proposal.Field.BUDGET, Proposal.Field.CAP, Proposal.Field.TOTAL
BEA = Caller("bea")


def lines_of(verb: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    return list(Event.objects.filter(verb=verb).order_by("id").values_list("object_id", "actor", "reason", "data"))


def test_a_review_keeps_what_it_is_about_and_who_wrote_it(shop: Workspace) -> None:
    day = date(2026, 8, 4)
    review = drafting.create(shop.pk, Draft("August", day, day, due=date(2026, 9, 1), required_approvals=2), by=ANA)
    assert (review.title, review.period_from, review.period_to, review.due) == ("August", day, day, date(2026, 9, 1))
    assert (review.required_approvals, review.author, review.author_behind, review.state) == (2, "ana", "", "draft")
    assert lines_of("review.opened") == [(review.pk, "ana", "", {"number": 1, "title": "August"})]
    with pytest.raises(Invalid, match="ends before it starts"):
        drafting.create(shop.pk, Draft("August", day, date(2026, 8, 3)), by=ANA)


def test_a_period_includes_its_first_and_its_last_day(shop: Workspace) -> None:
    entry = an_entry(shop, budget="5")
    for n, (day, clock) in enumerate([(3, time(23, 59, 59)), (4, time()), (5, time(23, 59, 59)), (6, time())]):
        at = datetime.combine(date(2026, 8, day), clock, UTC)
        item = ledger.Charge(f"k{n}", 10**n, LedgerEntry.PriceSource.REPORTED, at=at)
        ledger.charge(project(shop), item, account=entry.account, round_number=1, actor="agent")
    a_charge(an_entry(a_workspace(name="Other")), "1", at=datetime(2026, 8, 4, tzinfo=UTC))
    review = drafting.create(shop.pk, Draft("August", date(2026, 8, 4), date(2026, 8, 5)), by=ANA)
    [line] = review.lines.all()
    assert (review.period_spent, line.period_spent, line.spent) == (110, 110, 1111)


def test_its_lines_are_in_the_order_of_the_backlog_with_all_that_an_entry_has(shop: Workspace) -> None:
    first, second = an_entry(shop, budget="5"), an_entry(shop, budget="2")
    an_entry(a_workspace(name="Other"))
    for number in (1, 2):
        a_charge(second, "0.5", round=number)
    caps.toggle_lock(second.account, by=ANA)
    Entry.objects.filter(pk=second.pk).update(status="failed", reason_code="no_improvement")
    review = a_review(shop)
    single, two = review.lines.order_by("position")
    assert (single.account_id, single.position, single.human_locked, single.rounds, single.title) == (
        first.pk,
        1,
        False,
        0,
        "#1 Do it",
    )
    assert (two.account_id, two.position, two.human_locked, two.rounds, two.status) == (second.pk, 2, True, 2, "failed")
    assert (two.forecast, review.planned) == (usd(1), usd(7))
    assert review.expected == usd(1) + (single.forecast or 0) and review.as_of is not None


def test_what_is_not_known_is_expected_to_stay_as_it_is_spent(shop: Workspace) -> None:
    entry = an_entry(shop, budget="5")
    a_charge(entry, "2", category="interceptor")
    review = a_review(shop)
    assert (review.lines.get().forecast, review.expected, reading.overall(review).amount) == (None, 0, -usd(5))


def test_the_totals_that_changed_since_are_named(shop: Workspace) -> None:
    review = a_review(shop)
    caps.set_project(project(shop), "total_budget", usd(9), by=ANA)
    assert snapshot.changes_since(review) == [("total_budget", usd(100), usd(9))]


def test_its_author_changes_what_is_named_and_nothing_else(shop: Workspace) -> None:
    draft = {"due": date(2026, 9, 1), "required_approvals": 2}
    review = a_review(shop, Wish(CAP, usd(7), "less"), by=ANA, **draft)
    assert drafting.change(review, Changes(), by=ANA).title == "November"
    for changes, after in (
        (Changes(title="Later"), ("Later", date(2026, 9, 1), 2, 1)),
        (Changes(due=date(2026, 10, 1)), ("Later", date(2026, 10, 1), 2, 1)),
        (Changes(required_approvals=1, proposals=[]), ("Later", date(2026, 10, 1), 1, 0)),
        (Changes(clear_due=True, due=date(2026, 11, 1)), ("Later", None, 1, 0)),
    ):
        drafting.change(review, changes, by=ANA)
        row = Review.objects.get()
        assert (row.title, row.due, row.required_approvals, row.proposals.count()) == after
    assert lines_of("review.changed")[-1] == (
        review.pk, "ana", "", {"number": 1, "title": "Later", "proposals": 0, "required_approvals": 1})  # fmt: skip


def test_a_proposal_is_added_replaced_and_withdrawn_for_one_amount(shop: Workspace) -> None:
    entry = an_entry(shop, budget="1")
    review = a_review(shop, Wish(CAP, usd(7), "less"), by=ANA)
    drafting.propose(review, Wish(BUDGET, usd(3), "more", entry.pk, lock=False), by=ANA)
    drafting.propose(review, Wish(BUDGET, usd(4), "much more", entry.pk), by=ANA)
    kept = Proposal.objects.order_by("id").values_list("field", "account_id", "before", "after", "lock", "reason")
    assert list(kept) == [(CAP, None, usd(100), usd(7), True, "less"), (BUDGET, entry.pk, usd(1), usd(4), True, "much more")]
    drafting.withdraw(review, TOTAL, None, by=ANA)
    assert Proposal.objects.count() == 2
    drafting.withdraw(review, CAP, None, by=ANA)
    assert [row.field for row in Proposal.objects.all()] == [BUDGET]
    with pytest.raises(Forbidden):
        drafting.propose(review, Wish(CAP, usd(7), "less"), by=BEA)
    with pytest.raises(NotFound):
        drafting.propose(review, Wish(BUDGET, usd(7), "x", an_entry(a_workspace(name="Other")).pk), by=ANA)
    drafting.request(review, by=ANA)
    with pytest.raises(Invalid, match="is open"):
        drafting.withdraw(review, BUDGET, entry.pk, by=ANA)


def test_a_lock_alone_is_a_change_of_a_budget(shop: Workspace) -> None:
    entry = an_entry(shop, budget="1")
    caps.toggle_lock(entry.account, by=ANA)
    assert a_review(shop, Wish(BUDGET, usd(1), "free it", entry.pk, lock=False)).proposals.count() == 1
    with pytest.raises(Invalid, match="changes nothing"):
        a_review(shop, Wish(BUDGET, usd(1), "as it is", entry.pk, lock=True))


def test_so_many_proposals_and_no_more(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafting, "MAX_PROPOSALS", 2)
    both = [Wish(CAP, usd(7), "x"), Wish(TOTAL, usd(7), "x")]
    review = a_review(shop, *both, by=ANA)
    wish = Wish(BUDGET, usd(7), "x", an_entry(shop).pk)
    with pytest.raises(Invalid, match="At most 2"):
        a_review(shop, *both, wish)
    with pytest.raises(Invalid, match="At most 2"):
        drafting.propose(review, wish, by=ANA)
    drafting.propose(review, Wish(CAP, usd(8), "x"), by=ANA)  # in place of the one before
    assert review.proposals.count() == 2


def test_a_request_is_a_new_version_on_record(shop: Workspace) -> None:
    review = a_review(shop, Wish(CAP, usd(7), "less"), by=ANA, due=date(2026, 9, 1), required_approvals=2)
    Review.objects.filter(pk=review.pk).update(state="changes_requested", state_reason="bea asks for changes")
    asked = drafting.request(review, by=ANA)
    assert (asked.state, asked.state_reason, asked.version) == ("open", "", review.version + 1) and asked.requested_at
    [(object_id, actor, _, data)] = lines_of("review.requested")
    assert (object_id, actor) == (review.pk, "ana") and data == {
        "number": 1, "title": "November", "author": "ana", "required_approvals": 2, "proposals": 1, "due": "2026-09-01"}  # fmt: skip


@pytest.mark.parametrize(
    ("author", "behind", "name", "created_by", "same"),
    [
        ("ana", "", "ana", None, True),
        ("ana", "", "bea", None, False),
        ("ana", "", "token:ci", "ana", True),
        ("ana", "", "token:ci", "bea", False),
        ("token:ci", "ana", "ana", None, True),
        ("token:ci", "ana", "token:other", "ana", True),
        ("token:ci", "", "token:other", "", False),
    ],
)
def test_an_author_is_the_same_on_either_side_of_a_token(
    author: str, behind: str, name: str, created_by: str | None, same: bool
) -> None:
    token = None if created_by is None else ApiToken(created_by=created_by)
    review = Review(author=author, author_behind=behind)
    assert drafting.is_author(review, Caller(name, token=token)) is same


def test_a_comment_stands_on_the_review_or_on_one_of_its_lines(shop: Workspace) -> None:
    entry = an_entry(shop)
    review = a_review(shop)
    later = an_entry(shop)
    whole, single = comments.add(review, "y" * 501, by=BEA), comments.add(review, "Why?", by=BEA, entry_id=entry.pk)
    assert (whole.line, single.line, single.author, single.text) == (None, review.lines.get(account=entry.pk), "bea", "Why?")
    with pytest.raises(NotFound):
        comments.add(review, "Why?", by=BEA, entry_id=later.pk)
    assert [(line[0], line[1], line[2], line[3]["entry"]) for line in lines_of("review.commented")] == [
        (review.pk, "bea", "y" * 500, ""),
        (review.pk, "bea", "Why?", entry.pk),
    ]


def test_a_review_is_found_in_its_own_workspace(shop: Workspace) -> None:
    review, other = a_review(shop), a_workspace(name="Other")
    assert reading.review_for(shop.pk, review.pk) == review
    for where, name in ((other, review.pk), (shop, "no id")):
        with pytest.raises(NotFound):
            reading.review_for(where.pk, name)


def test_the_newest_come_first_page_by_page_with_the_approvals_of_their_present_version(shop: Workspace) -> None:
    a_review(a_workspace(name="Other"))
    for _ in range(3):
        a_review(shop, by=ANA)
    second = Review.objects.get(project=shop.pk, number=2)
    for version in (1, 2):
        drafting.request(second, by=ANA)
        Decision.objects.create(review=second, version=version, reviewer="bea", verdict="approve", note="ok")
        Decision.objects.create(review=second, version=version, reviewer="eve", verdict="request_changes", note="no")
        Review.objects.filter(pk=second.pk).update(state="changes_requested")
    first, cursor = reading.page(shop.pk, limit=2)
    remaining, end = reading.page(shop.pk, limit=2, cursor=cursor)
    assert [(row.number, row.approved) for row in first + remaining] == [(3, 0), (2, 1), (1, 0)]  # type: ignore[attr-defined]
    assert (len(first), end) == (2, None) and reading.page(shop.pk, limit=3)[1] is None
    detail = reading.load(Review.objects.get(pk=second.pk))
    assert detail.approvals == 1 and [decision.version for decision in detail.decisions] == [1, 1, 2, 2]


def test_a_whole_review_is_in_order(shop: Workspace) -> None:
    single, two, three = (an_entry(shop, budget=str(dollars)) for dollars in (2, 9, 5))
    wishes = [
        Wish(BUDGET, usd(1), "x", two.pk),
        Wish(TOTAL, usd(7), "x"),
        Wish(BUDGET, usd(1), "x", single.pk),
        Wish(CAP, usd(7), "x"),
    ]
    review = a_review(shop, *wishes)
    for text in ("first", "second"):
        comments.add(review, text, by=BEA)
    detail = reading.load(review)
    assert [line.account_id for line in detail.lines] == [two.pk, three.pk, single.pk]
    assert [(row.field, row.account_id) for row in detail.proposals] == [
        (CAP, None), (TOTAL, None), (BUDGET, single.pk), (BUDGET, two.pk)]  # fmt: skip
    assert [comment.text for comment in detail.comments] == ["first", "second"]
