"""A person's input to a review arrives whole: title and date, proposals with their lock, comments on an entry, the version seen."""

import csv
import io
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from budget.amounts import usd
from budget.models import Decision, Proposal, Review
from budget.reviews import drafting, reading
from budget.reviews.drafting import Wish
from dashboard.reviews import csv_tables, views
from orchestration.models import Entry
from tests.dashboard.budget.sent import result
from tests.dashboard.conftest import client_of
from tests.dashboard.seeds import entries as seed
from tests.factories import a_charge, a_review, a_workspace, an_entry
from workspaces import access, people
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry(shop: Workspace) -> Entry:
    entry = an_entry(shop, budget="5", content="Paint")
    a_charge(entry, "1.5")
    return entry


@pytest.fixture
def ada(shop: Workspace) -> Client:
    return client_of("ada", "budget", shop)


@pytest.fixture
def review(shop: Workspace, entry: Entry, bea: Client) -> Review:
    due = date(2030, 1, 1)
    wishes = [Wish(Proposal.Field.BUDGET, usd("7.5"), "harder", entry.pk)]
    by = access.of_user(seed.user("bea"))
    return drafting.create(shop.pk, drafting.Draft("November", date(2020, 1, 1), date(2030, 12, 31), due, 2), wishes, by=by)


def act(client: Client, review: Review, verb: str, **form: str) -> str:
    return result(client.post(reverse("review-act", args=[review.project_id, review.pk, verb]), form))[0]


def test_a_new_review_is_a_draft_of_the_person_over_the_days_that_were_chosen(bea: Client, shop: Workspace) -> None:
    form = {
        "title": "May",
        "due": "2030-06-07",
        "required_approvals": "2",
        "period_from": "2030-05-01",
        "period_to": "2030-05-31",
    }
    response = bea.post(reverse("review-new", args=[shop.pk]), form)
    review = Review.objects.get()
    assert (response.status_code, response.headers["Location"]) == (303, reverse("review", args=[shop.pk, review.pk]))
    assert (review.project_id, review.author, review.state, review.title, review.required_approvals) == (
        shop.pk,
        "bea",
        "draft",
        "May",
        2,
    )
    assert (review.period_from, review.period_to, review.due) == (date(2030, 5, 1), date(2030, 5, 31), date(2030, 6, 7))


@pytest.mark.parametrize(("sent", "due"), [("2030-02-03", date(2030, 2, 3)), ("", None)])
def test_an_edit_sets_title_date_and_approvals_and_leaves_the_proposals(
    bea: Client, review: Review, sent: str, due: date | None
) -> None:
    act(bea, review, "edit", title="December", due=sent, required_approvals="1")
    review.refresh_from_db()
    assert (review.title, review.due, review.required_approvals, review.proposals.count()) == ("December", due, 1, 1)


@pytest.mark.parametrize("lock", [True, False])
def test_a_proposal_has_its_amount_reason_and_lock(bea: Client, review: Review, shop: Workspace, lock: bool) -> None:
    other = an_entry(shop, budget="3")
    form = {"target": other.pk, "amount": "4", "reason": "more"} | ({"lock": "on"} if lock else {})
    assert act(bea, review, "propose", **form) == "The proposal is added"
    kept = review.proposals.get(account_id=other.pk)
    assert (kept.field, kept.before, kept.after, kept.reason, kept.lock) == ("budget", usd(3), usd(4), "more", lock)
    act(bea, review, "propose", target="max_project_spend", amount="90", reason="less")
    act(bea, review, "withdraw", target=other.pk)
    assert sorted(review.proposals.values_list("field", "after")) == [("budget", usd("7.5")), ("max_project_spend", usd(90))]


def test_a_comment_is_about_an_entry_or_the_whole(bea: Client, review: Review, entry: Entry) -> None:
    act(bea, review, "comment", text="Sure?", about=entry.pk)
    act(bea, review, "comment", text="Fine", about="")
    rows = review.comments.order_by("id").values_list("author", "text", "line__account_id")
    assert list(rows) == [("bea", "Sure?", entry.pk), ("bea", "Fine", None)]


def test_a_decision_is_on_the_version_that_was_seen(bea: Client, ada: Client, review: Review, shop: Workspace) -> None:
    assert act(bea, review, "ask") == "Version 1 of Review #1 needs 2 approvals"
    act(ada, review, "decide", decision="request_changes", note="less", version="1")
    act(bea, review, "edit", title="November", due="", required_approvals="1")
    assert act(bea, review, "ask") == "Version 2 of Review #1 needs 1 approval"
    address = reverse("review-act", args=[shop.pk, review.pk, "decide"])
    form = {"decision": "approve", "note": "good", "version": "1"}
    assert ada.post(address, form, headers={"HX-Request": "true"}).status_code == 422 and Decision.objects.count() == 1
    assert act(ada, review, "decide", **form | {"version": "2"}) == "Approved by ada: 1 change was applied."
    assert Decision.objects.values_list("reviewer", "version", "verdict", "note").latest("id") == ("ada", 2, "approve", "good")


