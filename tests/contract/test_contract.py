"""The documented API, call by call: responses and their effects."""

import json
from typing import Any

import pytest

from budget.amounts import usd
from budget.categories import ANSWER_KEYS
from budget.models import Account, BudgetChange, Project, RoundSpend
from orchestration.backlog.entries import Draft
from orchestration.edge import queries
from orchestration.executor import dispatch, stopping
from orchestration.models import Entry, Executor, Session
from tests.contract.api import Api, invalid, not_found
from tests.factories import (
    CLOSED,
    a_charge,
    a_session,
    a_token,
    a_worker,
    a_workspace,
    an_entry,
    ended,
    project,
    sessions_of,
    some_entries,
)
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db

TABLE = [
    # operation, call, precondition, answer
    ("executorStart", "POST /executor/start", "stopped", {"started": True}),
    ("executorPause", "POST /executor/pause", "running", {"paused": True}),
    ("executorResume", "POST /executor/resume", "paused", {"resumed": True}),
    ("executorStopAll", "POST /executor/stop-all", "running", {"stopped": True}),
    ("executorGetStatus", "GET /executor/status", "running", {"state": "running", "paused": False, "activeWorkers": 0}),
    ("executorGetWorkers", "GET /executor/workers", "running", {"workers": []}),
    ("executorGetLocks", "GET /executor/locks", "running", {}),
]


@pytest.mark.parametrize(("operation", "call", "state", "response"), TABLE, ids=[row[0] for row in TABLE])
def test_each_call_of_the_table_returns_its_exact_response(
    operation: str, call: str, state: str, response: dict[str, Any]
) -> None:
    shop = Api(a_workspace(state=state), a_token())
    method, path = call.split()
    assert tuple(shop.call(method, path)) == (200, response)


# Start, pause, resume, stop


def test_until_the_first_start_the_executor_is_stopped_and_not_initialized() -> None:
    shop = Api(a_workspace(state="stopped"), a_token())
    assert shop.get("/executor/status").json == {"state": "stopped", "paused": False, "activeWorkers": 0}
    assert shop.post("/executor/force-dispatch").json["diagnostics"]["initialized"] is False
    shop.post("/executor/start")
    assert shop.get("/executor/status").json == {"state": "running", "paused": False, "activeWorkers": 0}
    assert shop.post("/executor/force-dispatch").json["diagnostics"]["initialized"] is True


def test_once_started_eligible_entries_are_given_sessions() -> None:
    a_worker()
    workspace = a_workspace(state="stopped")
    shop, _ = Api(workspace, a_token()), an_entry(workspace)
    dispatch.cycle(workspace.pk)
    assert sessions_of(workspace) == []
    shop.post("/executor/start")
    dispatch.cycle(workspace.pk)
    assert shop.get("/executor/status").json["activeWorkers"] == 1


def test_a_pause_lets_sessions_continue_and_dispatches_nothing_until_resume(workspace: Workspace, shop: Api) -> None:
    session = a_session(an_entry(workspace))
    shop.post("/executor/pause")
    an_entry(workspace, content="later")
    dispatch.cycle(workspace.pk)
    assert shop.get("/executor/status").json == {"state": "paused", "paused": True, "activeWorkers": 1}
    session.refresh_from_db()
    assert session.stop_wanted_at is None
    shop.post("/executor/resume")
    dispatch.cycle(workspace.pk)
    assert shop.get("/executor/status").json == {"state": "running", "paused": False, "activeWorkers": 2}


def test_resume_needs_an_executor_that_was_started() -> None:
    shop = Api(a_workspace(state="stopped"), a_token())
    assert tuple(shop.post("/executor/resume")) == invalid("The executor was never started: start it", "workspaceID")


def test_each_control_may_be_repeated(shop: Api) -> None:
    for verb in ("start", "start", "pause", "pause", "resume", "resume", "stop-all", "stop-all"):
        assert shop.post(f"/executor/{verb}").status == 200


