"""Calls beyond the reference: workspaces, config, backlog, sessions, money."""

import csv
import io
import json
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from budget import ledger
from budget.amounts import usd
from budget.categories import ANSWER_KEYS, CATEGORIES
from budget.limits import caps
from budget.models import LedgerEntry
from orchestration.configuration import secrets
from orchestration.dialogue import questions
from orchestration.executor import dispatch
from orchestration.models import Entry, Session
from orchestration.sessions.logs import chunks as log_chunks
from tests.contract.api import Api, invalid, names_of, not_found
from tests.contract.operations import keys_of
from tests.dashboard.seeds import gateway
from tests.factories import (
    ANA,
    CLOSED,
    a_charge,
    a_session,
    a_token,
    a_worker,
    a_workspace,
    an_entry,
    an_open_breaker,
    ended,
    project,
    some_entries,
)
from tests.orchestration.approval.asked import asked
from tests.orchestration.worker.absent import a_lost_session
from workspaces.models import Workspace
from workspaces.people import tokens

pytestmark = pytest.mark.django_db

RFC_3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def the_agents(session: Session) -> Api:
    """The API as a session's own agent may call it."""
    secret = tokens.create("agent", workspace=session.workspace, session_ref=session.pk)
    return Api(session.workspace, secret)


# Workspaces


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "REPO_ROOTS", [tmp_path])
    path = tmp_path / "shop"
    for command in (
        ["git", "init", "-q", "-b", "main", str(path)],
        ["git", "-C", str(path), "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "begin"],
    ):
        subprocess.run(command, check=True)
    return path


def a_request(repo: Path | str, **more: Any) -> dict[str, Any]:
    return {"name": "Shop", "repo": str(repo), "total_budget_usd": 50, "max_project_spend_usd": 40, **more}


def test_a_workspace_is_made_of_a_repository_and_read_back(db: None, repository: Path) -> None:
    admin = Api("", a_token())
    status, created = admin.post("/api/v1/workspaces", a_request(repository, config={"max_workers": 2, "min_round_usd": 0.5}))
    assert status == 201
    assert {**created, "id": "", "created_at": "", "config": {}} == {
        "id": "",
        "name": "Shop",
        "repo": str(repository),
        "base_branch": "main",
        "total_budget_usd": 50,
        "max_project_spend_usd": 40,
        "state": "stopped",
        "config": {},
        "created_at": "",
    }
    assert created["id"].startswith("ws_") and RFC_3339_UTC.fullmatch(created["created_at"])
    assert (created["config"]["max_workers"], created["config"]["min_round_usd"]) == (2, 0.5)
    assert admin.get(f"/api/v1/workspaces/{created['id']}").json == created
    assert admin.get("/api/v1/workspaces").json == {"workspaces": [created], "next_cursor": None}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"repo": "/etc"}, "repo"),
        ({"repo": "relative"}, "repo"),
        ({"repo": "file:///etc"}, "repo"),
        ({"repo": "ext::sh -c id"}, "repo"),
        ({"repo": "--upload-pack=id"}, "repo"),
        ({"base_branch": "nowhere"}, "base_branch"),
        ({"base_branch": "--orphan"}, "base_branch"),
        ({"base_branch": "a..b"}, "base_branch"),
        ({"config": {"nonsense": 1}}, "nonsense"),
        ({"config": {"agent": {"env": {"MUSTER_TOKEN": "x"}}}}, "agent.env"),
        ({"name": " "}, "name"),
    ],
)
def test_a_workspace_that_does_not_fit_is_refused_by_name(db: None, repository: Path, change: dict[str, Any], name: str) -> None:
    assert names_of(Api("", a_token()).post("/api/v1/workspaces", a_request(repository) | change)) == [name]
    assert not Workspace.objects.exists()


def test_a_workspace_is_renamed_and_its_amounts_change(workspace: Workspace, shop: Api) -> None:
    url = f"/api/v1/workspaces/{workspace.pk}"
    body = shop.patch(url, {"name": "Store", "total_budget_usd": 7, "max_project_spend_usd": 6.5}).json
    assert (body["name"], body["total_budget_usd"], body["max_project_spend_usd"]) == ("Store", 7, 6.5)
    assert shop.patch(url, {}).json == body
    assert [change["field"] for change in shop.get("/budget/changes").json["changes"]] == [
        "max_project_spend_usd",
        "total_budget_usd",
    ]


def test_deleting_is_refused_while_sessions_run_and_then_hides_it(workspace: Workspace, shop: Api) -> None:
    session = a_session(an_entry(workspace))
    url = f"/api/v1/workspaces/{workspace.pk}"
    assert tuple(shop.delete(url)) == invalid("Sessions are running: stop them first", "workspaceID")
    ended(session)
    assert tuple(shop.delete(url)) == (200, {"deleted": True})
    assert shop.get("/api/v1/workspaces").json["workspaces"] == []
    assert tuple(shop.get(url)) == not_found("Workspace")


# Config


