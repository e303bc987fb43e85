"""Work that waits for a person, as pages and the API show it."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from orchestration.approval import findings, reads
from orchestration.facts.reasons import Reason
from orchestration.models import Approval, Entry, FileLock, Landing, ReviewComment, Round
from tests.factories import a_workspace, an_entry
from tests.orchestration.approval.asked import WHY, asked, entry_of
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
State = Landing.State


@pytest.fixture
def shop() -> Workspace:
    return a_workspace(approve={"mode": "always"})


def test_what_waits_is_listed_the_longest_first(shop: Workspace) -> None:
    other = a_workspace(name="Other")
    late, early, theirs = asked(shop), asked(shop), asked(other)
    for landing, hours in ((late, 1), (early, 2), (theirs, 3)):
        Entry.objects.filter(pk=landing.entry_id).update(reason_at=now() - timedelta(hours=hours))
    for state in (State.QUEUED, State.PROPOSED, State.SENT_BACK, State.LANDED):
        Landing.objects.create(workspace=shop, entry=an_entry(shop), commit="d" * 40, state=state)
    rows = reads.waiting([shop.pk])
    assert [row.entry_id for row in rows] == [early.entry_id, late.entry_id]
    assert (rows[0].workspace_id, rows[0].commit, rows[0].why) == (shop.pk, "c" * 40, WHY)
    assert rows[0].since == entry_of(early).reason_at and rows[0].seq == entry_of(early).seq
    assert reads.waiting([shop.pk, other.pk])[0].entry_id == theirs.entry_id


def test_unproven_work_waits_for_a_person_only_where_nothing_builds_on_it(shop: Workspace) -> None:
    mine, chained = asked(shop), asked(shop)
    Landing.objects.update(state=State.UNPROVEN, approval_needed="")
    Entry.objects.filter(pk=mine.entry_id).update(reason_code=Reason.UNPROVEN, reason_message="No failing test passes by it")
    Entry.objects.filter(pk=chained.entry_id).update(reason_code="waiting_for_dependents")
    assert [(row.entry_id, row.why) for row in reads.waiting([shop.pk])] == [(mine.entry_id, "No failing test passes by it")]


def test_a_review_has_what_is_of_its_entry(shop: Workspace) -> None:
    landing, other = asked(shop), asked(shop)
    entry = entry_of(landing)
    for each, path in ((entry, "b"), (entry, "a"), (other.entry, "c")):
        FileLock.objects.create(workspace=shop, entry=each, path=path)
    for each, commit, days, void in (
        (entry, "1", 2, False),
        (entry, "2", 1, False),
        (entry, "3", 0, True),
        (other.entry, "4", 0, False),
    ):
        at = now() - timedelta(days=days)
        Approval.objects.create(entry=each, commit=commit, by="bob", at=at, void_at=at if void else None)
    ReviewComment.objects.create(entry=other.entry, commit="4", text="theirs", by="bob")
    review = reads.review(entry, lock_hours=5)
    assert review.landing == landing and review.locks == ["a", "b"] and review.comments == []
    assert review.approval is not None and review.approval.commit == "2"
    assert review.locks_free_at == entry.reason_at + timedelta(hours=5)
    assert [round_.entry_id for round_ in review.rounds] == [entry.pk]


def test_where_nothing_waits_no_locks_can_be_released(shop: Workspace) -> None:
    landing = asked(shop)
    Landing.objects.update(state=State.SENT_BACK)
    review = reads.review(entry_of(landing), lock_hours=5)
    assert (review.landing, review.locks_free_at) == (None, None)


def test_notes_on_the_work_as_a_whole_are_those_that_are_no_comments(shop: Workspace) -> None:
    landing = asked(shop)
    comment = ReviewComment.objects.create(
        entry=landing.entry, commit="c", path="a", line=3, quote="x = 1", text="Why?", by="bob"
    )
    first = Round.objects.get(entry=landing.entry)
    texts = [findings.of_note("Shorter", "ana"), findings.of_comment(comment), "check ok: exit 1"]
    Round.objects.filter(pk=first.pk).update(findings=texts)
    Round.objects.create(entry=landing.entry, session=first.session, number=2, findings=[findings.of_note("Nearly", "ana")])
    assert reads.review(entry_of(landing), lock_hours=1).notes == [(1, "review by ana: Shorter"), (2, "review by ana: Nearly")]


def test_the_newest_comments_are_shown_in_their_order(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "MAX_COMMENTS", 2)
    entry = an_entry(shop)
    for text in "abc":
        ReviewComment.objects.create(entry=entry, commit="c", text=text, by="bob")
    assert [comment.text for comment in reads.comments(entry)] == ["b", "c"]
