"""The tabs of an entry's page as a reader sees them: whole rows, and what they offer to whom."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from budget.models import Account, Hold, Project, RoundSpend
from orchestration.backlog import dependencies, splitting
from orchestration.backlog.entries import Draft
from orchestration.models import Entry, FileLock, Round, Session
from tests.dashboard.conftest import client_of
from tests.dashboard.page_text import items, rows, words
from tests.factories import ANA, CLOSED, a_charge, a_session, an_entry
from workspaces.models import Workspace

pytestmark = pytest.mark.shop(max_workers=9)


def at(entry: Entry, tab: str = "") -> str:
    return f"/w/{entry.workspace_id}/backlog/{entry.pk}/{f'?tab={tab}' if tab else ''}"


def set_(entry: Entry, **fields: Any) -> Entry:
    Entry.objects.filter(pk=entry.pk).update(**fields)
    return entry


def test_a_round_has_its_verdict_score_cost_changes_and_findings_in_one_row(ana: Client, shop: Workspace) -> None:
    entry = an_entry(shop, budget="9")
    began = now() - timedelta(hours=2)
    for number, verdict, score, gain in ((1, "failed", 0.4, 0.4), (2, "passed", 1.0, 0.6)):
        session = Session.objects.create(
            workspace=shop, entry=entry, attempt=number, status="ended", outcome=verdict, ended_at=began, claimed_at=began - timedelta(minutes=3),
            outcome_message=f"It {verdict}", phase="verification",
        )  # fmt: skip
        Round.objects.create(
            entry=entry, session=session, number=number, verdict=verdict, score=score, improvement_score=gain, started_at=began,
            ended_at=began + timedelta(minutes=7), diffstat={"files": number, "insertions": 5, "deletions": 2}, summary=f"Did {number}",
            findings=["f"] * number,
        )  # fmt: skip
        a_charge(entry, f"0.{number}", round=number)
    table = rows(ana, at(entry), fragment="rounds")[-4:] + rows(ana, at(entry), fragment="sessions")
    assert (
        table[1]
        == "Round 2 session of round 2, 2h ago | Passed | 1.00 +0.60 | Did 2 | f | f | +5 −2 2 files | 7m 00s | $0.20 most expensive"
    )
    assert (
        table[2]
        == "Round 1 session of round 1, 2h ago | Failed reached verification | 0.40 +0.40 | Did 1 | f | +5 −2 1 file | 7m 00s | $0.10"
    )
    assert table[3] == "All rounds | $0.30"
    assert table[4:] == []
    session.rounds.update(session=Session.objects.get(entry=entry, attempt=1))
    assert rows(ana, at(entry), fragment="sessions")[1:] == ["Attempt 2 | Passed | It passed | 2h ago | 3m 00s | —"]


def test_the_head_has_the_figures_of_the_entry(ana: Client, shop: Workspace) -> None:
    entry = set_(
        an_entry(shop, budget="9"),
        rounds_completed=2,
        budget_rounds=5,
        score=0.5,
        priority=1,
        parallelizable=False,
        assigned_to="Bea",
    )
    for number in (1, 2, 3):
        session = Session.objects.create(
            workspace=shop, entry=entry, attempt=number, status="ended", outcome="failed", ended_at=now()
        )
        Round.objects.create(entry=entry, session=session, number=number, ended_at=now())
    Account.objects.filter(pk=entry.pk).update(spent=2_000_000, held=500_000)
    RoundSpend.objects.create(account_id=entry.pk, number=1, cost=2_000_000, improvement_score=0.5)
    page = words(ana.get(at(entry)).content.decode())
    assert "$2.00 of $9.00 spent, $0.50 reserved, best score 0.50, high priority, runs alone, assigned to Bea" in page
    assert "Rounds 2 of 5 used, 3 made in all" in page
    Account.objects.filter(pk=entry.pk).update(budget=0, held=0)
    set_(entry, rounds_completed=3, parallelizable=True, assigned_to="", score=None, priority=2)
    page = words(ana.get(at(entry)).content.decode())
    assert "$2.00 (no budget) spent | " in page and "Rounds 3 of 5 | " in page


@pytest.mark.parametrize(
    ("fields", "word"),
    [({"status": "blocked", "reason_code": "human_hold"}, "Resume"), ({"status": "blocked", "reason_code": "merge_conflict"}, "Resume"),
     ({"status": "failed", "reason_code": "rounds_exhausted"}, "Reopen"), (CLOSED, "Reopen"), ({}, "")],
)  # fmt: skip
def test_what_stopped_is_resumed_and_what_ended_is_reopened(shop: Workspace, fields: dict[str, Any], word: str) -> None:
    entry = set_(an_entry(shop), **fields)
    page = client_of("otto", "operator", shop).get(at(entry)).content.decode()
    button = page.partition('id="act-release"')[2].partition("</button>")[0].partition(">")[2]
    assert button.strip() == word
    assert (", for <time" in re.sub(r"\s+", " ", page)) is (fields != CLOSED)
    assert page.count('formaction="') == page.count(f'formaction="{at(entry)}')


def test_an_entry_at_work_offers_no_change_of_its_state(shop: Workspace) -> None:
    session = a_session(an_entry(shop))
    otto = client_of("otto", "operator", shop)
    page = otto.get(at(session.entry)).content.decode()
    assert "Stop its session to change it" in page and "entry-acts" not in page and "act-release" not in page
    assert f'href="/w/{shop.pk}/sessions/{session.pk}/">Open session' in page.replace("\n", "")
    seen = words(otto.get(at(session.entry, "deps")).content.decode())
    assert "you can change its dependencies when its session has ended" in seen
    set_(an_entry(shop), **CLOSED)
    done = Entry.objects.get(workspace=shop, seq=2)
    assert "This entry is done; its dependencies no longer matter." in words(otto.get(at(done, "deps")).content.decode())


def test_dependencies_are_listed_on_their_side(shop: Workspace) -> None:
    otto, vera = client_of("otto", "operator", shop), client_of("vera", "viewer", shop)
    need, me, waiter = (an_entry(shop, content=content) for content in ("Need", "Me", "Waiter"))
    dependencies.depend(me, need, by=ANA)
    dependencies.depend(waiter, me, by=ANA)
    for client, removes in ((otto, 1), (vera, 0)):
        page = client.get(at(me), {"tab": "deps", "fragment": "deps"}).content.decode()
        assert items(client, at(me), tab="deps", fragment="deps") == ["Ready#1 Need", "Waiting#3 Waiter"]
        assert page.count(f'action="{at(me)}undepend/"') == removes and ('value="1"' in page) is bool(removes)


def test_paths_have_their_state_and_holder(ana: Client, shop: Workspace) -> None:
    me, holder = an_entry(shop, files=["lib/", "mine.py", "free.py"], content="Me"), an_entry(shop, content="Holder")
    for entry, path in ((me, "mine.py"), (me, "more.py"), (holder, "lib/x.py")):
        FileLock.objects.create(workspace=shop, entry=entry, path=path)
    FileLock.objects.update(acquired_at=now() - timedelta(hours=5))
    set_(an_entry(shop, content="Behind"), parked_behind=me)
    assert rows(ana, at(me), tab="locks", fragment="paths")[1:] == [
        "free.py | Free | — | —",
        "lib/ | Locked: lib/x.py | #2 Holder | 5h ago",
        "mine.py | Locked by this entry | #1 Me | 5h ago",
        "more.py not in the spec: locked during the work | Locked by this entry | #1 Me | 5h ago",
    ]
    assert items(ana, at(me), tab="locks", fragment="paths") == ["Waiting#3 Behind"]


def test_the_budget_has_each_figure_under_its_name(ana: Client, shop: Workspace) -> None:
    entry = an_entry(shop, budget="9")
    Account.objects.filter(pk=entry.pk).update(own_budget=True, spent=2_000_000, held=1_000_000, interceptor_spent=300_000)
    RoundSpend.objects.create(account_id=entry.pk, number=1, cost=1_000_000, improvement_score=0.25)
    RoundSpend.objects.create(account_id=entry.pk, number=2, cost=1_000_000)
    Project.objects.filter(pk=shop.pk).update(max_project_spend=4_000_000)
    facts = items(ana, at(entry), tab="budget", fragment="budget")
    assert facts[:9] == [
        "Budget | $9.00 its own", "Effective | $7.00", "Reserved | $1.00", "Left | $4.00", "Parent limit | the cap, $4.00 left",
        "Cost per round | $1.00", "Cost per point | $0.08", "Reviews | $0.30", *facts[8:]]  # fmt: skip
    seen = words(ana.get(at(entry), {"tab": "budget", "fragment": "budget"}).content.decode())
    assert "The cap runs out before the entry's own budget: $4.00 left." in seen
    Account.objects.filter(pk=entry.pk).update(own_budget=False)
    assert "No budget of its own: limited by the cap, $4.00 left." in words(
        ana.get(at(entry), {"tab": "budget", "fragment": "budget"}).content.decode()
    )


def test_children_have_their_rounds_and_money_and_what_may_be_done(shop: Workspace) -> None:
    otto, vera = client_of("otto", "operator", shop), client_of("vera", "viewer", shop)
    whole = an_entry(shop, budget="9")
    first, second = splitting.split(whole, [Draft("One", budget=2_000_000), Draft("Two")], by=ANA)
    set_(second, rounds_completed=1, budget_rounds=4)
    Account.objects.filter(pk=first.pk).update(spent=500_000)
    page = otto.get(at(whole), {"tab": "children", "fragment": "children"}).content.decode()
    listed = items(otto, at(whole), tab="children", fragment="children")
    assert listed[0].startswith("Ready#2 One 0 of ") and "$0.50 of $2.00" in listed[0] and "1 of 4 rounds · $0.00" in listed[1]
    assert "0 of 2 done · $0.50" in words(page) and 'id="rejoin"' in page and "stop-children" not in page
    assert 'id="rejoin"' not in vera.get(at(whole), {"tab": "children", "fragment": "children"}).content.decode()
    splitting.split(Entry.objects.get(pk=first.pk), [Draft("Deep"), Draft("Deeper")], by=ANA)
    page = otto.get(at(whole), {"tab": "children", "fragment": "children"}).content.decode()
    assert f'<a href="{at(first, "children")}">split</a>' in page and 'id="rejoin"' not in page


def test_what_a_session_reserved_and_drew_is_in_its_row(ana: Client, shop: Workspace) -> None:
    session = a_session(an_entry(shop, budget="9"))
    session.rounds.all().delete()
    Hold.objects.filter(pk=session.hold_id).update(amount=2_000_000, drawn=500_000)
    assert rows(ana, at(session.entry), fragment="sessions")[1].endswith("| $0.50 of $2.00")
