"""The numbers, the attention list and the last day of the overview: each counts its own rows of its own workspace."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.timezone import now

from budget import ledger
from budget.amounts import usd
from budget.limits import caps
from budget.models import Category, ForecastRecord, LedgerEntry, Project
from budget.reviews import drafting
from dashboard.overview import last_day, setup, tally, views
from dashboard.shared import counts, header
from orchestration.backlog import dependencies
from orchestration.facts.reasons import Reason
from orchestration.models import (
    AgentCheck,
    Entry,
    Executor,
    FileLock,
    Integration,
    IntegrationCommit,
    Landing,
    Question,
    Session,
    TreeVerdict,
    Worker,
)
from tests.dashboard.page_requests import page_request
from tests.factories import (
    ANA,
    CLOSED,
    a_charge,
    a_review,
    a_session,
    a_worker,
    a_workspace,
    an_entry,
    an_open_breaker,
    ended,
    project,
    some_entries,
)
from workspaces.models import Role, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    """Beside another workspace with one of everything."""
    other = a_workspace(name="Other")
    session = ended(a_session(an_entry(other)), outcome="passed")
    lost = an_entry(other)
    Session.objects.create(
        id=f"sess_{'9' * 20}", workspace=other, entry=lost, attempt=1, status="ended", outcome="lost", ended_at=now()
    )
    Question.objects.create(workspace=other, entry=lost, session=session, name="of others", text="Which?")
    IntegrationCommit.objects.create(workspace=other, old="0" * 40, new="1" * 40, tree="1" * 40, subject="x", state="done")
    TreeVerdict.objects.create(
        workspace=other, commit="1" * 40, tree="1" * 40, checks_hash="other", passed=True, kind="tip",
        checks=[{"name": "unit", "raw_passed": True, "passed": True}],
    )  # fmt: skip
    landed(an_entry(other), 1, session_id=f"sess_{'8' * 20}")
    for entry, (status, reason) in zip(some_entries(other, "a", "b", "c"), STUCK, strict=True):
        stuck(entry, status, reason, reason_at=now())
    a_charge(None, "5", category="expansion", in_=other)
    return a_workspace(name="Shop")


STUCK = (("failed", "rounds_exhausted"), ("blocked", "human_hold"), ("pending", "waiting_for_approval"))


def stuck(entry: Entry, status: str, reason: str, **more: Any) -> None:
    Entry.objects.filter(pk=entry.pk).update(status=status, reason_code=reason, reason_message="Why.", **more)


def read(workspace: Workspace) -> dict[str, Any]:
    return tally.of(page_request(workspace))


# Numbers


def test_without_an_entry_all_is_zero(shop: Workspace) -> None:
    shown = read(shop)
    assert not shown["some"] and not shown["landed"] and not shown["unreachable"] and shown["last_failure"] is None
    waits = ("request_waits_since", "request_waits_in", "requests_wait")
    assert {shown[name] for name in waits} == {None}
    no_numbers = ("some", "landed", "unreachable", "last_failure", *waits)
    numbers = {name: n for name, n in shown.items() if name not in no_numbers}
    assert set(numbers.values()) == {0}, numbers


def test_once_it_has_landed_something_itself_a_workspace_has_landed(shop: Workspace) -> None:
    assert not read(shop)["landed"] and views.first_steps(page_request(shop))["setup_shown"]
    IntegrationCommit.objects.create(workspace=shop, old="0" * 40, new="2" * 40, tree="2" * 40, subject="x", state="done")
    assert read(shop)["landed"] and not views.first_steps(page_request(shop))["setup_shown"]


def test_each_entry_counts_where_it_stands(shop: Workspace) -> None:
    names = ["done", "running", "ready", "later", "parked", "waits", "held", "failed", "approval", "unfunded", "gone", "fresh"]
    created = dict(zip(names, some_entries(shop, *names), strict=True))
    Entry.objects.filter(pk=created["done"].pk).update(**CLOSED)
    Entry.objects.filter(pk=created["running"].pk).update(status="in_progress")
    dependencies.depend(created["later"], created["ready"], by=ANA)
    Entry.objects.filter(pk=created["waits"].pk).update(not_before=now() + timedelta(hours=1))
    Entry.objects.filter(pk=created["parked"].pk).update(not_before=now() - timedelta(hours=1))
    at = now()
    stuck(created["held"], "blocked", Reason.BUDGET_EXCEEDED, reason_at=at - timedelta(hours=25))
    stuck(created["fresh"], "blocked", Reason.BUDGET_EXCEEDED, reason_at=at)
    stuck(created["failed"], "failed", Reason.ROUNDS_EXHAUSTED, reason_at=at)
    stuck(created["approval"], "pending", Reason.WAITING_FOR_APPROVAL, reason_at=at)
    stuck(created["unfunded"], "blocked", Reason.PROJECT_BUDGET_EXCEEDED, reason_at=at - timedelta(hours=23))
    Entry.objects.filter(pk=created["gone"].pk).update(deleted_at=at)
    shown = read(shop)
    expected = {"total": 11, "done": 1, "running": 1, "ready": 2, "waiting": 4, "review": 1, "blocked": 3,
                "failed": 1, "unfunded": 1, "asked": 0}  # fmt: skip
    assert {name: shown[name] for name in expected} == expected and shown["some"]
    assert shown["stuck"] == 3  # held, fresh and approval: unfunded is one item of its own


def test_what_waits_for_an_answer_is_in_review_and_not_ready(shop: Workspace) -> None:
    asks, _, answered = some_entries(shop, "a", "b", "c")
    for entry, at in ((asks, None), (answered, now())):
        session = a_session(entry)
        Question.objects.create(
            workspace=shop, entry=entry, session=session, name=entry.pk, text="Which?", answered_at=at,
            **({"answer": "This."} if at else {}),
        )  # fmt: skip
        Entry.objects.filter(workspace=shop).update(status="pending")
    shown = read(shop)
    assert (shown["asked"], shown["review"], shown["ready"], shown["waiting"]) == (1, 1, 2, 2)


def test_the_last_session_that_failed_is_named(shop: Workspace) -> None:
    at = now()
    for n, (outcome, hours) in enumerate([("passed", 1), ("failed", 2), ("crashed", 30), ("passed", 25), ("stopped", 0)]):
        Session.objects.create(
            id=f"sess_{n:020}", workspace=shop, entry=an_entry(shop), attempt=1, status="ended", outcome=outcome,
            ended_at=at - timedelta(hours=hours),
        )  # fmt: skip
    assert read(shop)["last_failure"] == at - timedelta(hours=2)
    Session.objects.filter(outcome="failed", workspace=shop).delete()
    assert read(shop)["last_failure"] == at - timedelta(hours=30)


@pytest.mark.parametrize("outcome", [outcome for outcome in Session.Outcome if outcome])
def test_a_failure_is_a_session_that_failed_crashed_was_lost_or_ran_out_of_time(shop: Workspace, outcome: str) -> None:
    at = now() - timedelta(hours=1)
    Session.objects.create(
        id=f"sess_{0:020}", workspace=shop, entry=an_entry(shop), attempt=1, status="ended", outcome=outcome, ended_at=at
    )
    is_failure = outcome in ("failed", "crashed", "lost", "timed_out")
    assert read(shop)["last_failure"] == (at if is_failure else None)


def test_spend_is_of_the_utc_day_and_of_the_last_24_hours(shop: Workspace) -> None:
    noon = datetime(2026, 8, 4, 12, tzinfo=UTC)
    midnight = noon - timedelta(hours=12)
    for amount, at in ((1, midnight), (20, midnight - timedelta(seconds=1)), (300, midnight - timedelta(hours=12, seconds=1)),
                       (4000, midnight - timedelta(hours=24))):  # fmt: skip
        item = ledger.Charge(f"{amount}", amount, LedgerEntry.PriceSource.REPORTED, Category.ORCHESTRATOR, at=at)
        ledger.charge(project(shop), item, actor="agent")
    with timezone.override("Pacific/Auckland"):  # another day than UTC for half of it
        shown = tally._read(shop, timezone.localtime(noon))
    assert (shown["today"], shown["day"]) == (1, 21)


def test_a_long_list_is_counted_to_its_end_or_as_more(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    some_entries(shop, "a", "b", "c")
    for most, number in ((3, 3), (2, 3), (1, 2)):
        monkeypatch.setattr(counts, "COUNTED_TO", most)
        assert read(shop)["total"] == number
    assert counts.text(1) == "1" and counts.text(2) == "1+"


# The attention list


def needs(workspace: Workspace, role: Role = Role.ADMIN) -> list[str]:
    """The words of each item."""
    shown = views.needs(page_request(workspace, role=role, name="bea"))
    return ["".join(text for text, _ in item.pieces) for item in shown["needs"]]


def quiet(workspace: Workspace) -> None:
    """Nothing of the executor itself needs a person, however slow this machine is."""
    control = a_worker(queue="control")
    Worker.objects.filter(pk=control.pk).update(ticked_at=now() + timedelta(hours=1))


def test_alerts_come_first_then_what_waits_for_people_then_the_newest_that_is_stuck(shop: Workspace) -> None:
    quiet(shop)
    assert needs(shop) == []
    single, two, three = some_entries(shop, "one", "two", "three")
    at = now()
    stuck(single, "blocked", Reason.HUMAN_HOLD, reason_at=at - timedelta(hours=2))
    stuck(two, "failed", Reason.ROUNDS_EXHAUSTED, reason_at=at - timedelta(hours=1))
    stuck(three, "blocked", Reason.PROJECT_BUDGET_EXCEEDED, reason_at=at)
    assert needs(shop)[:2] == [
        "1 entry has no money: nothing is left under the cap or in the total budget", f"#{two.seq} two · Why."]  # fmt: skip
    Executor.objects.filter(pk=shop.pk).update(
        repository_code="gone", repository_message="None.", repository_since=at,
    )  # fmt: skip
    an_open_breaker(shop, since=at)
    Project.objects.filter(pk=shop.pk).update(max_project_spend=0)
    assert needs(shop)[:3] == [
        "The hard cap of $0.00 is reached: no session starts", "Nothing can start. None.", "Agents cannot run. No key."]  # fmt: skip


def test_the_last_failure_is_named_where_nothing_needs_a_person(shop: Workspace) -> None:
    quiet(shop)
    at = now() - timedelta(hours=30)
    entry = an_entry(shop)
    Session.objects.create(
        id=f"sess_{0:020}", workspace=shop, entry=entry, attempt=1, status="ended", outcome="lost", ended_at=at
    )
    assert views.needs(page_request(shop))["last_failure"] == at
    stuck(entry, "failed", Reason.ROUNDS_EXHAUSTED)
    assert views.needs(page_request(shop))["last_failure"] is None


def test_paths_that_idle_entries_lock_are_counted(shop: Workspace) -> None:
    quiet(shop)
    first, second = some_entries(shop, "a", "b")
    for n, words in enumerate(("A path is locked by an idle entry", "2 paths are locked by idle entries")):
        FileLock.objects.create(workspace=shop, entry=(first, second)[n], path=f"src/{n}.py")
        Entry.objects.filter(workspace=shop).update(**CLOSED)
        assert [text for text in needs(shop) if "locked" in text] in ([words], [])


def test_a_review_is_named_to_who_may_decide_it(shop: Workspace) -> None:
    quiet(shop)
    for words in ("A review waits for your decision", "2 reviews wait for your decision"):
        drafting.request(a_review(shop, by=ANA), by=ANA)
        assert needs(shop) == [words] and needs(shop, Role.OPERATOR) == []
    assert [alert.sentence for alert in header.alerts_of(page_request(shop))] == []  # ana wrote them


# The header


# The last day


def landed(entry: Entry, hours: float, *, session_id: str = "", **more: Any) -> None:
    session = Session.objects.create(
        id=session_id or f"sess_{entry.seq:020}", workspace=entry.workspace, entry=entry, attempt=1, status="ended", outcome="passed",
        ended_at=now(),
    )  # fmt: skip
    round_ = entry.rounds.create(session=session, number=1)
    fields = {"state": "landed", "ended_at": now() - timedelta(hours=hours)} | more
    Landing.objects.create(workspace=entry.workspace, entry=entry, round=round_, commit="1" * 40, **fields)


def test_what_landed_within_a_day_is_counted_and_the_newest_five_are_named(shop: Workspace) -> None:
    for n, entry in enumerate(some_entries(shop, *(f"do {n}\n\nmore" for n in range(8)))):
        if n == 0:
            landed(entry, 30)
        elif n == 1:
            landed(entry, 1, state="refused")
        else:
            landed(entry, 8 - n)
    shown = last_day.region(page_request(shop), spent=7)
    assert (shown["landed_in_day"], shown["landed_more"], shown["spent_in_day"]) == (6, False, 7)
    assert [(row["entry__seq"], row["title"]) for row in shown["finished"]] == [(n + 1, f"do {n}") for n in (7, 6, 5, 4, 3)]


def test_more_than_so_many_landings_of_a_day_are_shown_to_be_more(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_day, "MAX_LANDINGS", 2)
    for number, more in ((1, False), (2, True)):
        landed(an_entry(shop), 1)
        shown = last_day.region(page_request(shop), spent=0)
        assert (shown["landed_in_day"], shown["landed_more"]) == (number, more)


# Setup


@pytest.mark.parametrize(
    ("landed_before", "agent", "unreachable", "shown"),
    [
        (False, True, {}, True),
        (True, True, {}, False),
        (True, None, {}, False),
        (True, "none", {}, False),
        (True, False, {}, True),
        (True, True, {"east": "no route"}, True),
    ],
)
def test_the_setup_is_shown_until_something_landed_and_while_something_does_not_work(
    shop: Workspace, landed_before: bool, agent: bool | str | None, unreachable: dict[str, str], shown: bool
) -> None:
    if agent != "none":
        AgentCheck.objects.create(workspace=shop, ok=agent)
    region = setup.region(page_request(shop), has_landed=landed_before, unreachable=unreachable)
    assert region["setup_shown"] is shown


def test_the_setup_shows_the_verdict_of_the_tip_and_whether_there_are_checks(shop: Workspace) -> None:
    region = setup.region(page_request(shop), has_landed=False, unreachable={})
    assert (region["base"], region["checks_configured"], region["cannot_run"]) == (None, False, False)
    Integration.objects.update_or_create(workspace=shop, defaults={"tip": "1" * 40, "state": "unusable", "message": "x"})
    Executor.objects.filter(pk=shop.pk).update(config={"verify": [{"name": "unit", "run": "true"}]})
    for commit, passed in (("1", True), ("1", False), ("2", True)):
        TreeVerdict.objects.create(
            workspace=shop,
            commit=commit * 40,
            tree=commit * 40,
            checks_hash=f"{commit}{passed}",
            passed=passed,
            kind="tip",
            checks=[{"name": "unit", "raw_passed": passed, "passed": True}],
        )
    region = setup.region(page_request(shop), has_landed=False, unreachable={})
    assert region["checks_configured"] and region["cannot_run"] and region["base"].green is False


# Money and workers


def test_the_money_names_categories_with_spend_and_limits_that_are_reached(shop: Workspace) -> None:
    a_charge(None, "2", category="expansion", in_=shop)
    for category, period, amount in (("expansion", "all", 2), ("total", "day", 5), ("entry", "all", 1), ("expansion", "day", 1)):
        caps.set_limit(project(shop), category, period, usd(amount), by=ANA)
    shown = views.money(page_request(shop))
    assert [label for label, _ in shown["categories"]] == [views.LABELS["entry"], views.LABELS["expansion"]]
    assert [words for words, _ in shown["limits_reached"]] == [
        "the limit of $2.00 for expansion", "today's limit of $1.00 for expansion"]  # fmt: skip
    assert (shown["left"], shown["today"], shown["day_limit"]) == (usd(98), usd(2), usd(5))
    caps.set_limit(project(shop), "total", "day", None, by=ANA)
    assert views.money(page_request(shop))["day_limit"] is None


def test_the_status_has_the_finish_while_dispatch_goes_on(shop: Workspace) -> None:
    assert views.now_(page_request(shop))["finish"] is None
    ForecastRecord.objects.create(
        project_id=shop.pk,
        computed_at=now(),
        version=0,
        event=0,
        enough=True,
        why_not="",
        rate=usd(1),
        end_at=(end := now() + timedelta(hours=2)),
    )
    assert views.now_(page_request(shop))["finish"] == end, "it does not move with the clock"
    Executor.objects.filter(pk=shop.pk).update(state="paused")
    assert views.now_(page_request(shop))["finish"] is None


def test_eight_sessions_are_shown_and_the_others_counted(shop: Workspace) -> None:
    Executor.objects.filter(pk=shop.pk).update(config={"max_workers": 10})
    some_entries(shop, *(f"do {n}" for n in range(9)))
    a_session(an_entry(shop))
    shown = views.workers(page_request(shop))
    assert (len(shown["workers"]), shown["more_workers"]) == (8, 2)
