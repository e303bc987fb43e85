"""A cycle reads the entries that are in line, and the state around them, of one workspace."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils.timezone import now

from budget.amounts import usd
from budget.ledger import requests
from budget.models import Account, Category, Hold, Limit, Project
from orchestration import configuration
from orchestration.configuration.provider_trouble import ModelAccess
from orchestration.executor import dispatch, plan, snapshot
from orchestration.executor.plan import CycleInput
from orchestration.models import Entry, Executor, FileLock, Integration, Landing, ProviderBreaker, Question, Session, Worker
from tests.factories import CLOSED, a_charge, a_session, a_worker, a_workspace, an_entry, ended, project, some_entries
from workspaces.machine import hosts
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
STUCK = {"reason_code": "human_hold", "reason_message": "On hold"}


@pytest.fixture
def shop() -> Workspace:
    a_worker(slots=9, host="one")
    return a_workspace()


def cycle_input(shop: Workspace) -> CycleInput:
    return snapshot.cycle_input(shop.pk, lock=False)


def line(shop: Workspace, limit: int = 20) -> list[int]:
    return [entry.seq for entry in snapshot.line(shop.pk, cycle_input(shop), limit)]


@pytest.mark.parametrize(
    ("fields", "is_in_line"),
    [
        ({}, True),
        ({"not_before": now() - timedelta(days=1)}, True),
        ({"not_before": now() + timedelta(days=1)}, False),
        ({"status": "blocked", **STUCK}, False),
        ({"status": "failed", **STUCK}, False),
        ({"status": "in_progress"}, False),
        ({**CLOSED}, False),
        ({"deleted_at": now()}, False),
        ({"unmet_dependencies": 1}, False),
        ({"reason_code": "waiting_for_approval", "reason_message": "x"}, False),
        ({"reason_code": "waiting_for_merge", "reason_message": "x"}, False),
        ({"reason_code": "unproven", "reason_message": "x"}, False),
        ({"reason_code": "waiting_for_proof", "reason_message": "x"}, False),
        ({"reason_code": "files_locked", "reason_message": "x"}, True),
    ],
)
def test_an_entry_is_in_line_if_nothing_keeps_it_for_longer_than_a_cycle(
    shop: Workspace, fields: dict[str, Any], is_in_line: bool
) -> None:
    entry, other = an_entry(shop), an_entry(shop)
    an_entry(a_workspace(name="Other"))
    Entry.objects.filter(pk=entry.pk).update(**fields)
    assert line(shop) == ([1, 2] if is_in_line else [2]) and line(shop, limit=1) == [1 if is_in_line else 2]
    Entry.objects.filter(pk=other.pk).update(parked_behind=entry)
    assert line(shop) == [1] * is_in_line


def test_an_entry_that_asked_is_in_line_again_once_each_question_is_answered(shop: Workspace) -> None:
    session = a_session(an_entry(shop, budget="9"))
    ended(session)
    for name in ("first", "second"):
        Question.objects.create(workspace=shop, entry=session.entry, session=session, name=name, text=f"{name}?")
    assert line(shop) == []
    [waiting] = snapshot.unfinished(shop.pk, cycle_input(shop))
    assert waiting.question == "first?"
    Question.objects.filter(name="first").update(answer="yes", answered_at=now())
    assert line(shop) == []
    Question.objects.update(answer="yes", answered_at=now())
    assert line(shop) == [1]


@pytest.mark.parametrize(
    ("account", "entry", "is_in_line"),
    [
        ({}, {}, False),
        ({"budget": usd(5)}, {}, True),
        ({"own_budget": False}, {}, True),
        ({"own_budget": False, "human_locked": True}, {}, False),
        ({}, {"next_work": "verify"}, True),
    ],
)
def test_what_waits_for_the_money_of_an_absent_host_is_not_in_line(
    shop: Workspace, account: dict[str, Any], entry: dict[str, Any], is_in_line: bool
) -> None:
    row = an_entry(shop, budget="2")
    Hold.objects.create(project_id=shop.pk, account_id=row.account_id, session_ref="sess_1", amount=usd(2), state="open")
    Hold.objects.update(state="awaiting", awaits_host="east", awaits_until=now() + timedelta(hours=1))
    Account.objects.filter(pk=row.account_id).update(**account)
    Entry.objects.filter(pk=row.pk).update(**entry)
    assert line(shop) == [1] * is_in_line
    [waiting] = snapshot.unfinished(shop.pk, cycle_input(shop))
    assert waiting.awaited == usd(2) and waiting.awaits.startswith("east, which is away: until it says")
    assert cycle_input(shop).awaited == usd(2)
    Hold.objects.update(state="settled")
    assert cycle_input(shop).awaited == 0 and (line(shop) == [1])


def test_money_that_waits_for_several_hosts_names_them_all_and_the_last_end(shop: Workspace) -> None:
    row, other = an_entry(shop, budget="9"), an_entry(a_workspace(name="Other"), budget="9")
    for n, (entry, host, hour, amount, drawn) in enumerate(
        [(row, "west", 12, "2", "0.5"), (row, "east", 14, "1", "3"), (row, "east", 13, "1", "0"), (other, "north", 20, "7", "0")]
    ):
        money = {"amount": usd(amount), "drawn": usd(drawn), "state": "open", "account_id": entry.account_id}
        hold = Hold.objects.create(project_id=entry.workspace_id, session_ref=f"sess_{n}", **money)
        until = datetime(2031, 8, 4, hour, tzinfo=UTC)
        Hold.objects.filter(pk=hold.pk).update(state="awaiting", awaits_host=host, awaits_until=until)
    sentence = "east, west, which are away: until they say what was spent there, or until 4 Aug 2031, 14:00 UTC"
    [waiting] = snapshot.unfinished(shop.pk, cycle_input(shop))
    assert (waiting.awaited, waiting.awaits) == (usd("2.5"), sentence)
    assert (cycle_input(shop).awaited, cycle_input(shop).awaits) == (usd("2.5"), sentence)


def test_where_the_head_of_the_line_has_no_money_the_first_that_have_some_are_read_too(shop: Workspace) -> None:
    entries = some_entries(shop, *"abcd")
    Account.objects.filter(pk__in=[entry.account_id for entry in entries]).update(budget=0)
    Account.objects.filter(pk=entries[3].account_id).update(budget=usd(1))
    assert line(shop, limit=2) == [1, 2, 4]
    Account.objects.filter(pk=entries[2].account_id).update(own_budget=True)
    assert line(shop, limit=2) == [1, 2, 3, 4]
    Account.objects.filter(pk__in=[entry.account_id for entry in entries[:2]]).update(own_budget=True)
    assert line(shop, limit=2) == [1, 2], "a person gave them nothing"
    Account.objects.filter(pk__in=[entry.account_id for entry in entries]).update(own_budget=False, budget=usd(1))
    assert line(shop, limit=2) == [1, 2]


def test_what_is_not_done_is_explained_in_the_executors_order_by_pages(shop: Workspace) -> None:
    states = [
        {},
        {"status": "blocked", **STUCK},
        {"status": "failed", **STUCK},
        CLOSED,
        {"status": "in_progress"},
        {"deleted_at": now()},
    ]
    entries = [an_entry(shop) for _ in states]
    an_entry(a_workspace(name="Other"))
    for entry, fields in zip(entries, states, strict=True):
        Entry.objects.filter(pk=entry.pk).update(**fields)
    shown = snapshot.unfinished(shop.pk, cycle_input(shop))
    assert [entry.seq for entry in shown] == [1, 2, 3]
    assert [(entry.status, entry.reason_message) for entry in shown[:2]] == [("pending", ""), ("blocked", "On hold")]
    assert [entry.seq for entry in snapshot.unfinished(shop.pk, cycle_input(shop), limit=2)] == [1, 2]
    assert [entry.seq for entry in snapshot.unfinished(shop.pk, cycle_input(shop), after=(1, 2, 1))] == [2, 3]
    named = snapshot.unfinished(shop.pk, cycle_input(shop), entry_ids=[entries[2].pk, entries[3].pk], ahead=1)
    assert [entry.seq for entry in named] == [1, 3]


def test_the_money_of_a_cycle_is_its_workspaces(shop: Workspace) -> None:
    Project.objects.filter(pk=shop.pk).update(max_project_spend=usd(50), total_budget=usd(30))
    session = a_session(an_entry(shop, budget="5"))
    a_charge(session.entry, "2", in_=shop)
    seen, row = cycle_input(shop), project(shop)
    assert (seen.headroom, seen.held) == (usd(50) - row.total_spent - row.held, row.held) and row.held > 0
    assert seen.plan_left == usd(30) - row.total_spent
    for total, left in ((0, 50), (60, 50), (50, 50)):
        Project.objects.filter(pk=shop.pk).update(total_budget=usd(total))
        assert cycle_input(shop).plan_left == usd(left) - row.total_spent
    other = cycle_input(a_workspace(name="Other", cap="7"))
    assert (other.headroom, other.held, other.running) == (usd(7), 0, ())


def test_limits_on_sessions_count_and_those_on_other_categories_do_not(shop: Workspace) -> None:
    for category in ("total", "entry", "planning", "expansion"):
        Limit.objects.create(project=project(shop), category=category, period="day", amount=usd(3))
    a_charge(an_entry(shop), "1")
    caps = cycle_input(shop).caps
    assert {(cap.category, cap.period, cap.limit, cap.left) for cap in caps} == {
        ("total", "day", usd(3), usd(2)), ("entry", "day", usd(3), usd(2)),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "stops"), [("red", True), ("waiting", True), ("unusable", True), ("good", False), ("unknown", False)]
)
def test_a_branch_that_is_not_good_stops_what_would_start_from_it(shop: Workspace, state: str, stops: bool) -> None:
    Integration.objects.create(workspace=shop, state=state, message="It is so")
    Integration.objects.create(workspace=a_workspace(name="Other"), state="red", message="Theirs")
    assert cycle_input(shop).integration == ("It is so" if stops else "")


def test_trouble_is_that_of_the_workspace_and_its_wait_never_negative(shop: Workspace) -> None:
    other, access = a_workspace(name="Other"), ModelAccess("command default", "usual")
    until = Now() + timedelta(hours=1)
    breaker = ProviderBreaker.objects.create(
        workspace=shop, credential=access.credential, family=access.family, code="auth", message="No key.", until=until
    )
    ProviderBreaker.objects.create(workspace=shop, credential="counting only", count=1)
    Executor.objects.filter(pk=shop.pk).update(repository_code="gone", repository_message="It is gone.")
    seen = cycle_input(shop)
    assert (seen.repository, seen.repository_message) == ("gone", "It is gone.")
    [(closed, trouble)] = seen.agents.troubles.items()
    assert (closed, trouble.code, trouble.message) == (access, "auth", "No key.") and 3000 < trouble.wait_s < 4000
    assert seen.agents.closed("", ()) == trouble and seen.agents.of("").access == access
    ProviderBreaker.objects.filter(pk=breaker.pk).update(until=Now() - timedelta(seconds=60))
    assert cycle_input(shop).agents.troubles[access].wait_s == 0
    assert (cycle_input(other).agents.troubles, cycle_input(other).repository) == ({}, "")


def test_several_hosts_share_the_work_if_another_one_had_session_workers_within_a_day(shop: Workspace) -> None:
    Worker.objects.all().delete()
    Workspace.objects.filter(pk=shop.pk).update(host_id=hosts.host_id())
    a_worker(host=hosts.host_id())
    a_worker(host="two", queue="control")
    assert not cycle_input(shop).is_shared and not cycle_input(shop).are_several
    a_worker(host="two")
    Worker.objects.filter(host="two").update(seen_at=Now() - timedelta(hours=23))
    assert cycle_input(shop).is_shared and cycle_input(shop).home == hosts.host_id()
    Worker.objects.filter(host="two").update(seen_at=Now() - timedelta(hours=25))
    assert not cycle_input(shop).is_shared


def test_unproven_work_is_known_while_it_waits(shop: Workspace) -> None:
    Landing.objects.create(workspace=a_workspace(name="Other"), kind="base", commit="c" * 40, state="unproven")
    assert not cycle_input(shop).has_unproven
    landing = Landing.objects.create(workspace=shop, entry=an_entry(shop), commit="c" * 40, state="unproven")
    assert cycle_input(shop).has_unproven
    Landing.objects.filter(pk=landing.pk).update(state="landed")
    assert not cycle_input(shop).has_unproven


def test_sessions_at_work_are_seen_with_what_their_shares_have_left_and_what_they_want_next(shop: Workspace) -> None:
    Executor.objects.update(config={"agent": {"kind": "codex"}, "hold_slice_usd": 1, "max_workers": 9})
    share, own, done = some_entries(shop, "share", "own", "done")
    other = an_entry(a_workspace(name="Other"))
    for workspace_id in (shop.pk, other.workspace_id):
        dispatch.cycle(workspace_id)
    first, second, third = (Session.objects.get(entry=entry) for entry in (share, own, done))
    Session.objects.filter(pk=third.pk).update(status="ended", outcome="stopped", ended_by_version="0.2.0")
    Account.objects.filter(pk=own.account_id).update(own_budget=True, budget=usd(9))
    account = Account.objects.get(pk=share.account_id)
    Account.objects.filter(pk=account.pk).update(budget=account.held + usd(3))
    Hold.objects.filter(session=first.pk).update(drawn=usd("0.6"))
    Hold.objects.filter(session=second.pk).update(drawn=usd("0.4"))
    running = {run.entry_id: run for run in cycle_input(shop).running}
    assert running.keys() == {share.pk, own.pk} and other.pk not in running
    left = Account.objects.get(pk=share.account_id).headroom
    assert (running[share.pk].share_left, running[share.pk].wants) == (left, usd(1)) and left > 0
    assert (running[own.pk].share_left, running[own.pk].wants) == (0, 0)
    Session.objects.filter(pk=first.pk).update(phase="verification")
    assert {run.entry_id: run.wants for run in cycle_input(shop).running}[share.pk] == 0


@pytest.mark.parametrize(("spare", "starts"), [("0.2", False), ("0.3", True)])
def test_no_start_takes_the_money_that_a_waiting_request_still_lacks(shop: Workspace, spare: str, starts: bool) -> None:
    session = a_session(an_entry(shop, budget="5"))
    Hold.objects.update(amount=usd("0.5"), in_flight=usd("0.4"))
    access = requests.open_access(Hold.objects.get(), role="implement", category=Category.ENTRY, upstreams={}, round_number=1)
    requests.wait(access, requests.Bounded("anthropic", "m", usd("0.3")), gateway="g", reason=requests.FOR_MONEY)
    Project.objects.update(max_project_spend=project(shop).held + usd(spare))
    an_entry(shop)
    dispatch.cycle(shop.pk)
    assert Session.objects.exclude(pk=session.pk).exists() is starts


@pytest.mark.parametrize(
    ("url", "gateway", "kind", "starts"),
    [
        ("http://127.0.0.1:1", "auto", "claude_code", True),
        ("", "auto", "claude_code", False),
        ("http://127.0.0.1:1", "off", "claude_code", False),
        ("http://127.0.0.1:1", "auto", "copilot", False),
    ],
)
def test_a_judge_past_the_gateway_starts_only_with_all_that_it_may_spend(
    shop: Workspace, settings: Any, url: str, gateway: str, kind: str, starts: bool
) -> None:
    settings.GATEWAY_URL = url
    judge = {"agent": {"kind": kind}, "round_usd": 0.5, "required": True}
    Executor.objects.update(config={"gateway": gateway, "verifier": judge})
    for budget in ("0.3", "0.5"):
        an_entry(shop, budget=budget)
    Entry.objects.update(next_work="verify")
    dispatch.cycle(shop.pk)
    assert set(Session.objects.values_list("entry__seq", flat=True)) == ({1, 2} if starts else {2})


def test_what_is_left_of_the_share_of_candidates_is_set_aside_once(shop: Workspace) -> None:
    [entry] = some_entries(shop, "share")
    Account.objects.filter(pk=entry.account_id).update(budget=usd(20))
    Entry.objects.filter(pk=entry.pk).update(next_candidates=2)
    dispatch.cycle(shop.pk)
    assert Session.objects.filter(entry=entry).count() == 2
    left = Account.objects.get(pk=entry.account_id).headroom
    assert sum(run.share_left for run in cycle_input(shop).running) == left > 0


def test_only_locks_that_overlap_are_read_and_who_may_take_them_over(shop: Workspace) -> None:
    first, second = an_entry(shop, files=["src/a.py"]), an_entry(shop, files=["other.py"])
    for path, entry in (("src/", second), ("docs/", second)):
        FileLock.objects.create(workspace=shop, path=path, entry=entry)
    FileLock.objects.create(workspace=a_workspace(name="Other"), path="src/a.py", entry=first)
    entries = snapshot.line(shop.pk, cycle_input(shop), 1)
    seen = snapshot.with_locks(cycle_input(shop), shop.pk, entries)
    assert seen.locks == (("src/", second.pk),) and seen.passing_on == {}


def test_money_that_only_shares_need_is_read_for_them_alone(shop: Workspace) -> None:
    an_entry(shop, budget="1")
    base = cycle_input(shop)
    entries = snapshot.line(shop.pk, base, 9)
    assert snapshot.with_money(base, shop.pk, entries) == base and not plan.is_short(base, entries)
    some_entries(shop, "share")
    seen = snapshot.with_money(cycle_input(shop), shop.pk, snapshot.line(shop.pk, base, 9))
    assert seen.set_aside == usd(1)


@pytest.mark.parametrize(
    ("agents", "sentence"), [(("codex",), "#2"), (("aider",), "#1"), (("gemini",), ""), (("codex", "aider"), "#1")]
)
def test_a_doubt_counts_for_the_agents_of_the_config(agents: tuple[str, ...], sentence: str) -> None:
    rows = [
        {"seq": 2, "agent": "codex", "booked": usd(9), "reserved": usd(5)},
        {"seq": 1, "agent": "aider", "booked": usd(8), "reserved": usd(5)},
    ]
    named: dict[str, Any] = {"agent": {"kind": agents[0]}}
    if len(agents) > 1:
        named["interceptor"] = {"agent": {"kind": agents[1]}}
    matches = snapshot._terms(configuration.Config.model_validate(named), "", (), rows).doubted
    assert matches.startswith(f"{sentence}'s agent reported $" if sentence else "") and bool(matches) == bool(sentence)
