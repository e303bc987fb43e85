"""The pages of reviews and notices without a browser: roles, refusals and CSV."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from budget import amounts
from budget.amounts import usd
from budget.models import Comment, Decision, Proposal, Review
from budget.reviews import comments, drafting
from budget.reviews.drafting import Wish
from orchestration.models import Entry
from tests.dashboard.overview.test_page import in_line
from tests.dashboard.seeds import entries as seed
from tests.dashboard.shared.test_forms import confirmed
from tests.factories import a_channel, a_review
from workspaces import access
from workspaces.models import Channel, Delivery, Event, Workspace

pytestmark = pytest.mark.django_db
EVIL = '"><script>alert(1)</script>'


@pytest.fixture
def entry(workspace: Workspace) -> Entry:
    return Entry.objects.get(workspace=workspace, seq=5)


@pytest.fixture
def review(workspace: Workspace, entry: Entry, bea: Client) -> Review:
    by = access.of_user(seed.user("bea"))
    return a_review(workspace, Wish(Proposal.Field.BUDGET, usd("7.5"), "harder", entry.pk), by=by)


def url(review: Review, verb: str = "") -> str:
    if verb:
        return reverse("review-act", args=[review.project_id, review.pk, verb])
    return reverse("review", args=[review.project_id, review.pk])


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, response.content[:300]
    return in_line(response.content.decode())


def test_a_viewer_reads_it_and_has_no_form(vera: Client, review: Review, entry: Entry) -> None:
    shown = text(vera, url(review))
    assert "A draft by bea, with 1 change proposed" in shown
    assert f"{amounts.format_usd(entry.account.budget)} → <strong>$7.50</strong>" in shown
    for form in ('id="propose"', 'id="say"', 'id="decide"', 'id="ask"', 'id="edit"'):
        assert form not in shown
    for verb in ("edit", "propose", "ask", "comment", "decide"):
        assert vera.post(url(review, verb)).status_code == 403
    assert Review.objects.get().state == "draft"


def test_outsiders_do_not_see_it(nils: Client, review: Review) -> None:
    assert nils.get(url(review)).status_code == 404
    assert nils.get(reverse("reviews", args=[review.project_id])).status_code == 404


def test_its_author_writes_and_asks_but_does_not_decide(bea: Client, ana: Client, review: Review) -> None:
    assert 'id="propose"' in text(bea, url(review)) and 'id="propose"' not in text(ana, url(review))
    assert bea.post(url(review, "ask"), {"next": url(review)}).status_code == 303
    assert 'id="decide"' in text(ana, url(review)) and 'id="decide"' not in text(bea, url(review))
    form_data = {"decision": "approve", "note": "mine", "version": "1"}
    assert bea.post(url(review, "decide"), form_data).status_code == 403
    assert not Decision.objects.exists()


def test_a_form_without_its_note_goes_back_with_a_sentence(ana: Client, bea: Client, review: Review) -> None:
    bea.post(url(review, "ask"))
    response = ana.post(
        url(review, "decide"), {"decision": "approve", "note": " ", "version": "1", "next": url(review)}, follow=True
    )
    assert "A decision needs a note" in in_line(response.content.decode()) and Review.objects.get().state == "open"


@pytest.mark.parametrize("amount", ["-1", "NaN", "1e999", "1.1234567", "x", ""])
def test_what_is_no_money_is_no_proposal(bea: Client, review: Review, amount: str) -> None:
    form_data = {"target": "max_project_spend", "amount": amount, "reason": "x", "next": url(review)}
    assert bea.post(url(review, "propose"), form_data).status_code == 303
    assert Proposal.objects.count() == 1


def test_a_proposal_takes_the_place_of_another_for_the_same_amount_and_is_taken_back(
    bea: Client, review: Review, entry: Entry
) -> None:
    bea.post(url(review, "propose"), {"target": entry.pk, "amount": "$8", "reason": "more", "lock": "on"})
    assert Proposal.objects.get().after == usd(8)
    bea.post(url(review, "propose"), {"target": "total_budget", "amount": "30", "reason": "more"})
    bea.post(url(review, "withdraw"), {"target": entry.pk})
    assert [proposal.field for proposal in Proposal.objects.all()] == ["total_budget"]


def test_what_people_write_is_text(bea: Client, review: Review, entry: Entry) -> None:
    bea.post(url(review, "comment"), {"text": EVIL, "about": entry.pk})
    bea.post(url(review, "edit"), {"title": EVIL, "required_approvals": "1", "due": ""})
    assert Comment.objects.get().text == EVIL
    assert EVIL not in text(bea, url(review)) and EVIL not in text(bea, reverse("reviews", args=[review.project_id]))


def test_a_name_cannot_break_out_of_the_printed_foot(workspace: Workspace, review: Review, client: Client) -> None:
    name = 'x"; } body { display: none } @page { @bottom-left { content: "y'
    client.force_login(seed.user(name, role="viewer", workspace=workspace))
    css = text(client, reverse("review-footer", args=[workspace.pk, review.pk]))
    assert "body {" not in css and css.count("{") == css.count("}") == 3 and "counter(pages)" in css


def test_the_number_of_queries_does_not_depend_on_comments(
    bea: Client, review: Review, entry: Entry, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        comments.add(review, "hm", by=access.MUSTER, entry_id=entry.pk)
    with django_assert_max_num_queries(22):
        text(bea, url(review))


@pytest.mark.parametrize("sheet", ["lines", "proposals", "comments", "decisions"])
def test_every_table_is_a_csv_that_runs_nothing(bea: Client, review: Review, sheet: str) -> None:
    comments.add(review, "=1+1", by=access.MUSTER)
    drafting.change(
        review, drafting.Changes(proposals=[Wish(Proposal.Field.CAP, usd(9), "@SUM(A1)")]), by=access.of_user(seed.user("bea"))
    )
    response = bea.get(f"{url(review)}?csv={sheet}")
    assert response.headers["Content-Type"].startswith("text/csv") and "attachment" in response.headers["Content-Disposition"]
    body = b"".join(response).decode()
    assert ",=1" not in body and ",@SUM" not in body
    assert {"comments": "'=1+1", "proposals": "'@SUM(A1)"}.get(sheet, "") in body


def test_the_list_is_a_csv_too(bea: Client, review: Review) -> None:
    body = b"".join(bea.get(reverse("reviews", args=[review.project_id]) + "?csv=reviews")).decode()
    assert body.splitlines()[0].startswith("id,number,title") and review.pk in body


def notices(workspace: Workspace) -> str:
    return reverse("notices", args=[workspace.pk])


def test_a_channels_secret_is_on_the_page_that_made_it_only(ana: Client, workspace: Workspace) -> None:
    form_data = {"kind": "webhook", "name": "Ops", "target": "https://hooks.example.com/a/b", "verbs": ["entry.blocked"]}
    created = in_line(ana.post(reverse("channel-new", args=[workspace.pk]), form_data).content.decode())
    assert "whsec_" in created and "whsec_" not in text(ana, notices(workspace))


def test_a_viewer_sees_channels_but_no_target_and_no_button(ana: Client, vera: Client, workspace: Workspace) -> None:
    channel = a_channel(workspace)
    shown = text(vera, notices(workspace))
    assert "1 address" in shown and "team@example.com" not in shown and "Send a test" not in shown
    assert "team@example.com" in text(ana, notices(workspace))
    for verb in ("test", "off", "edit", "remove", "secret"):
        assert vera.post(reverse("channel-act", args=[workspace.pk, channel.pk, verb])).status_code == 403


def test_a_mail_test_without_a_server_is_reported(ana: Client, workspace: Workspace) -> None:
    channel = a_channel(workspace)
    response = ana.post(
        reverse("channel-act", args=[workspace.pk, channel.pk, "test"]), {"next": notices(workspace)}, follow=True
    )
    assert "not delivered" in in_line(response.content.decode()) and "No mail server is set" in in_line(response.content.decode())
    assert Delivery.objects.get().state == "failed"


def test_removing_a_channel_asks_first(ana: Client, workspace: Workspace) -> None:
    channel = a_channel(workspace)
    act = reverse("channel-act", args=[workspace.pk, channel.pk, "remove"])
    assert ana.post(act, {"confirm": "remove"}).status_code == 409 and Channel.objects.exists()
    assert confirmed(ana, act).status_code == 303 and not Channel.objects.exists()
    assert Event.objects.filter(verb="channel.removed").exists()