def test_a_review_of_another_workspace_is_neither_read_nor_changed_here(bea: Client, review: Review) -> None:
    theirs = a_review(a_workspace(name="Other"))
    here = review.project_id
    assert bea.get(reverse("review", args=[here, theirs.pk])).status_code == 404
    assert bea.get(reverse("review-footer", args=[here, theirs.pk])).status_code == 404
    assert bea.post(reverse("review-act", args=[here, theirs.pk, "comment"]), {"text": "x"}).status_code == 404


def test_the_printed_foot_has_the_persons_own_time_and_the_lines_it_shows(
    bea: Client, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.save_preferences(seed.user("bea"), time_zone="Asia/Kathmandu")
    monkeypatch.setattr(views, "now", lambda: datetime(2026, 8, 4, 20, tzinfo=UTC))
    address = reverse("review-footer", args=[review.project_id, review.pk])
    css = bea.get(address, {"only": "over"}).content.decode()
    text = re.sub(r"\\([0-9a-f]+) ", lambda match: chr(int(match[1], 16)), css)
    assert "Only entries over their plan" in text and "5 Aug" in text and "01:45" in text and "by bea" in text
    assert f"Review #1 · figures as of ledger row {review.as_of_ledger} · All entries" in re.sub(
        r"\\([0-9a-f]+) ", lambda match: chr(int(match[1], 16)), bea.get(address, {"only": "x"}).content.decode()
    )


def rows(response: Any) -> tuple[str, list[dict[str, str]]]:
    text = b"".join(response.streaming_content).decode()
    return response.headers["Content-Disposition"].partition('"')[2].rpartition("-")[0], list(csv.DictReader(io.StringIO(text)))


def test_each_table_has_its_rows_whole(bea: Client, ada: Client, review: Review, entry: Entry) -> None:
    act(bea, review, "comment", text="Sure?", about=entry.pk)
    act(bea, review, "ask")
    act(ada, review, "decide", decision="request_changes", note="less", version="1")
    act(bea, review, "ask")
    act(ada, review, "decide", decision="approve", note="good", version="2")
    whole = reading.load(Review.objects.get(pk=review.pk))
    name, [line] = rows(csv_tables.lines(whole))
    assert name == "review-1-lines" and (line["entry_id"], line["budget_usd"], line["spent_usd"]) == (entry.pk, "5", "1.5")
    assert rows(csv_tables.proposals(whole)) == (
        "review-1-proposals",
        [{"entry_id": entry.pk, "field": "budget", "before_usd": "5", "after_usd": "7.5", "lock": "True", "reason": "harder"}],
    )
    name, [comment] = rows(csv_tables.comments(whole))
    assert name == "review-1-comments" and (comment["author"], comment["entry_id"], comment["text"]) == ("bea", entry.pk, "Sure?")
    name, decisions = rows(csv_tables.decisions(whole))
    assert name == "review-1-decisions" and [
        [row["reviewer"], row["version"], row["decision"], row["note"]] for row in decisions
    ] == [
        ["ada", "1", "request_changes", "less"],
        ["ada", "2", "approve", "good"],
    ]
    a_review(a_workspace(name="Other"))
    name, [row] = rows(csv_tables.reviews(review.project_id))
    kept = (
        "number",
        "title",
        "state",
        "version",
        "required_approvals",
        "approvals",
        "due",
        "author",
        "period_spent_usd",
        "variance_usd",
    )
    assert name == "reviews"
    assert [row[field] for field in kept] == [
        "1",
        "November",
        "open",
        "2",
        "2",
        "1",
        "2030-01-01",
        "bea",
        "1.5",
        row["variance_usd"],
    ]


def test_a_viewer_gets_no_reason_why_they_cannot_decide(bea: Client, review: Review, shop: Workspace) -> None:
    act(bea, review, "ask")
    address = reverse("review", args=[shop.pk, review.pk])
    shown = [
        client_of(name, role, shop).get(address).context["why_not"] for name, role in (("vera", "viewer"), ("bea", "budget"))
    ]
    assert shown[0] == "" and shown[1].startswith("You cannot decide on your own review")