def test_stop_all_is_true_once_every_session_has_ended(workspace: Workspace, shop: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    running = [a_session(an_entry(workspace)), a_session(an_entry(workspace))]
    monkeypatch.setattr(stopping, "WAIT_S", 60)
    monkeypatch.setattr(stopping.time, "sleep", lambda _: ended(running.pop()))
    response = shop.post("/executor/stop-all")
    assert (response.status, response.text) == (200, '{"stopped": true}')
    assert running == [] and shop.get("/executor/status").json["state"] == "paused"


def test_stop_all_asks_every_session_pauses_and_names_those_that_live_on(workspace: Workspace, shop: Api) -> None:
    running, claimed = a_session(an_entry(workspace)), an_entry(workspace)
    dispatch.cycle(workspace.pk)
    assert tuple(shop.post("/executor/stop-all")) == (200, {"stopped": False, "alive": [running.pk]})
    running.refresh_from_db()
    assert running.stop_wanted_at is not None
    claimed.refresh_from_db()
    assert claimed.status == "pending"  # a claimed session is withdrawn
    assert shop.get("/executor/status").json["state"] == "paused"
    assert [worker["status"] for worker in shop.get("/executor/workers").json["workers"]] == ["stopping"]


def test_stop_worker_ends_that_session_only_and_the_executor_keeps_its_state(workspace: Workspace, shop: Api) -> None:
    first, second = a_session(an_entry(workspace)), a_session(an_entry(workspace))
    assert tuple(shop.post(f"/executor/workers/{first.pk}/stop")) == (200, {"stopped": True})
    shown = {worker["sessionID"]: worker["status"] for worker in shop.get("/executor/workers").json["workers"]}
    assert shown == {first.pk: "stopping", second.pk: "running"}
    assert shop.get("/executor/status").json["state"] == "running"


def test_killing_a_session_skips_the_grace_once_and_records_who(workspace: Workspace, shop: Api) -> None:
    session = a_session(an_entry(workspace))
    for _ in range(2):
        assert tuple(shop.post(f"/executor/workers/{session.pk}/kill")) == (200, {"killed": True})
    session.refresh_from_db()
    assert session.kill_wanted_at is not None and session.stop_wanted_at is not None and not session.stop_for_good
    assert Event.objects.filter(verb="session.kill", object_id=session.pk, actor="token:test").count() == 1
    assert shop.get("/executor/status").json["state"] == "running"


@pytest.mark.parametrize("verb", ["stop", "kill"])
def test_stopping_a_session_that_is_not_there_or_over_is_404(workspace: Workspace, shop: Api, verb: str) -> None:
    over = ended(a_session(an_entry(workspace)))
    for id_ in ("sess_4j6h8g2f1d9s7a5b", over.pk, "nonsense", "%00", "x" * 5000):
        assert tuple(shop.post(f"/executor/workers/{id_}/{verb}")) == not_found("Worker session")


# Inspection


def test_workers_show_entry_phase_and_status(workspace: Workspace, shop: Api) -> None:
    building, checking = a_session(an_entry(workspace)), a_session(an_entry(workspace))
    Session.objects.filter(pk=checking.pk).update(phase="verification")
    assert shop.get("/executor/workers").json == {
        "workers": [
            {"sessionID": building.pk, "entryID": building.entry_id, "phase": "implementation", "status": "running"},
            {"sessionID": checking.pk, "entryID": checking.entry_id, "phase": "verification", "status": "running"},
        ]
    }


def test_locks_are_paths_by_entry(workspace: Workspace, shop: Api) -> None:
    first = an_entry(workspace, files=["src/api/types.ts", "src/api/handlers.ts"])
    second = an_entry(workspace, files=["src/utils/validation.ts"])
    an_entry(workspace, files=["src/utils/validation.ts"])  # waits, and so has no locks
    a_worker()
    dispatch.cycle(workspace.pk)
    assert shop.get("/executor/locks").json == {
        first.pk: ["src/api/handlers.ts", "src/api/types.ts"],
        second.pk: ["src/utils/validation.ts"],
    }


def test_force_dispatch_runs_a_cycle_now_and_returns_diagnostics() -> None:
    workspace = a_workspace(max_workers=3)
    shop = Api(workspace, a_token())
    running = [a_session(an_entry(workspace)), a_session(an_entry(workspace))]
    entries = some_entries(workspace, *(Draft(f"do {n}", budget=usd(1)) for n in range(9)))
    poor = an_entry(workspace, budget="0.01")
    Entry.objects.filter(pk__in=[entry.pk for entry in entries[:4]]).update(**CLOSED)
    Entry.objects.filter(pk=entries[4].pk).update(status="failed", reason_code="rounds_exhausted", reason_message="no more")
    Entry.objects.filter(pk=poor.pk).update(status="blocked", reason_code="budget_exceeded", reason_message="too little")
    status, body = shop.post("/executor/force-dispatch")
    reasons = body["diagnostics"].pop("blockedReasons")
    assert (status, body) == (
        200,
        {
            "dispatched": True,
            "diagnostics": {
                "state": "running",
                "paused": False,
                "initialized": True,
                "trackedSessions": 3,
                "activeSessions": 2,
                "dispatchingCount": 1,
                "entries": {"total": 12, "pending": 3, "blocked": 1, "inProgress": 3, "done": 4, "failed": 1},
                "readyToDispatch": 3,
            },
        },
    )
    assert "budget_exceeded" in reasons and len(reasons) == len(set(reasons))
    assert all(isinstance(reason, str) for reason in reasons)
    assert len(running) == 2


@pytest.mark.parametrize("state", ["stopped", "paused"])
def test_force_dispatch_never_overrides_a_pause(state: str) -> None:
    a_worker()
    workspace = a_workspace(state=state)
    an_entry(workspace)
    body = Api(workspace, a_token()).post("/executor/force-dispatch").json
    assert body["dispatched"] is True
    assert (body["diagnostics"]["state"], body["diagnostics"]["paused"]) == (state, state == "paused")
    assert body["diagnostics"]["trackedSessions"] == 0


def test_reverify_verifies_only_and_counts_rounds_anew(workspace: Workspace, shop: Api) -> None:
    entry = an_entry(workspace)
    ended(a_session(entry))
    entry.refresh_from_db()
    assert entry.rounds_completed == 1
    assert tuple(shop.post(f"/executor/entries/{entry.pk}/reverify")) == (200, {"ok": True})
    entry.refresh_from_db()
    assert (entry.rounds_completed, entry.next_work, entry.status) == (0, "verify", "pending")
    dispatch.cycle(workspace.pk)
    [worker] = shop.get("/executor/workers").json["workers"]
    assert (worker["entryID"], worker["phase"]) == (entry.pk, "verification")


def test_reverify_without_a_prior_session_is_400(workspace: Workspace, shop: Api) -> None:
    response = shop.post(f"/executor/entries/{an_entry(workspace).pk}/reverify")
    assert tuple(response) == invalid("Entry has no prior worker session to reverify", "entryID")


def test_reverify_of_a_running_entry_is_400(workspace: Workspace, shop: Api) -> None:
    session = a_session(an_entry(workspace))
    assert shop.post(f"/executor/entries/{session.entry_id}/reverify").status == 400


# Budget

EXAMPLE = """{"global": {"total_budget_usd": 500, "max_project_spend_usd": 450, "entries_spent_usd": 187.42,
   "orchestrator_spent_usd": 23.18, "expansion_spent_usd": 8.55, "interceptor_spent_usd": 4.12, "total_spent_usd": 223.27},
 "entries": [{"entryID": "entry_7k9m2n4p8q1r3s5t", "budget_usd": 50, "budget_human_locked": true, "spent_usd": 47.83,
   "interceptor_spent_usd": 1.21,
   "rounds": [{"round": 1, "cost": 12.34, "improvement_score": 0.42}, {"round": 2, "cost": 15.67, "improvement_score": 0.31},
              {"round": 3, "cost": 19.82, "improvement_score": 0.18}]}]}"""
NOTHING_SPENT = dict.fromkeys(ANSWER_KEYS.values(), 0)


def the_example() -> tuple[Workspace, Entry]:
    """The project of the reference: one entry as shown there, another with the rest of the spend."""
    workspace = a_workspace(cap="450", budget="500")
    shown, other = an_entry(workspace, budget="50"), an_entry(workspace, budget="200")
    Account.objects.filter(pk=shown.pk).update(human_locked=True)
    for number, (cost, gain) in enumerate([("12.34", 0.42), ("15.67", 0.31), ("19.82", 0.18)], start=1):
        a_charge(shown, cost, round=number)
        RoundSpend.objects.filter(account_id=shown.pk, number=number).update(improvement_score=gain)
    a_charge(other, "139.59")
    a_charge(shown, "1.21", category="interceptor")
    a_charge(other, "2.91", category="interceptor")
    a_charge(None, "23.18", category="orchestrator", in_=workspace)
    a_charge(None, "8.55", category="expansion", in_=workspace)
    return workspace, shown


def test_the_budget_reads_as_in_the_reference() -> None:
    workspace, shown = the_example()
    response = Api(workspace, a_token()).get("/budget")
    expected = json.loads(EXAMPLE.replace("entry_7k9m2n4p8q1r3s5t", shown.pk))
    assert response.status == 200
    assert response.json["global"] == NOTHING_SPENT | expected["global"]
    assert response.json["entries"][0] == expected["entries"][0]
    assert '"total_budget_usd":500,' in response.text  # whole dollars are whole numbers, amounts are never strings


def test_an_unchanged_budget_is_304() -> None:
    workspace, shown = the_example()
    caller = Api(workspace, a_token())
    tag = caller.get("/budget").headers["ETag"]
    for header in (tag, f'"other", {tag}', f"W/{tag}"):
        unchanged = caller.call("GET", "/budget", If_None_Match=header)
        assert (unchanged.status, unchanged.text, unchanged.headers["ETag"]) == (304, "", tag)
    a_charge(shown, "0.000001")
    changed = caller.call("GET", "/budget", If_None_Match=tag)
    assert (changed.status, changed.headers["ETag"] != tag) == (200, True)


def test_without_access_an_unchanged_budget_is_404() -> None:
    workspace, _ = the_example()
    tag = Api(workspace, a_token()).get("/budget").headers["ETag"]
    assert Api(workspace, a_token(a_workspace())).call("GET", "/budget", If_None_Match=tag).status == 404


def test_an_entrys_spend_is_the_sum_of_its_rounds_and_the_total_that_of_the_categories() -> None:
    workspace, _ = the_example()
    body = Api(workspace, a_token()).get("/budget").json
    whole = body["global"]
    for entry in body["entries"]:
        assert usd(entry["spent_usd"]) == sum(usd(round_["cost"]) for round_ in entry["rounds"])
    assert usd(whole["total_spent_usd"]) == sum(usd(whole[key]) for key in ANSWER_KEYS.values())
    assert usd(whole["entries_spent_usd"]) == sum(usd(entry["spent_usd"]) for entry in body["entries"])
    assert usd(whole["interceptor_spent_usd"]) == sum(usd(entry["interceptor_spent_usd"]) for entry in body["entries"])


def test_an_empty_budget_has_every_key(shop: Api) -> None:
    assert shop.get("/budget").json == {
        "global": {
            "total_budget_usd": 100,
            "max_project_spend_usd": 100,
            "total_spent_usd": 0,
            **NOTHING_SPENT,
        },
        "entries": [],
    }


def test_a_round_that_was_not_verified_improved_nothing(workspace: Workspace, shop: Api) -> None:
    a_charge(an_entry(workspace), "0.000001")
    [entry] = shop.get("/budget").json["entries"]
    assert entry["rounds"] == [{"round": 1, "cost": 0.000001, "improvement_score": 0}]


def test_patching_the_cap_returns_the_amounts_and_leaves_the_total_budget() -> None:
    workspace, _ = the_example()
    response = Api(workspace, a_token()).patch("/budget", {"max_project_spend_usd": 600})
    assert tuple(response) == (200, NOTHING_SPENT | json.loads(EXAMPLE)["global"] | {"max_project_spend_usd": 600})
    assert project(workspace).total_budget == usd(500)


def test_a_cap_below_what_is_spent_is_taken_and_stops_admission() -> None:
    a_worker()
    workspace, _ = the_example()
    shop = Api(workspace, a_token())
    assert shop.patch("/budget", {"max_project_spend_usd": 0}).json["max_project_spend_usd"] == 0
    assert shop.post("/executor/force-dispatch").json["diagnostics"]["trackedSessions"] == 0


def test_editing_a_budget_also_locks_it(workspace: Workspace, shop: Api) -> None:
    entry = an_entry(workspace, budget="50")
    response = shop.patch(f"/budget/entries/{entry.pk}", {"budget_usd": 75})
    assert tuple(response) == (200, {"entryID": entry.pk, "budget_usd": 75, "locked": True})
    [shown] = shop.get("/budget").json["entries"]
    assert (shown["budget_usd"], shown["budget_human_locked"]) == (75, True)


def test_the_lock_toggles(workspace: Workspace, shop: Api) -> None:
    entry = an_entry(workspace)
    for locked in (True, False, True):
        assert tuple(shop.post(f"/budget/entries/{entry.pk}/lock")) == (200, {"entryID": entry.pk, "locked": locked})
        assert shop.get("/budget").json["entries"][0]["budget_human_locked"] is locked


@pytest.mark.parametrize("amount", ["0", "0.0", "-0", "0.000001", "12.5", "1e2", "1000000000"])
def test_any_amount_from_zero_to_a_billion_with_six_decimals_is_exact(shop: Api, amount: str) -> None:
    response = shop.patch("/budget", f'{{"max_project_spend_usd": {amount}}}')
    assert response.status == 200
    assert response.json["max_project_spend_usd"] == float(amount)
    assert Project.objects.get().max_project_spend == usd(amount)


# Missing objects

ENTRY_CALLS = [
    ("POST", "/executor/entries/{}/reverify", None),
    ("PATCH", "/budget/entries/{}", {"budget_usd": 1}),
    ("POST", "/budget/entries/{}/lock", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ENTRY_CALLS)
@pytest.mark.parametrize("id_", ["entry_7k9m2n4p8q1r3s5t", "nonsense", "%00", "..", "x" * 5000, "sess_7k9m2n4p8q1r3s5t"])
def test_an_unknown_entry_is_404(shop: Api, method: str, path: str, body: Any, id_: str) -> None:
    assert tuple(shop.call(method, path.format(id_), body)) == not_found("Entry")


@pytest.mark.parametrize(("method", "path", "body"), ENTRY_CALLS)
def test_an_entry_that_was_deleted_is_404(workspace: Workspace, shop: Api, method: str, path: str, body: Any) -> None:
    entry = an_entry(workspace)
    shop.delete(f"/todo/entries/{entry.pk}")
    assert tuple(shop.call(method, path.format(entry.pk), body)) == not_found("Entry")


def test_ids_are_opaque_with_their_prefix(workspace: Workspace) -> None:
    session = a_session(an_entry(workspace))
    for id_, prefix in ((workspace.pk, "ws_"), (session.entry_id, "entry_"), (session.pk, "sess_")):
        random_part = id_.removeprefix(prefix)
        assert id_ != random_part and len(random_part) >= 16 and set(random_part) <= set("0123456789abcdefghijklmnopqrstuvwxyz")


def test_every_change_of_money_is_recorded_with_its_actor(workspace: Workspace, shop: Api) -> None:
    entry = an_entry(workspace)
    shop.patch("/budget", {"max_project_spend_usd": 7})
    shop.patch(f"/budget/entries/{entry.pk}", {"budget_usd": 3})
    shop.post(f"/budget/entries/{entry.pk}/lock")
    kept = list(BudgetChange.objects.order_by("id").values_list("field", "actor"))
    assert kept == [("max_project_spend", "token:test"), ("budget", "token:test"), ("human_locked", "token:test")]
    assert Executor.objects.count() == 1 and queries.executor_for(workspace.pk).state == "running"