def test_config_is_merged_by_parts(shop: Api) -> None:
    whole = shop.get("/config").json
    assert whole["plateau"] == {"rounds": 3, "epsilon": 0.01}
    shop.patch(
        "/config", {"plateau": {"rounds": 5}, "agent": {"model": "m", "env": {"A": "1", "B": "2"}}, "setup": ["one", "two"]}
    )
    merged = shop.patch("/config", {"plateau": {"epsilon": 0}, "agent": {"env": {"A": None}}, "setup": ["three"]}).json
    assert merged["plateau"] == {"rounds": 5, "epsilon": 0}
    assert (merged["agent"]["model"], merged["agent"]["env"], merged["setup"]) == ("m", {"B": "2"}, ["three"])
    assert shop.get("/config").json == merged
    back = shop.patch("/config", {"plateau": {"rounds": None, "epsilon": None}, "agent": None, "setup": None}).json
    assert back == whole


def test_null_resets_a_part_that_was_never_set(shop: Api) -> None:
    assert shop.patch("/config", {"plateau": {"rounds": None}}).json["plateau"]["rounds"] == 3


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"nonsense": None}, "nonsense"),
        ({"plateau": {"nonsense": None}}, "plateau.nonsense"),
        ({"nonsense": {"a": None}}, "nonsense"),
        ({"max_workers": 0}, "max_workers"),
        ({"max_workers": 501}, "max_workers"),
        ({"agent": {"kind": "oracle"}}, "agent.kind"),
        ({"agent": {"command": []}}, "agent.command"),
        ({"agent": {"timeout_s": 0}}, "agent.timeout_s"),
        ({"agent": 5}, "agent"),
        ({"agent": {"env": {"A=B": "x"}}}, "agent.env"),
        ({"verify": [{"name": "tests"}]}, "verify.0.run"),
        ({"verify": [{"name": "tests", "run": "x", "junit": "../x.xml"}]}, "verify.0.junit"),
        ({"verify": [{"name": "tests", "run": "x", "weight": 0}]}, "verify.0.weight"),
        ({"integration_branch": "--orphan"}, "integration_branch"),
        ({"integration_branch": "a..b"}, "integration_branch"),
        ({"integration_branch": "muster/entry_x"}, "integration_branch"),
        ({"round_ceiling_usd": -1}, "round_ceiling_usd"),
        ({"min_round_usd": "1"}, "min_round_usd"),
        ({"hold_slice_usd": 0.001}, "hold_slice_usd"),
        ({"hold_slice_usd": True}, "hold_slice_usd"),
        ({"log_limit_bytes": 1}, "log_limit_bytes"),
    ],
)
def test_config_that_does_not_fit_is_refused_by_name_and_changes_nothing(shop: Api, change: dict[str, Any], name: str) -> None:
    before = shop.get("/config").json
    assert names_of(shop.patch("/config", change)) == [name]
    assert shop.get("/config").json == before


# Backlog


def test_entries_are_added_with_refs_and_returned_with_every_key(shop: Api) -> None:
    spec = {"requirements": "all", "acceptance_criteria": ["works"], "files_to_create": ["b.py"], "files_to_modify": ["a.py"]}
    first = {"ref": "a", "content": "First\nmore", "spec": spec, "priority": "high", "budget_usd": 2.5, "budget_rounds": 3}
    status, body = shop.post("/todo/entries", {"entries": [first, {"content": "Second", "depends_on": ["a"]}]})
    first, second = body["entries"]
    assert status == 201 and keys_of("EntryOut") == list(first) == list(second)
    assert (first["seq"], first["priority"], first["budget_usd"], first["budget_rounds"]) == (1, "high", 2.5, 3)
    assert (first["spec"], first["spec_frozen"], first["status"], first["children"]) == (spec, False, "pending", [])
    assert second["depends_on"] == [first["id"]] and "dependencies_pending" in [reason["code"] for reason in second["reasons"]]
    assert RFC_3339_UTC.fullmatch(first["created_at"]) and first["created_by"] == "token:test"
    assert shop.get(f"/todo/entries/{first['id']}").json == first
    todo = shop.get("/todo").json
    assert list(todo) == ["id", "version", "created_at", "entries", "next_cursor"] and todo["entries"] == [first, second]


@pytest.mark.parametrize(
    ("bad", "name", "message"),
    [
        (
            [{"ref": "a", "content": "A", "depends_on": ["b"]}, {"ref": "b", "content": "B", "depends_on": ["a"]}],
            "depends_on",
            "a -> b -> a",
        ),
        ([{"ref": "a", "content": "A", "depends_on": ["a"]}], "depends_on", "a -> a"),
        ([{"content": "A", "depends_on": ["nobody"]}], "depends_on", "nobody"),
        ([{"ref": "a", "content": "A"}, {"ref": "a", "content": "B"}], "ref", "twice"),
        ([{"content": "A", "spec": {"files_to_modify": ["../x"]}}], "files_to_modify", "../x"),
        ([{"content": "A", "spec": {"files_to_create": ["/etc/passwd"]}}], "files_to_create", "/etc/passwd"),
        ([{"content": "A", "spec": {"files_to_create": [".git/hooks/x"]}}], "files_to_create", ".git"),
    ],
)
def test_adding_is_all_or_nothing_and_names_the_error(shop: Api, bad: list[Any], name: str, message: str) -> None:
    response = shop.post("/todo/entries", {"entries": [{"content": "good"}, *bad]})
    assert names_of(response) == [name]
    message_ = response.json["errors"][0]["message"]
    assert message in message_ or {"a -> b -> a": "b -> a -> b"}.get(message, "\0") in message_
    assert not Entry.objects.exists()
    assert shop.post("/todo/entries", {"entries": [{"content": "good"}]}).json["entries"][0]["seq"] == 1


