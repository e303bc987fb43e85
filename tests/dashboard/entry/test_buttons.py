"""An entry's page offers only what its state and the reader's role allow."""

from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from orchestration import sessions
from orchestration.models import Entry, Executor, PullRequest, Round, Session
from tests.dashboard.conftest import client_of
from tests.dashboard.overview.test_page import text_of
from tests.factories import CLOSED, a_session, a_workspace, an_entry
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
FORGE = {"kind": "github", "repository": "team/shop"}


@pytest.fixture
def shop() -> Workspace:
    return a_workspace(land_by="pull_request", forge=FORGE)


def seen(client: Client, entry: Entry) -> str:
    return text_of(client, f"/w/{entry.workspace_id}/backlog/{entry.pk}/")


def buttons(client: Client, entry: Entry) -> set[str]:
    html = seen(client, entry)
    return {
        name
        for name in ("preflight-open", "act-split", "act-reverify", "act-hold", "act-release", "act-done")
        if f'id="{name}"' in html
    }


def blocked(code: str, status: str = "blocked") -> dict[str, Any]:
    return {"status": status, "reason_code": code, "reason_message": "Because", "reason_at": now()}


@pytest.mark.parametrize(
    ("fields", "offered"),
    [
        ({}, {"preflight-open", "act-hold", "act-done"}),
        (CLOSED, {"act-release"}),
        (blocked("merge_conflict"), {"preflight-open", "act-release", "act-hold", "act-done"}),
        (blocked("human_hold"), {"preflight-open", "act-release", "act-done"}),
        (blocked("merge_conflict", "failed"), {"preflight-open", "act-release", "act-hold", "act-done"}),
        (blocked("waiting_for_approval", "pending"), {"act-hold", "act-done"}),
        ({"is_container": True}, {"act-hold", "act-done"}),
    ],
)
def test_each_state_offers_what_it_allows(shop: Workspace, fields: dict[str, Any], offered: set[str]) -> None:
    entry = an_entry(shop)
    Entry.objects.filter(pk=entry.pk).update(**fields)
    assert buttons(client_of("otto", "operator", shop), entry) == offered


@pytest.mark.parametrize(
    ("fields", "offered"),
    [
        ({}, False),
        ({"has_rounds": True}, True),
        ({"has_rounds": True, **CLOSED}, True),
        ({"has_rounds": True, **blocked("human_hold")}, True),
        ({"has_rounds": True, **blocked("unproven", "pending")}, True),
        ({"has_rounds": True, "is_container": True}, False),
    ],
)
def test_work_that_there_is_can_be_verified_again(shop: Workspace, fields: dict[str, Any], offered: bool) -> None:
    entry = an_entry(shop)
    Entry.objects.filter(pk=entry.pk).update(**fields)
    assert ("act-reverify" in buttons(client_of("otto", "operator", shop), entry)) is offered


def test_an_entry_at_work_is_not_verified_again(shop: Workspace) -> None:
    entry = a_session(an_entry(shop)).entry
    Entry.objects.filter(pk=entry.pk).update(has_rounds=True)
    assert "act-reverify" not in buttons(client_of("otto", "operator", shop), entry)


@pytest.mark.parametrize(
    ("fields", "offered"),
    [
        (blocked("no_improvement"), True),
        (blocked("rounds_exhausted", "failed"), True),
        (blocked("human_hold"), False),
        (blocked("merge_conflict", "failed"), False),
        ({"reason_code": "no_improvement"}, False),
    ],
)
def test_what_is_too_large_may_be_split(shop: Workspace, fields: dict[str, Any], offered: bool) -> None:
    entry = an_entry(shop)
    Entry.objects.filter(pk=entry.pk).update(**fields)
    assert ("act-split" in buttons(client_of("otto", "operator", shop), entry)) is offered
    assert not buttons(client_of("vera", "viewer", shop), entry)


def test_ci_of_the_newest_pull_request_is_summed_up_where_work_lands_so(ana: Client, shop: Workspace) -> None:
    entry = an_entry(shop)
    Entry.objects.filter(pk=entry.pk).update(reason_code="waiting_for_merge", reason_message="Waiting", reason_at=now())
    for number, outcomes in ((1, ["failed"]), (2, ["passed", "neutral", "passed", "pending"])):
        checks = [{"kind": "ci", "name": f"c{n}", "outcome": outcome, "url": ""} for n, outcome in enumerate(outcomes)]
        PullRequest.objects.filter(entry=entry).update(state="closed")
        PullRequest.objects.create(
            workspace=shop, entry=entry, branch="b", base="main", head="c" * 40, state="open", number=number,
            forge_id=f"{number}", url=f"https://x/{number}", checks=checks,
        )  # fmt: skip
    html = seen(ana, entry)
    assert "2 passed, 1 pending, 1 neutral" in html and html.count('href="https://x/2"') == 2 and "1 failed" not in html
    assert "View pull request" in html and "Waiting" in html
    PullRequest.objects.filter(number=2).update(url="")
    assert "View pull request" not in seen(ana, entry)
    PullRequest.objects.filter(number=2).update(url="https://x/2")
    Executor.objects.update(config={})
    assert "https://x/2" not in seen(ana, entry)


def test_an_entry_with_unlanded_work_is_closed_after_a_question(shop: Workspace) -> None:
    otto = client_of("otto", "operator", shop)
    session = a_session(an_entry(shop))
    plain, at_work = an_entry(shop), session.entry
    Round.objects.filter(session=session).update(commit="c" * 40)
    sessions.conclude(session, sessions.Ending(Session.Outcome.INTERRUPTED))
    address = f"/w/{shop.pk}/backlog/{{}}/done/"
    assert "Close without landing" in otto.post(address.format(at_work.pk)).content.decode()
    otto.post(address.format(plain.pk))
    assert {entry.status for entry in Entry.objects.filter(pk=plain.pk)} == {"done"}
    assert Entry.objects.get(pk=at_work.pk).status != "done"
