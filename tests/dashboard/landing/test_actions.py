"""The forms of the page of landings: each asks first, and an agreement holds for what was asked alone."""

from typing import Any

import pytest
from django.utils.timezone import now

from dashboard.landing import views
from orchestration.landing import decisions, reads
from orchestration.models import Executor, Integration, IntegrationCommit, Landing, TreeVerdict
from tests.dashboard.conftest import client_of
from tests.dashboard.page_requests import page_request
from tests.factories import a_workspace, an_entry
from workspaces.models import Workspace

pytestmark = pytest.mark.shop(max_workers=9)

TIP, OTHER = "a" * 40, "b" * 40


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    record_of: list[Any] = []
    for name in ("check_again", "push", "accept", "put_back", "merge_into_base", "revert"):

        def record(workspace: Workspace, *args: Any, by: Any, name: str = name, **more: Any) -> None:
            record_of.append((name, workspace.pk, args, by.name, more))

        monkeypatch.setattr(decisions, name, record)
    return record_of


CASES = [
    ("accept", {"tip": TIP}, "Accept aaaaaaaaaaaa", ("accept", (TIP,), {"from_now_on": False}), "Work starts from aaaaaaaaaaaa now"),
    ("accept", {"tip": TIP, "from_now_on": "on"}, "Accept aaaaaaaaaaaa", ("accept", (TIP,), {"from_now_on": True}), "Work starts from aaaaaaaaaaaa now"),
    ("put-back", {"tip": TIP}, "Put the branch back", ("put_back", (TIP,), {}), "The branch is back at the last good tip"),
    ("merge", {"tip": TIP}, "Merge into main", ("merge_into_base", (TIP,), {}), "main is at aaaaaaaaaaaa"),
    ("revert", {"commit": TIP}, "Revert aaaaaaaaaaaa", ("revert", (TIP,), {}), "The revert of aaaaaaaaaaaa is queued"),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "form", "title", "call", "result"), CASES)
def test_each_asks_first_and_does_what_was_asked(
    shop: Workspace, calls: list[Any], verb: str, form: dict[str, str], title: str, call: Any, result: str
) -> None:
    otto, address = client_of("otto", "operator", shop), f"/w/{shop.pk}/landing/{verb}/"
    question = otto.post(address, form)
    asked = question.context["confirmation"]
    assert (question.status_code, asked["title"], asked["button"], asked["action"], calls) == (409, title, title, address, [])
    seen = otto.post(address, asked["fields"], headers={"HX-Request": "true"})
    assert result in seen.content.decode() and calls == [(call[0], shop.pk, call[1], "otto", call[2])]
    changed = asked["fields"] | {name: OTHER for name in ("tip", "commit") if name in form}
    assert otto.post(address, changed).status_code == 409 and len(calls) == 1
    if verb == "accept":
        other = {"confirm": asked["fields"]["confirm"], "tip": TIP} | ({} if form.get("from_now_on") else {"from_now_on": "on"})
        assert otto.post(address, other).status_code == 409 and len(calls) == 1
    assert client_of("vera", "viewer", shop).post(address, asked["fields"]).status_code == 403


@pytest.mark.parametrize(("verb", "call"), [("check", "check_again"), ("push", "push")])
def test_a_check_and_a_push_are_asked_of_no_one(shop: Workspace, calls: list[Any], verb: str, call: str) -> None:
    assert client_of("otto", "operator", shop).post(f"/w/{shop.pk}/landing/{verb}/").status_code == 303
    assert calls == [(call, shop.pk, (), "otto", {})]


@pytest.mark.parametrize("tip", ["", "a" * 6, "a" * 65, "A" * 40, "HEAD", "--all"])
def test_what_is_no_commit_is_refused(shop: Workspace, calls: list[Any], tip: str) -> None:
    otto = client_of("otto", "operator", shop)
    for verb in ("accept", "put-back", "merge", "revert"):
        form = {"tip": tip, "commit": tip}
        assert otto.post(f"/w/{shop.pk}/landing/{verb}/", form, headers={"HX-Request": "true"}).status_code == 422
    assert calls == []


def test_the_state_is_of_the_tip_of_this_workspace(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    other = a_workspace(name="Other")
    monkeypatch.setattr(reads, "distance", lambda workspace, tip: (workspace.pk, tip))
    for where, tip, state in ((shop, TIP, "waiting"), (other, OTHER, "good")):
        Integration.objects.update_or_create(workspace=where, defaults={"tip": tip, "state": state, "message": "m"})
        Executor.objects.filter(pk=where.pk).update(push_error=f"of {where.name}")
    Executor.objects.filter(pk=shop.pk).update(
        config={"integration_branch": "work", "verify": [{"name": "unit", "run": "true"}], "pass_policy": "strict"}
    )
    seen = views.state_region(page_request(shop))
    assert {name: seen[name] for name in ("badge_name", "is_stopped", "branch_name", "base_branch", "checks_configured", "push_error")} == {
        "badge_name": "tip_waits", "is_stopped": True, "branch_name": "work", "base_branch": "main", "checks_configured": True,
        "push_error": "of Shop"}  # fmt: skip
    assert (seen["integration"].tip, seen["distance"], seen["checks"], seen["verdict"]) == (TIP, (shop.pk, TIP), [], None)
    plain = views.state_region(page_request(other))
    assert (plain["badge_name"], plain["is_stopped"], plain["checks_configured"]) == ("good_tip", False, False)


def test_history_names_the_entries_that_landed_and_the_verdict(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = an_entry(shop), an_entry(shop)
    verdict = TreeVerdict.objects.create(
        workspace=shop, tree="t" * 40, commit=TIP, checks_hash="h", kind="landing", passed=True, checks=[]
    )
    commits = [
        IntegrationCommit.objects.create(workspace=shop, state="done", old=TIP, new=f"{n}" * 40, tree="b" * 40, subject="s", verdict=each)
        for n, each in enumerate((None, verdict))
    ]  # fmt: skip
    for entry in (first, second, None):
        kind = "entry" if entry else "base"
        Landing.objects.create(
            workspace=shop, entry=entry, kind=kind, commit=TIP, state="landed", ended_at=now(), intent=commits[0]
        )
    shown = views.history_region(page_request(shop))["landed"]
    assert [(sorted(entry.seq for entry in row["entries"]), row["verdict"]) for row in shown] == [
        ([], "each entry's own checks pass"), ([1, 2], "no checks")]  # fmt: skip
    for limit, more in ((2, False), (1, True)):
        monkeypatch.setattr(views, "MAX_HISTORY", limit)
        assert views.history_region(page_request(shop))["more_landed"] is more