def test_another_workspaces_entry_is_no_dependency(shop: Api) -> None:
    theirs = an_entry(a_workspace(name="Other"))
    assert names_of(shop.post("/todo/entries", {"entries": [{"content": "x", "depends_on": [theirs.pk]}]})) == ["depends_on"]


def test_a_filter_by_reason_finds_every_entry(workspace: Workspace, shop: Api) -> None:
    some_entries(workspace, *(f"do {n}" for n in range(620)))
    pages, cursor = [], ""
    while cursor is not None:
        page = shop.get(f"/todo?reason=no_worker_online&limit=250{cursor and f'&cursor={cursor}'}").json
        pages.append([entry["seq"] for entry in page["entries"]])
        cursor = page["next_cursor"]
    assert [len(page) for page in pages] == [250, 250, 120] and [seq for page in pages for seq in page] == list(range(1, 621))
    assert shop.post("/executor/force-dispatch").json["diagnostics"]["blockedReasons"] == ["no_worker_online"]


def test_the_backlog_is_filtered_and_paged(workspace: Workspace, shop: Api) -> None:
    created = some_entries(workspace, *(f"do {n}" for n in range(5)))
    Entry.objects.filter(pk=created[0].pk).update(**CLOSED)
    shop.patch(f"/todo/entries/{created[1].pk}/status", {"status": "blocked"})

    def seqs(query: str) -> list[int]:
        return [entry["seq"] for entry in shop.get(f"/todo?{query}").json["entries"]]

    assert seqs("status=done") == [1]
    assert seqs("reason=human_hold") == [2]
    assert seqs("reason=no_worker_online") == [3, 4, 5]
    assert seqs("q=DO 3") == [4]
    assert seqs("q=%25") == seqs("q=_") == []
    first = shop.get("/todo?limit=3").json
    remaining = shop.get(f"/todo?limit=3&cursor={first['next_cursor']}").json
    assert [entry["seq"] for entry in first["entries"] + remaining["entries"]] == [1, 2, 3, 4, 5] and remaining[
        "next_cursor"
    ] is None


def test_an_entry_is_put_on_hold_resumed_marked_done_and_reopened(workspace: Workspace, shop: Api) -> None:
    entry = an_entry(workspace)
    url = f"/todo/entries/{entry.pk}/status"
    on_hold = shop.patch(url, {"status": "blocked", "reason": "wait for Ana"}).json
    assert on_hold["status"] == "blocked" and (on_hold["reasons"][0]["code"], on_hold["reasons"][0]["message"]) == (
        "human_hold",
        "wait for Ana",
    )
    assert shop.patch(url, {"status": "pending"}).json["status"] == "pending"
    assert tuple(shop.patch(url, {"status": "pending"})) == invalid("The entry is pending already", "status")
    done = shop.patch(url, {"status": "done"}).json
    assert (done["status"], done["reasons"]) == ("done", [])
    assert shop.patch(url, {"status": "pending"}).json["status"] == "pending"
    assert names_of(shop.patch(url, {"status": "in_progress"})) == ["status"]
    other_verbs = {"entry.blocked", "backlog.finished"}  # tests/orchestration/backlog/test_completion.py
    verbs = [event["verb"] for event in shop.get("/todo/events").json["events"] if event["verb"] not in other_verbs]
    assert verbs == ["entries.added", "entry.held", "entry.released", "entry.marked_done", "entry.reopened"]


def test_a_running_entry_cannot_be_changed(workspace: Workspace, shop: Api) -> None:
    entry = a_session(an_entry(workspace, files=["a.py"])).entry
    for status in ("blocked", "pending", "done"):
        assert names_of(shop.patch(f"/todo/entries/{entry.pk}/status", {"status": status})) == ["status"]
    assert names_of(shop.put(f"/todo/entries/{entry.pk}/spec", {})) == ["spec"]
    assert names_of(shop.delete(f"/todo/entries/{entry.pk}")) == ["entryID"]


def test_priority_and_rounds_change(workspace: Workspace, shop: Api) -> None:
    entry = an_entry(workspace)
    assert shop.patch(f"/todo/entries/{entry.pk}/priority", {"priority": "critical"}).json["priority"] == "critical"
    assert shop.patch(f"/todo/entries/{entry.pk}/rounds", {"budget_rounds": 9}).json["budget_rounds"] == 9


def test_more_rounds_make_an_entry_without_rounds_pending(workspace: Workspace, shop: Api) -> None:
    entry = an_entry(workspace, budget_rounds=1)
    ended(a_session(entry))
    assert shop.get(f"/todo/entries/{entry.pk}").json["reasons"][0]["code"] == "rounds_exhausted"
    assert shop.patch(f"/todo/entries/{entry.pk}/rounds", {"budget_rounds": 2}).json["status"] == "pending"


def test_a_spec_is_replaced_until_it_is_frozen(workspace: Workspace, shop: Api) -> None:
    entry = an_entry(workspace, files=["old.py"])
    url = f"/todo/entries/{entry.pk}/spec"
    assert shop.get(url).json == {"spec": {"files_to_modify": ["old.py"]}, "spec_frozen": False, "paths": ["old.py"]}
    new = {"requirements": ["a", "b"], "files_to_create": ["src//new.py"]}
    assert shop.put(url, new).json == {"spec": new, "spec_frozen": False, "paths": ["src/new.py"]}
    assert shop.put(url, new).json == shop.get(url).json
    assert shop.post(f"{url}/freeze").json["spec_frozen"] is True
    assert tuple(shop.put(url, {})) == invalid("The spec is frozen", "spec")
    assert names_of(shop.put(url, {"wishes": "many"})) == ["wishes"]


