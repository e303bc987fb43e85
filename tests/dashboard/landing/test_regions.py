"""The page of landings shows the branch, the queue, the history and the way out."""

from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from dashboard.landing import views
from orchestration.landing import reads
from orchestration.landing.reads import Distance, Summary
from orchestration.models import Entry, Executor, Integration, IntegrationCommit, Landing, PullRequest, Session, TreeVerdict
from tests.dashboard.page_requests import page_request
from tests.factories import a_workspace, an_entry
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db

RED = Summary(passing=1, failing=1, green=False, checks=({"name": "unit"},))


@pytest.fixture
def shop() -> Workspace:
    other = a_workspace(name="Other")
    a_landing(an_entry(other), "queued")
    a_landing(an_entry(other), "waiting")
    return a_workspace()


def a_landing(entry: Entry, state: str, **more: Any) -> Landing:
    session = Session.objects.create(
        id=f"sess_{Session.objects.count():020}", workspace=entry.workspace, entry=entry, attempt=1, status="ended",
        outcome="passed", ended_at=now(),
    )  # fmt: skip
    round_ = entry.rounds.create(session=session, number=1)
    over = {"ended_at": now()} if state in ("landed", "refused") else {}
    return Landing.objects.create(
        workspace=entry.workspace, entry=entry, round=round_, commit="1" * 40, state=state, **over | more
    )


@pytest.mark.parametrize(
    ("state", "summary", "badge"),
    [
        ("good", None, "good_tip"),
        ("good", RED, "usable_tip"),
        ("good", Summary(green=True, checks=({"name": "unit"},)), "good_tip"),
        ("good", Summary(green=False), "good_tip"),
        ("red", RED, "red_tip"),
        ("unknown", None, "judging"),
        ("waiting", None, "tip_waits"),
        ("unusable", RED, "unusable_tip"),
    ],
)
def test_a_branch_is_good_where_all_pass_and_usable_where_some_failed_from_the_start(
    state: str, summary: Summary | None, badge: str
) -> None:
    assert views._badge(Integration(state=state), summary) == badge


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        (None, "no checks"),
        (Summary(), "each entry's own checks pass"),
        (Summary(green=True, passing=3, checks=({},)), "all 3 pass"),
        (Summary(green=True, checks=({},)), "all pass"),
        (Summary(passing=1, failing=2, checks=({},)), "no regression, 1 of 3 pass"),
        (Summary(passing=1, checks=({},)), "no regression"),
    ],
)
def test_the_verdict_that_let_work_land_is_in_words(summary: Summary | None, words: str) -> None:
    assert views._verdict(summary) == words


def test_a_summary_adds_up_the_cases_of_all_checks() -> None:
    checks: list[dict[str, Any]] = [
        {"name": "a", "raw_passed": False, "passed": True, "cases": {"passing": 2, "failing": ["x"], "passed": ["y"]}},
        {"name": "b", "raw_passed": True, "passed": True, "cases": {"passing": 1, "failing": ["z"]}},
        {"name": "c", "raw_passed": True, "passed": True, "cases": None},
    ]
    shown = reads.summary(TreeVerdict(checks=checks, seconds=3.5))
    assert (shown.passing, shown.failing, shown.total, shown.seconds, shown.names) == (3, 2, 5, 3.5, ("x", "z"))
    assert reads.shown_check(checks[0]) == {"name": "a", "passed": True, "cases": {"passing": 2, "failing": ["x"]}}


def test_the_queue_and_what_waits_for_people_are_apart_and_of_this_workspace(shop: Workspace) -> None:
    queued, waiting, merging, over = (an_entry(shop) for _ in range(4))
    later = a_landing(merging, "proposed")
    rows = [a_landing(queued, "queued"), a_landing(waiting, "waiting")]
    a_landing(over, "landed")
    for state, url in (("closed", "https://old"), ("open", "https://new")):
        PullRequest.objects.create(
            workspace=shop,
            entry=merging,
            state=state,
            url=url,
            branch=state,
            base="main",
            head="1" * 40,
            number=1,
            forge_id=state,
        )
    shown = views.queue_region(page_request(shop))
    assert [row.pk for row in shown["queued"]] == [rows[0].pk]
    assert [(row.pk, row.pull_url) for row in shown["with_people"]] == [(later.pk, "https://new"), (rows[1].pk, None)]


def test_fifty_of_the_history_are_shown_the_newest_first(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MAX_HISTORY", 2)
    for n, (where, state) in enumerate([(shop, "done"), (shop, "done"), (a_workspace(name="Else"), "done"), (shop, "intended")]):
        IntegrationCommit.objects.create(workspace=where, state=state, old="a" * 40, new=str(n) * 40, tree="b" * 40, subject="s")
    shown = views.history_region(page_request(shop))
    assert ([row["row"].pk for row in shown["landed"]], shown["more_landed"]) == (
        sorted(IntegrationCommit.objects.filter(workspace=shop, state="done").values_list("pk", flat=True), reverse=True), False)  # fmt: skip


def test_the_way_out_counts_all_files_and_names_the_first(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [("a.py", 3, 1), ("b.py", 20, 0), ("c.bin", 0, 0)]
    monkeypatch.setattr(views.reads, "changed_files", lambda workspace, tip: files)
    monkeypatch.setattr(views.reads, "distance", lambda workspace, tip: Distance(3, 2))
    monkeypatch.setattr(views, "MAX_FILES", 2)
    shown = views.way_out_region(page_request(shop))
    assert (shown["files"], shown["files_count"], shown["inserted"], shown["deleted"]) == (files[:2], 3, 23, 1)
    assert (shown["remote"], shown["push_configured"], shown["distance"]) == ("origin", False, Distance(3, 2))
    Executor.objects.filter(pk=shop.pk).update(config={"push": {"remote": "upstream"}})
    shown = views.way_out_region(page_request(shop))
    assert (shown["remote"], shown["push_configured"]) == ("upstream", True)


@pytest.mark.parametrize(
    ("state", "behind", "tip", "merge"),
    [("good", 0, "1" * 40, True), ("red", 0, "1" * 40, False), ("good", 1, "1" * 40, False), ("good", 0, "", False)],
)
def test_a_good_tip_that_has_all_of_the_base_is_merged_by_a_button(
    ana: Client, shop: Workspace, monkeypatch: pytest.MonkeyPatch, state: str, behind: int, tip: str, merge: bool
) -> None:
    monkeypatch.setattr(views.reads, "changed_files", lambda workspace, tip: [("a.py", 3, 1)])
    monkeypatch.setattr(views.reads, "distance", lambda workspace, tip: Distance(3, behind))
    Integration.objects.update_or_create(workspace=shop, defaults={"state": state, "tip": tip, "message": "m"})
    seen = ana.get(f"/w/{shop.pk}/landing/", {"fragment": "way-out"}).content.decode()
    assert ("Merge into main" in seen) is merge and "<code>a.py</code>" in seen
    assert ("1 file," in " ".join(seen.split())) is (state == "good")
    tip_region = ana.get(f"/w/{shop.pk}/landing/", {"fragment": "tip"}).content.decode()
    assert ("Nothing starts and nothing is paid" in tip_region) is (state == "red")
