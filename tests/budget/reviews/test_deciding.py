"""A review is decided by those who may, once; the last approval applies its proposals."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, BudgetChange, Decision, Proposal, Review
from budget.reviews import deciding, drafting
from budget.reviews.drafting import Changes, Wish
from orchestration.backlog import entries, splitting
from orchestration.models import Entry
from tests.dashboard.committed import transactional_db
from tests.factories import a_charge, a_review, a_workspace, an_entry, project
from tests.races.crowd import at_once
from workspaces import access
from workspaces.access import Caller
from workspaces.errors import Forbidden, Invalid
from workspaces.models import ApiToken, Event, Workspace
from workspaces.people import tokens

__all__ = ["transactional_db"]
CAP, TOTAL, BUDGET = Proposal.Field.CAP, Proposal.Field.TOTAL, Proposal.Field.BUDGET


def person(name: str) -> Caller:
    return access.of_user(get_user_model().objects.get_or_create(username=name)[0])


@pytest.fixture
def ana(db: None) -> Caller:
    return person("ana")


@pytest.fixture
def bea(db: None) -> Caller:
    return person("bea")


def asked(workspace: Workspace, *wishes: Wish, by: Caller, **more: Any) -> Review:
    return drafting.request(a_review(workspace, *wishes, by=by, **more), by=by)


def approve(review: Review, by: Caller, note: str = "Fine") -> Review:
    return deciding.decide(review, Decision.Verdict.APPROVE, note, version=review.version, by=by)


def budget_of(entry: Entry) -> int:
    return Account.objects.get(pk=entry.pk).budget


def verbs() -> list[str]:
    return list(Event.objects.filter(verb__startswith="review.").order_by("id").values_list("verb", flat=True))


def test_a_proposal_for_an_entry_that_is_split_is_about_all_of_it(shop: Workspace, ana: Caller, bea: Caller) -> None:
    entry = an_entry(shop, budget="3")
    children = splitting.split(entry, [entries.Draft("One"), entries.Draft("Two")], by=ana)
    review = asked(shop, Wish(BUDGET, usd(4), "It is harder", entry.pk), by=ana)
    assert review.proposals.get().before == usd(3)
    assert approve(review, bea).state == "approved"
    assert [budget_of(each) for each in (entry, *children)] == [0, usd(2), usd(2)]
    later = asked(shop, Wish(BUDGET, usd(6), "Harder still", entry.pk), by=ana)
    caps.edit(Account.objects.get(pk=children[0].pk), usd("2.5"), by=ana)
    assert approve(later, bea).state_reason.startswith(f"Nothing was applied: the budget of #{entry.seq} is $4.50 now, not $4.00")


def test_the_last_approval_applies_what_is_proposed(shop: Workspace, ana: Caller, bea: Caller) -> None:
    entry = an_entry(shop, budget="1")
    review = asked(shop, Wish(BUDGET, usd(4), "It is harder", entry.pk), Wish(CAP, usd(120), "More of all"), by=ana)
    assert approve(review, bea).state == "approved"
    assert (budget_of(entry), project(shop).max_project_spend, project(shop).total_budget) == (usd(4), usd(120), usd(100))
    changes = list(BudgetChange.objects.order_by("id").values_list("field", "before", "after", "source", "actor", "reason"))
    assert changes == [
        ("budget", usd(1), usd(4), "review", "bea", "Review #1: It is harder"),
        ("max_project_spend", usd(100), usd(120), "review", "bea", "Review #1: More of all"),
    ]
    assert verbs() == ["review.opened", "review.requested", "review.decided", "review.applied"]


def test_the_lock_flag_decides_whether_it_is_locked_afterwards(shop: Workspace, ana: Caller, bea: Caller) -> None:
    free, locked, same = an_entry(shop), an_entry(shop), an_entry(shop, budget="1")
    wishes = [
        Wish(BUDGET, usd(4), "x", free.pk, lock=False),
        Wish(BUDGET, usd(4), "x", locked.pk),
        Wish(BUDGET, usd(1), "x", same.pk),
    ]
    approve(asked(shop, *wishes, by=ana), bea)
    states = [
        (Account.objects.get(pk=item.pk).budget, Account.objects.get(pk=item.pk).human_locked) for item in (free, locked, same)
    ]
    assert states == [(usd(4), False), (usd(4), True), (usd(1), True)]


def test_raising_a_budget_by_review_unblocks_what_it_blocked(
    shop: Workspace, ana: Caller, bea: Caller, django_capture_on_commit_callbacks: Any
) -> None:
    entry = an_entry(shop, budget="1")
    a_charge(entry, "1")
    Entry.objects.update(status="blocked", reason_code="budget_exceeded", reason_message="no money")
    with django_capture_on_commit_callbacks(execute=True):
        approve(asked(shop, Wish(BUDGET, usd(4), "more", entry.pk), by=ana), bea)
    assert Entry.objects.get().status == "pending"


def test_an_author_does_not_decide_on_their_own_review(shop: Workspace, ana: Caller) -> None:
    review = asked(shop, by=ana)
    with pytest.raises(Forbidden, match="your own"):
        approve(review, ana)
    with pytest.raises(IntegrityError, match="their own"), transaction.atomic():
        Decision.objects.create(review=review, version=1, reviewer="ana", verdict="approve", note="mine")
    assert not Decision.objects.exists()


def test_nor_through_a_token_nor_behind_one(shop: Workspace, ana: Caller, bea: Caller) -> None:
    tokens.create("ci", workspace=shop, by="ana")
    token = access.of_token(ApiToken.objects.get(name="ci"))
    review = asked(shop, by=token)
    assert (review.author, review.author_behind) == ("token:ci", "ana")
    with pytest.raises(Forbidden, match="your own"):
        approve(review, ana)
    with pytest.raises(IntegrityError, match="their own"), transaction.atomic():
        Decision.objects.create(review=review, version=1, reviewer="ana", verdict="approve", note="mine")
    with pytest.raises(Forbidden, match="person"):
        approve(asked(shop, by=bea), token)
    assert approve(review, bea).state == "approved"


def test_two_persons_where_two_are_needed(shop: Workspace, ana: Caller, bea: Caller) -> None:
    entry = an_entry(shop, budget="1")
    review = asked(shop, Wish(BUDGET, usd(4), "more", entry.pk), by=ana, required_approvals=2)
    assert approve(review, bea).state == "open" and budget_of(entry) == usd(1)
    with pytest.raises(Invalid, match="already"):
        approve(review, bea)
    assert approve(review, person("cem")).state == "approved" and budget_of(entry) == usd(4)


def test_a_new_version_makes_earlier_approvals_worthless(shop: Workspace, ana: Caller, bea: Caller) -> None:
    entry = an_entry(shop, budget="1")
    review = asked(shop, Wish(BUDGET, usd(4), "more", entry.pk), by=ana, required_approvals=2)
    approve(review, bea)
    cem = person("cem")
    deciding.decide(review, Decision.Verdict.REQUEST_CHANGES, "Too much", version=1, by=cem)
    drafting.change(review, Changes(proposals=[Wish(BUDGET, usd(3), "less", entry.pk)]), by=ana)
    again = drafting.request(review, by=ana)
    assert (again.version, deciding.approvals(again)) == (2, 0)
    with pytest.raises(Invalid, match="version 2 now"):
        deciding.decide(again, Decision.Verdict.APPROVE, "of the old one", version=1, by=cem)
    approve(again, cem)
    assert approve(again, bea).state == "approved" and budget_of(entry) == usd(3)


def test_a_changed_amount_means_that_no_proposal_is_applied(shop: Workspace, ana: Caller, bea: Caller) -> None:
    item, two = an_entry(shop, budget="1"), an_entry(shop, budget="1")
    review = asked(
        shop, Wish(BUDGET, usd(4), "more", item.pk), Wish(BUDGET, usd(5), "more", two.pk), Wish(CAP, usd(120), "x"), by=ana
    )
    caps.edit(two.account, usd(2), by=bea)
    after = approve(review, bea)
    assert (after.state, budget_of(item), project(shop).max_project_spend) == ("changes_requested", usd(1), usd(100))
    assert after.state_reason == "Nothing was applied: the budget of #2 is $2.00 now, not $1.00"
    assert Event.objects.get(verb="review.decided").data["why"] == after.state_reason and "review.applied" not in verbs()


def test_each_amount_that_changed_since_is_named_whichever_way_it_went(shop: Workspace, ana: Caller, bea: Caller) -> None:
    lower, same, gone = (an_entry(shop, budget="3") for _ in range(3))
    wishes = [Wish(BUDGET, usd(5), "x", entry.pk) for entry in (lower, same, gone)]
    review = asked(shop, *wishes, Wish(CAP, usd(120), "x"), Wish(TOTAL, usd(90), "x"), by=ana)
    caps.edit(lower.account, usd(2), by=bea)
    entries.delete(gone, by=ana)
    caps.set_project(project(shop), "max_project_spend", usd(80), by=bea)
    caps.set_project(project(shop), "total_budget", usd(100), by=bea)  # set again to what it was
    reason = approve(review, bea).state_reason
    assert reason.startswith("Nothing was applied: ") and set(reason.removeprefix("Nothing was applied: ").split("; ")) == {
        "the budget of #1 is $2.00 now, not $3.00",
        "the budget of #3 is off the backlog",
        "the cap is $80.00 now, not $100.00",
    }
    assert (budget_of(lower), budget_of(same), project(shop).total_budget) == (usd(2), usd(3), usd(100))


def test_what_was_applied_is_on_record_with_each_change_and_those_who_approved(shop: Workspace, ana: Caller, bea: Caller) -> None:
    free, other = an_entry(shop, budget="1"), an_entry(shop, budget="1")
    wishes = [Wish(BUDGET, usd(1), "lock it", free.pk), Wish(CAP, usd(120), "x"), Wish(TOTAL, usd(90), "y")]
    older = asked(shop, by=ana)
    deciding.decide(older, Decision.Verdict.REQUEST_CHANGES, "less", version=1, by=bea)
    theirs = asked(a_workspace(name="Other"), by=ana)
    review = asked(shop, *wishes, by=ana, required_approvals=2)
    approve(review, bea, "good")
    assert approve(review, person("cem"), "fine").closed_at is not None
    data = dict(Event.objects.filter(verb__startswith="review.").order_by("id").values_list("verb", "data"))
    assert data["review.applied"] == {"number": 2, "title": "November", "changes": 3}
    decided = [event.data for event in Event.objects.filter(verb="review.decided", object_id=review.pk).order_by("id")]
    assert [(row["state"], row["approvals"], row["required_approvals"]) for row in decided] == [
        ("open", 1, 2),
        ("approved", 2, 2),
    ]
    assert [*Event.objects.filter(verb="review.decided", object_id=review.pk).order_by("id").values_list("actor", "reason")] == [
        ("bea", "good"),
        ("cem", "fine"),
    ]
    changes = BudgetChange.objects.order_by("id").values_list("field", "after", "source", "actor", "reason")
    assert list(changes) == [
        ("human_locked", 1, "review", "cem", "Review #2: lock it"),
        ("max_project_spend", usd(120), "review", "cem", "Review #2: x"),
        ("total_budget", usd(90), "review", "cem", "Review #2: y"),
    ]
    assert not Account.objects.get(pk=other.pk).human_locked
    older.refresh_from_db()
    theirs.refresh_from_db()
    assert (older.state, older.state_reason, theirs.state) == ("superseded", "Review #2 was approved", "open")
    [line] = Event.objects.filter(verb="review.superseded")
    assert (line.object_id, line.reason, line.data["number"]) == (older.pk, "Review #2 was approved", 1)


def test_why_a_person_cannot_decide_is_of_the_present_version(shop: Workspace, ana: Caller, bea: Caller) -> None:
    review = asked(shop, by=ana, required_approvals=2)
    assert deciding.why_not(review, bea) == ""
    deciding.decide(review, Decision.Verdict.REQUEST_CHANGES, "less", version=1, by=bea)
    assert deciding.why_not(Review.objects.get(), bea) == "The review is changes requested: there is nothing to decide"
    again = drafting.request(Review.objects.get(), by=ana)
    assert deciding.why_not(again, bea) == "" and deciding.approvals(again) == 0
    approve(again, bea)
    assert (
        deciding.why_not(again, bea) == "You have decided on this version already"
        and deciding.why_not(again, person("cem")) == ""
    )


def test_an_entry_off_the_backlog_means_that_no_proposal_is_applied(shop: Workspace, ana: Caller, bea: Caller) -> None:
    entry = an_entry(shop, budget="1")
    review = asked(shop, Wish(BUDGET, usd(4), "more", entry.pk), by=ana)
    entries.delete(entry, by=ana)
    assert approve(review, bea).state_reason == "Nothing was applied: the budget of #1 is off the backlog"


def test_an_approval_sets_older_open_ones_aside(shop: Workspace, ana: Caller, bea: Caller) -> None:
    older, draft, newer = asked(shop, by=ana), a_review(shop, by=ana), asked(shop, by=ana)
    latest = asked(shop, by=ana)
    approve(newer, bea)
    states = {row.number: row.state for row in Review.objects.all()}
    assert states == {older.number: "superseded", draft.number: "draft", newer.number: "approved", latest.number: "open"}
    with pytest.raises(Invalid, match="superseded"):
        approve(older, bea)


def test_only_its_author_changes_a_review_and_only_while_it_is_editable(shop: Workspace, ana: Caller, bea: Caller) -> None:
    review = a_review(shop, by=ana)
    for act in (lambda: drafting.change(review, Changes(title="Mine"), by=bea), lambda: drafting.request(review, by=bea)):
        with pytest.raises(Forbidden, match="Only ana"):
            act()
    drafting.request(review, by=ana)
    with pytest.raises(Invalid, match="is open"):
        drafting.change(review, Changes(title="Late"), by=ana)
    approve(Review.objects.get(), bea)
    with pytest.raises(Invalid, match="is approved"):
        drafting.request(review, by=ana)


def test_a_draft_cannot_be_decided_and_a_note_is_needed(shop: Workspace, ana: Caller, bea: Caller) -> None:
    review = a_review(shop, by=ana)
    with pytest.raises(Invalid, match="draft"):
        approve(review, bea)
    with pytest.raises(Invalid, match="note"):
        approve(drafting.request(review, by=ana), bea, note="  ")


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ([Wish(BUDGET, usd(1), "same", "E", lock=False)], "changes nothing"),
        ([Wish(BUDGET, usd(2), " ", "E")], "needs a reason"),
        ([Wish(BUDGET, usd(2), "x")], "belongs to an entry"),
        ([Wish(CAP, usd(2), "x", "E")], "belongs to an entry"),
        ([Wish(CAP, usd(100), "x")], "changes nothing"),
        ([Wish(BUDGET, usd(2), "x", "E"), Wish(BUDGET, usd(3), "y", "E")], "same amount"),
    ],
)
def test_a_proposal_that_makes_no_sense_is_refused(shop: Workspace, ana: Caller, wishes: list[Wish], sentence: str) -> None:
    entry = an_entry(shop, budget="1")
    meant = [Wish(w.field, w.after, w.reason, entry.pk if w.entry_id else None, w.lock) for w in wishes]
    with pytest.raises(Invalid, match=sentence):
        a_review(shop, *meant, by=ana)
    assert not Review.objects.exists()


def test_two_who_approve_at_the_same_moment_apply_it_once(transactional_db: None) -> None:
    shop = a_workspace()
    entry = an_entry(shop, budget="1")
    review = asked(shop, Wish(BUDGET, usd(4), "more", entry.pk), by=person("ana"), required_approvals=2)
    deciders = [person("bea"), person("cem")]
    at_once([lambda who=who: approve(review, who) for who in deciders])  # type: ignore[misc]
    assert Review.objects.get().state == "approved" and BudgetChange.objects.count() == 1 and budget_of(entry) == usd(4)


def test_approvals_of_two_reviews_with_charges_and_edits_do_not_deadlock(transactional_db: None) -> None:
    shop = a_workspace()
    entries = [an_entry(shop, budget="1") for _ in range(4)]
    ana, bea = person("ana"), person("bea")
    reviews = [
        asked(shop, *(Wish(BUDGET, usd(4 + n), "x", item.pk) for item in entries), Wish(CAP, usd(90 + n), "x"), by=ana)
        for n in range(2)
    ]
    jobs: list[Any] = [lambda item=item: approve(item, bea) for item in reviews]
    jobs += [lambda item=item: a_charge(item, "0.1") for item in entries]
    jobs += [lambda item=item: caps.edit(item.account, usd(1), by=ana) for item in entries[:2]]

    def quietly(job: Any) -> None:
        try:
            job()
        except Invalid:
            pass  # the other approval set it aside

    at_once([lambda job=job: quietly(job) for job in jobs])  # type: ignore[misc]
    states = sorted(Review.objects.values_list("state", flat=True))
    assert states in (["approved", "changes_requested"], ["approved", "superseded"], ["changes_requested", "changes_requested"])