def test_an_entry_with_dependents_cannot_be_deleted(workspace: Workspace, shop: Api) -> None:
    first = shop.post("/todo/entries", {"entries": [{"content": "one"}]}).json["entries"][0]["id"]
    second = shop.post("/todo/entries", {"entries": [{"content": "two", "depends_on": [first]}]}).json["entries"][0]["id"]
    assert tuple(shop.delete(f"/todo/entries/{first}")) == invalid(f"Other entries depend on it: {second}", "entryID")
    assert tuple(shop.delete(f"/todo/entries/{second}")) == (200, {"deleted": True})
    assert tuple(shop.delete(f"/todo/entries/{second}")) == not_found("Entry")
    assert tuple(shop.delete(f"/todo/entries/{first}")) == (200, {"deleted": True})
    assert shop.get("/todo").json["entries"] == []


def test_the_activity_log_continues_after_a_given_event(workspace: Workspace, shop: Api) -> None:
    entry = an_entry(workspace)
    for level in ("high", "low", "medium"):
        shop.patch(f"/todo/entries/{entry.pk}/priority", {"priority": level})
    first = shop.get("/todo/events?limit=2").json
    assert [event["verb"] for event in first["events"]] == ["entries.added", "entry.priority"]
    event = first["events"][1]
    assert list(event) == ["id", "at", "actor", "actor_kind", "verb", "object_id", "data", "reason"]
    assert (event["actor"], event["object_id"], event["data"]) == ("token:test", entry.pk, {"before": "medium", "after": "high"})
    remaining = shop.get(f"/todo/events?after={event['id']}").json
    assert remaining == shop.get(f"/todo/events?cursor={first['next_cursor']}").json
    assert len(remaining["events"]) == 2 and remaining["next_cursor"] is None


# Sessions and rounds


def test_a_session_shows_its_state_and_cost(workspace: Workspace, shop: Api) -> None:
    session = a_session(an_entry(workspace))
    the_agents(session).post(f"/executor/sessions/{session.pk}/usage", {"id": "1", "cost_usd": 0.25, "input_tokens": 10})
    body = shop.get(f"/executor/sessions/{session.pk}").json
    assert list(body) == keys_of("SessionOut")
    assert (body["id"], body["entry_id"], body["attempt"], body["round"]) == (session.pk, session.entry_id, 1, 1)
    assert (body["phase"], body["status"], body["ended_at"]) == ("implementation", "running", None)
    assert body["choice"] is None
    assert body["cost"] == {"booked_usd": 0.25, "reported_usd": 0.25, "computed_usd": None}
    assert body["tokens"] == {"input": 10, "output": 0, "cache_read": 0, "cache_write": 0, "cache_write_1h": 0}
    ended(session)
    over = shop.get(f"/executor/sessions/{session.pk}").json
    assert over["status"] == "failed" and RFC_3339_UTC.fullmatch(over["ended_at"])


def test_a_session_shows_how_its_agent_was_chosen(db: None) -> None:
    workspace = a_workspace(agents={"other": {"command": "true"}}, agent={"command": "true", "fallback": ["other"]})
    an_open_breaker(workspace, "rate_limited", "The provider limits the rate.", until=now() + timedelta(hours=1))
    a_worker()
    entry = an_entry(workspace, budget="5")
    dispatch.cycle(workspace.pk)
    choice = Api(workspace, a_token()).get(f"/executor/sessions/{Session.objects.get(entry=entry).pk}").json["choice"]
    assert (choice["agent"], choice["effort"], choice["step"], choice["steps"]) == ("other", None, 1, 1)
    assert [(each["agent"], each["reservation_usd"], each["code"]) for each in choice["considered"]] == [
        ("default", 5, "rate_limited"),
        ("other", 5, None),
    ]
    assert choice["why"].endswith("The provider limits the rate.") and RFC_3339_UTC.fullmatch(choice["considered"][0]["until"])


def test_the_requests_of_a_session_are_listed_with_what_is_not_known(workspace: Workspace, shop: Api) -> None:
    session, neighbour = a_session(an_entry(workspace, budget="3")), a_session(an_entry(workspace))
    url = f"/executor/sessions/{session.pk}"
    assert shop.get(url).json["meter"] is None and shop.get(f"{url}/requests").json["requests"] == []
    gateway.one_of_each(session)
    assert shop.get(url).json["meter"] == "gateway"
    page = shop.get(f"{url}/requests?limit=5").json
    assert [row["state"] for row in page["requests"]] == ["waiting", "waiting", "sent", "refused", "unknown"]
    sums = {name: page[name] for name in ("booked_usd", "at_bound_usd", "unknown_usd", "under_way_usd")}
    assert sums == {"booked_usd": 0.1113, "at_bound_usd": 0, "unknown_usd": 0.15, "under_way_usd": 0.15}
    free, clamped, booked = shop.get(f"{url}/requests?cursor={page['next_cursor']}").json["requests"]
    assert (free["amount_usd"], free["status"], free["reason"]) == (0, 529, "its provider is overloaded")
    assert (clamped["answer_model"], clamped["output_limit"], clamped["is_clamped"]) == ("claude-haiku-4-5", 4000, True)
    assert booked["tokens"] == {"input": 1200, "output": 340, "cache_read": 52_000, "cache_write": 4100}
    assert (booked["bound_usd"], booked["amount_usd"], booked["reason"], booked["output_limit"]) == (0.1, 0.0213, None, None)
    assert RFC_3339_UTC.fullmatch(booked["first_byte_at"]) and booked["created_at"] <= booked["sent_at"] <= booked["ended_at"]
    assert shop.get(f"/executor/sessions/{neighbour.pk}/requests").json["requests"] == []


