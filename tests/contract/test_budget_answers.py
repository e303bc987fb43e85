"""The budget's answers whole, of a workspace beside another one: what a caller sends arrives, and every figure is of this workspace."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from budget.amounts import usd
from budget.categories import ANSWER_KEYS
from budget.ledger import awaited
from budget.limits import caps
from budget.models import BudgetChange, Decision, Hold, LedgerEntry, Project
from tests.contract.api import Api, names_of, not_found
from tests.contract.test_reviews import NOVEMBER, person
from tests.factories import ANA, a_charge, a_token, a_workspace, an_entry, project
from workspaces.models import Event, Role, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def other(workspace: Workspace) -> Workspace:
    """Beside `workspace`, with money of each kind."""
    other = a_workspace(name="Other")
    a_charge(an_entry(other, budget="9"), "8")
    a_charge(None, "3", category="expansion", in_=other)
    entry = an_entry(other, budget="9")
    Hold.objects.create(project=project(other), account=entry.account, session_ref="theirs", amount=usd(2))
    caps.set_limit(project(other), "expansion", "day", usd(1), by=ANA)
    return other


def reserve(workspace: Workspace, session: str, amount: str) -> Hold:
    entry = an_entry(workspace, budget="9")
    return Hold.objects.create(project=project(workspace), account=entry.account, session_ref=session, amount=usd(amount))


def test_reservations_are_listed_page_by_page_and_their_sum_is_of_all(workspace: Workspace, shop: Api, other: Workspace) -> None:
    holds = [reserve(workspace, f"s{n}", amount) for n, amount in enumerate(("1", "2", "4"))]
    awaited.keep(holds[1].pk, host="east", seconds=60)
    permit = shop.post("/budget/permits", {"category": "expansion", "amount_usd": 0.5, "minutes": 90}).json
    Hold.objects.filter(pk=holds[2].pk).update(state="settled", settled_at=now())
    seen, cursor = [], ""
    while True:
        page = shop.get(f"/budget/holds?limit=1{cursor}").json
        assert page["held_usd"] == 3.5
        seen += page["holds"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    names = ("session_id", "permit_id", "entry_id", "amount_usd", "category")
    assert [[hold[name] for name in names] for hold in seen] == [
        ["s0", None, holds[0].account_id, 1, "entry"],
        ["s1", None, holds[1].account_id, 2, "entry"],
        [None, permit["permit_id"], None, 0.5, "expansion"],
    ]
    assert [hold.get("state") for hold in seen] == [None, "awaiting", None] and seen[1]["awaits_host"] == "east"
    ends = datetime.fromisoformat(permit["expires_at"]) - datetime.fromisoformat(seen[2]["opened_at"])
    assert ends == timedelta(minutes=90)


def test_who_gives_a_permit_back_is_on_record(workspace: Workspace, shop: Api, other: Workspace) -> None:
    permit = shop.post("/budget/permits", {"category": "expansion", "amount_usd": 0.5}).json["permit_id"]
    theirs = Api(other, a_token(other))
    assert theirs.delete(f"/budget/permits/{permit}").status == 404
    shop.delete(f"/budget/permits/{permit}")
    event = Event.objects.get(verb="permit.closed")
    assert event.actor == Event.objects.get(verb="permit.opened").actor != "muster"


def test_a_charge_keeps_each_kind_of_tokens_and_shows_the_limit_of_its_category(
    workspace: Workspace, shop: Api, other: Workspace
) -> None:
    caps.set_limit(project(workspace), "total", "day", usd(9), by=ANA)
    caps.set_limit(project(workspace), "expansion", "all", usd(5), by=ANA)
    caps.set_limit(project(workspace), "orchestrator", "all", usd(1), by=ANA)
    tokens = {"input_tokens": 1, "output_tokens": 2, "cache_read_tokens": 3, "cache_write_tokens": 5, "cache_write_1h_tokens": 4}
    body = {"category": "expansion", "amount_usd": 2, "model": "gpt-5", "reason": "a plan"} | tokens
    charged = shop.post("/budget/charges", body).json
    assert {name: charged[name] for name in (*body, "entry_id", "session_id", "round")} == body | {
        "entry_id": None,
        "session_id": None,
        "round": None,
    }
    shown = ("category", "period", "limit_usd", "spent_usd", "held_usd", "left_usd", "reached")
    assert [charged["limit"][name] for name in shown] == ["expansion", "all", 5, 2, 0, 3, False]


def test_limits_and_warnings_are_put_together_with_their_reason(workspace: Workspace, shop: Api, other: Workspace) -> None:
    a_charge(None, "60", category="orchestrator", in_=workspace)
    limits = [{"category": "entry", "period": "day", "limit_usd": 2}, {"category": "total", "period": "day", "limit_usd": 60}]
    answer = shop.put("/budget/limits", {"limits": limits, "thresholds": [90, 50], "reason": "a quiet week"}).json
    assert answer == shop.get("/budget/limits").json
    fired = [(row["percent"], row["amount_usd"], row["fired_at"] is not None, row["spent_usd"]) for row in answer["thresholds"]]
    assert fired == [(50, 50, True, 60), (90, 90, False, None)]
    kept = {(row["category"], row["period"]): row for row in answer["limits"]}
    assert (kept["total", "day"]["reached"], kept["total", "day"]["left_usd"], kept["entry", "day"]["spent_usd"]) == (True, 0, 0)
    assert kept["expansion", "day"]["limit_usd"] is kept["expansion", "day"]["left_usd"] is None
    assert set(BudgetChange.objects.filter(project_id=workspace.pk).values_list("reason", flat=True)) == {"a quiet week"}
    assert Event.objects.get(verb="budget.thresholds").reason == "a quiet week"
    assert shop.put("/budget/limits", {}).json == answer
    assert shop.put("/budget/limits", {"thresholds": []}).json["thresholds"] == []
    assert project(other).thresholds == [50, 75, 90, 100]


def test_limits_are_all_set_or_none(workspace: Workspace, shop: Api) -> None:
    limits = [{"category": "entry", "period": "day", "limit_usd": 2}, {"category": "total", "period": "all", "limit_usd": 2}]
    assert names_of(shop.put("/budget/limits", {"limits": limits, "thresholds": [5]})) == ["limits"]
    assert all(row["limit_usd"] in (None, 100) for row in shop.get("/budget/limits").json["limits"])
    assert project(workspace).thresholds == [50, 75, 90, 100]


def test_a_status_is_sent_again_only_when_it_changed_also_through_a_proxy(
    workspace: Workspace, shop: Api, other: Workspace
) -> None:
    tag = shop.get("/budget").headers["ETag"]
    for sent in (tag, f"W/{tag}", f'"x", {tag}'):
        assert shop.get("/budget", If_None_Match=sent).status == 304
    for sent in (f'{tag[:-1]}1"', tag.strip('"')[:-1], '"x"'):
        assert shop.get("/budget", If_None_Match=sent).status == 200
    a_charge(an_entry(workspace), "1")
    Project.objects.filter(pk=workspace.pk).update(version=99)
    answer = shop.get("/budget", If_None_Match=tag)
    assert answer.status == 200 and answer.json["global"]["total_spent_usd"] == 1 and answer.headers["ETag"] != tag


def test_the_ledger_is_of_this_workspace_in_json_and_csv(workspace: Workspace, shop: Api, other: Workspace) -> None:
    for amount in ("1", "2", "3"):
        a_charge(None, amount, category="orchestrator", in_=workspace)
    assert [row["amount_usd"] for row in shop.get("/budget/ledger").json["entries"]] == [3, 2, 1]
    lines = shop.get("/budget/ledger?format=csv").text.splitlines()[1:]
    assert [line.split(",")[6] for line in lines] == ["1", "2", "3"]
    theirs = LedgerEntry.objects.filter(project_id=other.pk).exclude(account=None).latest("id")
    assert tuple(shop.get(f"/budget/ledger?entry_id={theirs.account_id}")) == not_found("Entry")
    body = {"amount_usd": -1, "reason": "x"}
    assert shop.post(f"/budget/ledger/{theirs.pk}/adjustments", body).status == 404
    assert shop.post("/budget/charges", {"category": "entry", "entry_id": theirs.account_id, "amount_usd": 1}).status == 404
    assert not LedgerEntry.objects.filter(corrects=theirs).exists()


def test_changes_have_flags_and_amounts(workspace: Workspace, shop: Api, other: Workspace) -> None:
    account = an_entry(workspace, budget="2").account
    caps.toggle_lock(account, by=ANA, reason="mine")
    caps.set_limit(project(workspace), "entry", "day", usd(1), by=ANA)
    shown = ("entry_id", "field", "before", "after", "actor", "source", "reason")
    assert [[row[name] for name in shown] for row in shop.get("/budget/changes").json["changes"]] == [
        [None, "limit.entry.day_usd", None, 1, "ana", "human", ""],
        [account.pk, "human_locked", False, True, "ana", "human", "mine"],
    ]


def test_only_managers_of_the_budget_move_money(workspace: Workspace) -> None:
    entry = an_entry(workspace, budget="2")
    operator = Api(workspace, a_token(workspace, Role.OPERATOR))
    calls: list[tuple[str, str, Any]] = [
        ("PATCH", "/budget", {"max_project_spend_usd": 1}),
        ("PATCH", f"/budget/entries/{entry.pk}", {"budget_usd": 1}),
        ("POST", f"/budget/entries/{entry.pk}/lock", None),
        ("PUT", "/budget/limits", {}),
        ("POST", "/budget/permits", {"category": "expansion", "amount_usd": 1}),
        ("POST", "/budget/charges", {"category": "expansion", "amount_usd": 1}),
        ("POST", "/budget/reallocate", {}),
        ("POST", "/budget/reallocate", {"dry_run": True}),
        ("POST", "/budget/reviews", NOVEMBER),
    ]
    assert {(method, path): operator.call(method, path, body).status for method, path, body in calls} == {
        (method, path): 403 for method, path, _ in calls
    }


# Reviews


@pytest.fixture
def bea(workspace: Workspace) -> Api:
    return person("bea", workspace)


def test_a_review_is_changed_by_what_is_named_alone(workspace: Workspace, bea: Api) -> None:
    wish = {"field": "max_project_spend", "after_usd": 90, "reason": "less"}
    more = {"due": "2026-12-24", "required_approvals": 2, "proposals": [wish]}
    address = f"/budget/reviews/{bea.post('/budget/reviews', NOVEMBER | more).json['id']}"
    shown = ("title", "due", "required_approvals")
    for change, after in (
        ({"title": "Late"}, ["Late", "2026-12-24", 2, 1]),
        ({"required_approvals": 1}, ["Late", "2026-12-24", 1, 1]),
        ({"due": None}, ["Late", None, 1, 1]),
        ({"proposals": []}, ["Late", None, 1, 0]),
        ({}, ["Late", None, 1, 0]),
    ):
        answer = bea.patch(address, change).json
        assert [*(answer[name] for name in shown), len(answer["proposals"])] == after


def test_a_review_is_answered_whole(workspace: Workspace, bea: Api, other: Workspace) -> None:
    entry = an_entry(workspace, budget="2", content="Paint")
    for amount, category, at in (
        ("0.5", "entry", "2026-10-31T23:59:59Z"),
        ("0.25", "entry", "2026-11-30T23:59:59Z"),
        ("0.125", "interceptor", "2026-11-01T00:00:00Z"),
    ):
        a_charge(entry, amount, category=category, at=datetime.fromisoformat(at))
    a_charge(None, "0.0625", category="orchestrator", in_=workspace, at=datetime.fromisoformat("2026-12-01T00:00:00Z"))
    written = bea.post("/budget/reviews", NOVEMBER).json
    [line] = written["lines"]
    ahead = {"forecast_usd": line["forecast_usd"], "forecast_variance_usd": line["forecast_usd"] - 2}
    assert line == ahead | {
        "entry_id": entry.pk, "title": "#1 Paint", "status": "pending", "budget_usd": 2, "budget_human_locked": False,
        "spent_usd": 0.75, "interceptor_spent_usd": 0.125, "period_spent_usd": 0.375, "rounds": 1, "variance_usd": -1.25,
        "variance_percent": -62.5, "forecast_variance_percent": round(50 * ahead["forecast_variance_usd"], 2)}  # fmt: skip
    frozen = written["snapshot"]
    last = LedgerEntry.objects.filter(project_id=workspace.pk).latest("id").pk
    assert frozen == dict.fromkeys(ANSWER_KEYS.values(), 0) | {
        "as_of": frozen["as_of"], "ledger_row": last, "total_budget_usd": 100, "max_project_spend_usd": 100,
        "entries_spent_usd": 0.75, "orchestrator_spent_usd": 0.0625, "interceptor_spent_usd": 0.125,
        "total_spent_usd": 0.9375, "held_usd": 0, "moved_since": False}  # fmt: skip
    shown = ("number", "state", "state_reason", "version", "approvals", "due", "author", "period_spent_usd", "variance_usd")
    assert [written[name] for name in shown] == [1, "draft", None, 0, 0, None, "bea", 0.375, ahead["forecast_variance_usd"]]
    a_charge(entry, "0.5")
    assert bea.get(f"/budget/reviews/{written['id']}").json["snapshot"] == frozen | {"moved_since": True}
    assert bea.get(f"/budget/reviews/{written['id']}/lines").json == {"lines": [line]}


def test_comments_and_decisions_are_on_what_was_seen(workspace: Workspace, bea: Api) -> None:
    entry = an_entry(workspace, budget="2")
    ana = person("ana", workspace)
    address = f"/budget/reviews/{bea.post('/budget/reviews', NOVEMBER | {'required_approvals': 2}).json['id']}"
    written = ana.post(f"{address}/comments", {"text": "Sure?", "entry_id": entry.pk}).json
    assert (written["entry_id"], written["author"], written["text"]) == (entry.pk, "ana", "Sure?")
    assert bea.post(f"{address}/comments", {"text": "Yes"}).json["entry_id"] is None
    bea.post(f"{address}/open")
    ana.post(f"{address}/decision", {"decision": "request_changes", "note": "less", "version": 1})
    assert bea.get(address).json["state_reason"] == "ana asks for changes"
    bea.post(f"{address}/open")
    old = {"decision": "approve", "note": "fine", "version": 1}
    assert names_of(ana.post(f"{address}/decision", old)) == ["version"] and Decision.objects.count() == 1
    whole = ana.post(f"{address}/decision", old | {"version": 2}).json
    assert (whole["state"], whole["state_reason"], whole["approvals"]) == ("open", None, 1)
    assert [[row[name] for name in ("version", "reviewer", "decision", "note")] for row in whole["decisions"]] == [
        [1, "ana", "request_changes", "less"],
        [2, "ana", "approve", "fine"],
    ]
    assert [(row["author"], row["entry_id"]) for row in whole["comments"]] == [("ana", entry.pk), ("bea", None)]