def test_a_log_is_text_or_json_lines_and_continues_after_a_line(workspace: Workspace, shop: Api) -> None:
    session = a_session(an_entry(workspace))
    writer = log_chunks.Writer(session, limit=1_000_000)
    for text in ("one", "two <b>", "three"):
        writer.add("stdout", text)
    writer.flush()
    url = f"/executor/sessions/{session.pk}/log"
    text = shop.get(url)
    assert (text.text, text.headers["Content-Type"]) == ("one\ntwo <b>\nthree\n", "text/plain; charset=utf-8")
    assert text.headers["X-Content-Type-Options"] == "nosniff"
    assert shop.get(f"{url}?after=2").text == "three\n"
    lines = shop.get(f"{url}?after=1&format=jsonl")
    assert lines.headers["Content-Type"] == "application/x-ndjson"
    shown = [json.loads(line) for line in lines.text.splitlines()]
    assert [(line["seq"], line["stream"], line["text"]) for line in shown] == [(2, "stdout", "two <b>"), (3, "stdout", "three")]
    assert shop.get(url, Accept="application/x-ndjson").text.count("\n") == 3
    assert shop.get(f"{url}?after=3").text == ""


def test_a_log_has_the_agents_lines_as_the_sentences_of_its_page(workspace: Workspace, shop: Api) -> None:
    session = a_session(an_entry(workspace))
    writer = log_chunks.Writer(session, limit=1_000_000)
    as_json = json.dumps({"type": "text", "text": "reading\nthe tests"})
    for text in ("\x1b[31mred\x1b[0m", as_json, '{"unknown": 1}', ""):
        writer.add("stdout", text)
    writer.flush()
    url = f"/executor/sessions/{session.pk}/log"
    assert shop.get(f"{url}?sentences=true").text == '\x1b[31mred\x1b[0m\nText: reading the tests\n{"unknown": 1}\n\n'
    rows = [json.loads(line) for line in shop.get(f"{url}?sentences=true&format=jsonl&after=1").text.splitlines()]
    assert [(row["seq"], row["text"]) for row in rows] == [(2, "Text: reading the tests"), (3, '{"unknown": 1}'), (4, "")]
    assert as_json in shop.get(url).text and shop.get(f"{url}?sentences=7").status == 400


def test_rounds_show_cost_score_and_findings(workspace: Workspace, shop: Api) -> None:
    entry = an_entry(workspace)
    for score in (0.4, 0.7):
        session = a_session(entry)
        the_agents(session).post(f"/executor/sessions/{session.pk}/usage", {"id": "1", "cost_usd": 0.1})
        ended(session, score=score)
    url = f"/todo/entries/{entry.pk}/rounds"
    first, second = shop.get(url).json["rounds"]
    assert list(first) == keys_of("RoundOut")
    assert [(r["number"], r["cost_usd"], r["score"], r["improvement_score"], r["verdict"]) for r in (first, second)] == [
        (1, 0.1, 0.4, 0.4, "failed"),
        (2, 0.1, 0.7, 0.3, "failed"),
    ]
    assert first["findings"] == ["a finding"]
    page = shop.get(f"{url}?limit=1").json
    assert (page["rounds"], page["next_cursor"]) == ([first], "1")
    assert shop.get(f"{url}?limit=1&cursor=1").json == {"rounds": [second], "next_cursor": None}


def test_an_agent_reports_usage_once_and_receives_the_remaining_budget(workspace: Workspace) -> None:
    session = a_session(an_entry(workspace, budget="1"))
    agent = the_agents(session)
    url = f"/executor/sessions/{session.pk}/usage"
    assert tuple(agent.post(url, {"id": "1", "cost_usd": 0.25})) == (200, {"recorded": True, "budget_left_usd": 0.75})
    assert tuple(agent.post(url, {"id": "1", "cost_usd": 0.25})) == (200, {"recorded": False, "budget_left_usd": 0.75})
    assert tuple(agent.post(url, {"id": "2", "cost_usd": 2})) == (200, {"recorded": True, "budget_left_usd": 0})
    assert project(workspace).entry_spent == usd("2.25")


def test_usage_without_a_price_is_never_zero(workspace: Workspace, shop: Api) -> None:
    session = a_session(an_entry(workspace, budget="1"))
    body = {"id": "1", "model": "nobody-knows-this-model", "input_tokens": 10}
    assert the_agents(session).post(f"/executor/sessions/{session.pk}/usage", body).json["recorded"] is False
    assert shop.get(f"/executor/sessions/{session.pk}").json["unpriced_model"] == "nobody-knows-this-model"
    ended(session)
    assert project(workspace).entry_spent == usd(1)


def test_progress_is_shown_with_the_session(workspace: Workspace, shop: Api) -> None:
    session = a_session(an_entry(workspace))
    assert tuple(the_agents(session).post(f"/executor/sessions/{session.pk}/progress", {"text": "half"})) == (200, {"ok": True})
    assert shop.get(f"/executor/sessions/{session.pk}").json["progress"] == "half"


def test_progress_shows_neither_a_secret_nor_the_sessions_token(workspace: Workspace, shop: Api) -> None:
    secrets.put(workspace.pk, "API_KEY", "sk-0123456789abcdef", by=ANA)
    session = a_session(an_entry(workspace))
    token = tokens.create("agent", workspace=workspace, session_ref=session.pk)
    text = f"calls with sk-0123456789abcdef and {token}"
    assert Api(workspace, token).post(f"/executor/sessions/{session.pk}/progress", {"text": text}).status == 200
    shown = shop.get(f"/executor/sessions/{session.pk}").json["progress"]
    assert shown == "calls with [secret API_KEY] and [secret token]"


def test_only_its_own_agent_reports_for_a_session(workspace: Workspace, shop: Api) -> None:
    mine, other = a_session(an_entry(workspace)), a_session(an_entry(workspace))
    for caller in (shop, the_agents(other), the_agents(a_session(an_entry(a_workspace(name="Other"))))):
        for path, body in (("usage", {"id": "1", "cost_usd": 1}), ("progress", {"text": "x"})):
            assert caller.post(f"/executor/sessions/{mine.pk}/{path}", body).status == 404
    assert not LedgerEntry.objects.exists()


def test_a_sessions_token_dies_with_it(workspace: Workspace) -> None:
    session = a_session(an_entry(workspace))
    agent = the_agents(session)
    assert agent.post(f"/executor/sessions/{session.pk}/progress", {"text": "x"}).status == 200
    ended(session)
    for path, body in (("usage", {"id": "1", "cost_usd": 1}), ("progress", {"text": "x"})):
        assert agent.post(f"/executor/sessions/{session.pk}/{path}", body).status == 401
    assert project(workspace).entry_spent == 0


def test_the_summary_agrees_with_the_calls_that_it_stands_for_in_as_many_statements_for_many_entries(
    workspace: Workspace, shop: Api, django_assert_num_queries: Any
) -> None:
    questions.ask(a_session(an_entry(workspace)), "1", "Tabs or spaces?")
    shop.get("/summary")  # a process reads some things once
    with CaptureQueriesContext(connection) as few:
        shop.get("/summary")
    asked(workspace)
    a_session(an_entry(workspace))
    some_entries(workspace, *(f"do {n}" for n in range(20)))
    with django_assert_num_queries(len(few)):
        summary = shop.get("/summary").json
    assert summary["executor"] == shop.get("/executor/status?numbers=true").json
    workers = [{key: row[key] for key in row if key not in ("seq", "title")} for row in summary["workers"]]
    assert workers == shop.get("/executor/workers").json["workers"] and len(workers) == 3
    assert summary["questions"] == shop.get("/todo/questions").json["questions"] and summary["questions_total"] == 1
    assert summary["approvals"] == shop.get("/approvals").json["approvals"] and summary["approvals_total"] == 1
    assert summary["landing"] == shop.get("/landing").json and summary["budget"] == shop.get("/budget").json["global"]


def test_explain_lists_the_checks_in_order_for_all_waiting_entries(workspace: Workspace, shop: Api) -> None:
    a_worker()
    first, second = an_entry(workspace, files=["a.py"]), an_entry(workspace, files=["a.py"])
    dispatch.cycle(workspace.pk)
    [shown] = shop.get("/executor/explain").json["entries"]
    assert (shown["entry_id"], shown["why"]) == (second.pk, "files_locked")
    failed = [check for check in shown["checks"] if not check["passed"]]
    assert failed[0]["code"] == "files_locked" and failed[0]["message"]
    assert all(list(check) == ["code", "passed", "observed", "needed", "message"] for check in shown["checks"])
    assert first.pk in failed[0]["message"] + failed[0]["observed"] or f"#{first.seq}" in failed[0]["message"]


def test_explain_is_paged_in_the_executors_order(workspace: Workspace, shop: Api) -> None:
    created = some_entries(workspace, *(f"do {n}" for n in range(5)))
    seen, cursor = [], ""
    for _ in range(3):
        page = shop.get(f"/executor/explain?limit=2{cursor}").json
        seen += [entry["entry_id"] for entry in page["entries"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [entry.pk for entry in created] and page["next_cursor"] is None


# Budget


def test_the_ledger_is_paged_newest_first(workspace: Workspace, shop: Api) -> None:
    entry = an_entry(workspace)
    for cents in range(1, 6):
        a_charge(entry, f"0.0{cents}")
    first = shop.get("/budget/ledger?limit=3").json
    remaining = shop.get(f"/budget/ledger?limit=3&cursor={first['next_cursor']}").json
    rows = first["entries"] + remaining["entries"]
    assert [row["amount_usd"] for row in rows] == [0.05, 0.04, 0.03, 0.02, 0.01] and remaining["next_cursor"] is None
    assert list(rows[0]) == keys_of("LedgerOut")
    assert (rows[0]["category"], rows[0]["entry_id"], rows[0]["round"], rows[0]["actor"]) == ("entry", entry.pk, 1, "agent")
    assert RFC_3339_UTC.fullmatch(rows[0]["at"])


def test_the_ledger_as_csv_is_whole_and_harmless_in_a_spreadsheet(workspace: Workspace, shop: Api) -> None:
    body = {"category": "orchestrator", "amount_usd": 0.000001, "reason": "=cmd|' /C calc'!A0"}
    shop.post("/budget/charges", body)
    shop.post("/budget/charges", {"category": "expansion", "amount_usd": 12, "reason": 'ü, "quoted"'})
    response = shop.get("/budget/ledger?format=csv")
    assert (
        response.headers["Content-Type"] == "text/csv; charset=utf-8" and "attachment" in response.headers["Content-Disposition"]
    )
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [(row["amount_usd"], row["reason"]) for row in rows] == [("0.000001", "'=cmd|' /C calc'!A0"), ("12", 'ü, "quoted"')]
    assert list(rows[0]) == list(shop.get("/budget/ledger").json["entries"][0])


def test_holds_lists_open_reservations_with_their_drawn_amount(workspace: Workspace, shop: Api) -> None:
    first, second = a_session(an_entry(workspace, budget="1")), a_session(an_entry(workspace, budget="2"))
    the_agents(first).post(f"/executor/sessions/{first.pk}/usage", {"id": "1", "cost_usd": 0.25})
    body = shop.get("/budget/holds").json
    assert [list(hold) for hold in body["holds"]] == [
        ["id", "session_id", "entry_id", "amount_usd", "drawn_usd", "opened_at", "category", "permit_id", "expires_at"]
    ] * 2
    assert [(h["session_id"], h["amount_usd"], h["drawn_usd"]) for h in body["holds"]] == [(first.pk, 1, 0.25), (second.pk, 2, 0)]
    assert body["held_usd"] == 2.75
    page = shop.get("/budget/holds?limit=1").json
    assert (len(page["holds"]), page["held_usd"]) == (1, 2.75)
    assert [hold["session_id"] for hold in shop.get(f"/budget/holds?cursor={page['next_cursor']}").json["holds"]] == [second.pk]
    ended(first)
    assert shop.get("/budget/holds").json["held_usd"] == 2


def test_holds_of_ended_sessions_name_the_host_that_is_away(
    workspace: Workspace, shop: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    session = a_lost_session(entry=an_entry(workspace, budget="2"))
    body = shop.get("/budget/holds").json
    [hold] = body["holds"]
    assert (hold["session_id"], hold["amount_usd"], hold["drawn_usd"]) == (session.pk, 2, 0.05)
    assert (hold["state"], hold["awaits_host"]) == ("awaiting", "build-3") and hold["awaits_until"] > hold["opened_at"]
    assert body["held_usd"] == 1.95


def test_changes_show_actor_field_before_and_after(workspace: Workspace, shop: Api) -> None:
    entry = an_entry(workspace, budget="1")
    shop.patch(f"/budget/entries/{entry.pk}", {"budget_usd": 2.5})
    shop.post(f"/budget/entries/{entry.pk}/lock")
    caps.set_project(project(workspace), "max_project_spend", usd(5), by=ANA, reason="less")
    body = shop.get("/budget/changes").json
    shown = [(c["entry_id"], c["field"], c["before"], c["after"], c["actor"], c["reason"]) for c in body["changes"]]
    assert shown == [
        (None, "max_project_spend_usd", 100, 5, "ana", "less"),
        (entry.pk, "human_locked", True, False, "token:test", ""),
        (entry.pk, "budget_usd", 1, 2.5, "token:test", ""),
    ]
    page = shop.get("/budget/changes?limit=1").json
    assert [c["field"] for c in shop.get(f"/budget/changes?cursor={page['next_cursor']}").json["changes"]] == [
        "human_locked",
        "budget_usd",
    ]


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_charge_counts_in_its_category(workspace: Workspace, shop: Api, category: str) -> None:
    entry = an_entry(workspace)
    body: dict[str, Any] = {"category": category, "amount_usd": 0.5, "reason": "outside"}
    if category in ("entry", "interceptor"):
        body["entry_id"] = entry.pk
    status, row = shop.post("/budget/charges", body)
    assert (status, row["category"], row["amount_usd"], row["price_source"]) == (201, category, 0.5, "reported")
    whole = shop.get("/budget").json
    assert whole["global"][ANSWER_KEYS[category]] == whole["global"]["total_spent_usd"] == 0.5
    assert whole["entries"][0]["spent_usd"] == (0.5 if category == "entry" else 0)
    assert whole["entries"][0]["interceptor_spent_usd"] == (0.5 if category == "interceptor" else 0)


def test_a_charge_with_a_key_counts_once(shop: Api) -> None:
    body = {"category": "orchestrator", "amount_usd": 0.5}
    first, again = (shop.post("/budget/charges", body, Idempotency_Key="k") for _ in range(2))
    assert first.status == again.status == 201 and first.json == again.json
    other = shop.post("/budget/charges", body | {"amount_usd": 0.6}, Idempotency_Key="k")
    assert tuple(other) == invalid("This key was used for another charge", "Idempotency-Key")
    for key in ("", "x" * 256):
        assert names_of(shop.post("/budget/charges", body, Idempotency_Key=key)) == ["Idempotency-Key"]
    assert shop.get("/budget").json["global"]["total_spent_usd"] == 0.5
    shop.post("/budget/charges", body)
    shop.post("/budget/charges", body)
    assert shop.get("/budget").json["global"]["total_spent_usd"] == 1.5


@pytest.mark.parametrize(
    "change",
    [
        {"round": 2},
        {"cache_read_tokens": 5},
        {"cache_write_tokens": 5},
        {"cache_write_tokens": 5, "cache_write_1h_tokens": 5},
        {"output_tokens": 5},
        {"reason": "y"},
    ],
)
def test_a_key_used_with_any_other_charge_is_refused(workspace: Workspace, shop: Api, change: dict[str, Any]) -> None:
    body = {"category": "entry", "amount_usd": 0.5, "entry_id": an_entry(workspace).pk, "round": 1, "reason": "x"}
    shop.post("/budget/charges", body, Idempotency_Key="k")
    assert names_of(shop.post("/budget/charges", body | change, Idempotency_Key="k")) == ["Idempotency-Key"]


def test_a_charge_is_priced_by_what_its_cache_keeps_for_an_hour(shop: Api) -> None:
    body = {"category": "orchestrator", "model": "claude-opus-4-5", "cache_write_tokens": 100_000}
    for kept, billed in ((0, 0.625), (100_000, 1.0)):
        before = shop.get("/budget").json["global"]["total_spent_usd"]
        shop.post("/budget/charges", body | {"cache_write_1h_tokens": kept})
        assert shop.get("/budget").json["global"]["total_spent_usd"] - before == pytest.approx(billed)
    assert names_of(shop.post("/budget/charges", body | {"cache_write_1h_tokens": 100_001})) == ["cache_write_1h_tokens"]


def test_a_key_belongs_to_its_caller_and_workspace(workspace: Workspace, shop: Api) -> None:
    other = a_workspace(name="Other")
    bob = Api(workspace, tokens.create("bob", workspace=workspace))
    for caller in (shop, bob, Api(other, a_token())):
        caller.post("/budget/charges", {"category": "orchestrator", "amount_usd": 1}, Idempotency_Key="k")
    assert (project(workspace).total_spent, project(other).total_spent) == (usd(2), usd(1))


def test_a_charge_needs_an_entry_or_a_price_where_they_are_missing(workspace: Workspace, shop: Api) -> None:
    assert names_of(shop.post("/budget/charges", {"category": "entry", "amount_usd": 1})) == ["entry_id"]
    assert names_of(shop.post("/budget/charges", {"category": "orchestrator"})) == ["amount_usd"]
    assert names_of(shop.post("/budget/charges", {"category": "orchestrator", "model": "nobody-knows"})) == ["model"]
    theirs = an_entry(a_workspace(name="Other"))
    body = {"category": "entry", "amount_usd": 1, "entry_id": theirs.pk}
    assert tuple(shop.post("/budget/charges", body)) == not_found("Entry")
    assert not LedgerEntry.objects.exists()


def test_a_charge_is_priced_from_tokens(shop: Api) -> None:
    row = shop.post("/budget/charges", {"category": "orchestrator", "model": "claude-sonnet-4-5", "input_tokens": 1000}).json
    assert row["price_source"] == "computed" and row["amount_usd"] > 0


def test_a_correction_shows_as_a_negative_row(workspace: Workspace, shop: Api) -> None:
    a_charge(an_entry(workspace), "0.5")
    ledger.adjust(LedgerEntry.objects.get(), -usd("0.2"), reason="double", actor="ana", key="fix")
    rows = shop.get("/budget/ledger").json["entries"]
    assert [(row["amount_usd"], row["price_source"]) for row in rows] == [(-0.2, "manual"), (0.5, "reported")]
    assert shop.get("/budget/ledger?format=csv").text.splitlines()[-1].split(",")[6] == "-0.2"


# Labels of hosts


def test_an_entry_requires_labels_of_its_host(shop: Api) -> None:
    created = shop.post(
        "/todo/entries", {"entries": [{"content": "Train", "requires": ["gpu", "eu", "gpu"]}, {"content": "Else"}]}
    )
    first, second = created.json["entries"]
    assert (first["requires"], second["requires"]) == (["gpu", "eu"], [])
    changed = shop.patch(f"/todo/entries/{first['id']}", {"requires": ["cpu-2.1"], "version": first["version"]})
    assert changed.json["requires"] == shop.get(f"/todo/entries/{first['id']}").json["requires"] == ["cpu-2.1"]
    assert shop.patch(f"/todo/entries/{first['id']}", {"requires": [], "version": first["version"]}).status == 409
    assert shop.patch(f"/todo/entries/{first['id']}", {"content": "Train it"}).json["requires"] == ["cpu-2.1"]
    assert shop.patch(f"/todo/entries/{first['id']}", {"requires": []}).json["requires"] == []


@pytest.mark.parametrize("labels", [["a b"], [""], ["a\x00"], ["ü"], ["-gpu"], ["x" * 64], "gpu", ["gpu"] * 21, [1], [None], {}])
def test_labels_that_are_none_are_bad_input(shop: Api, labels: Any) -> None:
    response = shop.post("/todo/entries", {"entries": [{"content": "Train", "requires": labels}]})
    assert response.status == 400 and names_of(response)[0].startswith("entries.0.requires")
    entry = shop.post("/todo/entries", {"entries": [{"content": "Train"}]}).json["entries"][0]
    assert shop.patch(f"/todo/entries/{entry['id']}", {"requires": labels}).status == 400
