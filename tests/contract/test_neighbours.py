"""Each read is of one workspace, of what is not deleted, whole and in its order, whatever lies next to it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from budget.models import LedgerEntry, RoundSpend
from orchestration.backlog.entries import Draft
from orchestration.configuration import secrets
from orchestration.dialogue import messages, questions
from orchestration.edge import queries
from orchestration.models import Entry, FileLock, Integration, Landing, Question, Session, Worker
from tests.contract.api import Api, not_found
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
    some_entries,
)
from workspaces.models import Workspace
from workspaces.people import tokens

pytestmark = pytest.mark.django_db
OTHER_TABS = "Use tabs elsewhere"


@pytest.fixture
def others() -> Workspace:
    """A workspace next to it with an entry at work, a lock, a question, a secret and events."""
    others = a_workspace(name="Others")
    session = a_session(an_entry(others, content="100% Do it"))
    FileLock.objects.create(workspace=others, entry=session.entry, path="theirs.py")
    questions.ask(session, "1", "Theirs?")
    messages.instruct(session.entry, OTHER_TABS, by=ANA)
    secrets.put(others.pk, "THEIR_KEY", "s3cret", by=ANA)
    Worker.objects.update(seen_at=now() - timedelta(days=1))
    return others


@pytest.mark.parametrize(
    ("fields", "phase", "status"),
    [
        ({"phase": "starting", "status": "claimed"}, "implementation", "starting"),
        ({"phase": "starting", "status": "running", "work": "verify"}, "verification", "running"),
        ({"phase": "starting", "status": "claimed", "stop_wanted_at": now()}, "implementation", "stopping"),
        ({"phase": "implementation", "status": "running"}, "implementation", "running"),
        ({"phase": "interception", "status": "running"}, "interception", "running"),
        ({"phase": "merging", "status": "running"}, "verification", "running"),
        ({"phase": "merging", "status": "ended", "outcome": "passed", "stop_wanted_at": now()}, "verification", "passed"),
    ],
)
def test_a_session_is_shown_in_the_contracts_words(fields: dict[str, Any], phase: str, status: str) -> None:
    session = Session(**{"work": "implement", **fields})
    assert (queries.shown_phase(session), queries.shown_status(session)) == (phase, status)


def test_sessions_at_work_are_those_of_the_workspace_the_longest_first(
    others: Workspace, workspace: Workspace, shop: Api
) -> None:
    late, early, over = a_session(an_entry(workspace)), a_session(an_entry(workspace)), a_session(an_entry(workspace))
    Session.objects.filter(pk=early.pk).update(claimed_at=now() - timedelta(hours=1))
    ended(over)
    assert [row["sessionID"] for row in shop.get("/executor/workers").json["workers"]] == [early.pk, late.pk]
    assert shop.get("/executor/status").json["activeWorkers"] == 2
    for address in ("executor/sessions/{}", "executor/sessions/{}/log", "executor/sessions/{}/requests"):
        theirs = Session.objects.get(workspace=others).pk
        assert tuple(shop.get("/" + address.format(theirs))) == not_found("Worker session")
        assert shop.get("/" + address.format(over.pk)).status == 200


def test_locks_and_counts_are_of_the_workspace_and_of_what_is_there(others: Workspace, workspace: Workspace, shop: Api) -> None:
    first, second, deleted = some_entries(workspace, "first", "second", "deleted")
    for entry, path in ((second, "b.py"), (second, "a.py"), (first, "c.py")):
        FileLock.objects.create(workspace=workspace, entry=entry, path=path)
    Entry.objects.filter(pk=deleted.pk).update(deleted_at=now())
    assert shop.get("/executor/locks").json == {first.pk: ["c.py"], second.pk: ["a.py", "b.py"]}
    assert queries.counts(workspace.pk) == {"total": 2, "pending": 2, "blocked": 0, "inProgress": 0, "done": 0, "failed": 0}
    diagnostics = queries.diagnostics(workspace.pk)
    assert (diagnostics["trackedSessions"], diagnostics["blockedReasons"]) == (0, ["no_worker_online"])
    assert tuple(shop.get(f"/todo/entries/{deleted.pk}")) == not_found("Entry")
    assert tuple(shop.get(f"/todo/entries/{Entry.objects.get(workspace=others).pk}")) == not_found("Entry")


def test_the_backlog_is_found_by_words_by_id_and_by_reasons_of_both_kinds(
    others: Workspace, workspace: Workspace, shop: Api
) -> None:
    held, percent, waiting, deleted = some_entries(workspace, "held", "100% Do it", "waiting", "100% deleted")
    Entry.objects.filter(pk=held.pk).update(status="blocked", reason_code="human_hold", reason_message="held")
    Entry.objects.filter(pk=deleted.pk).update(deleted_at=now(), reason_code="human_hold")
    theirs = Entry.objects.get(workspace=others)

    def ids_of(query: str) -> list[str]:
        return [entry["id"] for entry in shop.get(f"/todo?{query}").json["entries"]]

    assert ids_of("q=100%25") == [percent.pk] and ids_of(f"q={waiting.pk}") == [waiting.pk]
    assert ids_of(f"q={theirs.pk}") == ids_of("q=nothing") == []
    assert ids_of("reason=human_hold") == [held.pk] and ids_of("reason=no_worker_online") == [percent.pk, waiting.pk]
    assert ids_of("reason=human_hold&status=pending") == ids_of("reason=no_worker_online&q=held") == []
    assert ids_of("") == [held.pk, percent.pk, waiting.pk]
    page = shop.get("/todo?limit=2").json
    assert page["next_cursor"] == str(percent.seq) and shop.get("/todo?limit=3").json["next_cursor"] is None
    assert shop.get(f"/todo?cursor={page['next_cursor']}").json["entries"][0]["id"] == waiting.pk


def test_an_entry_shows_its_own_dependencies_sessions_and_money_in_their_order(workspace: Workspace) -> None:
    second, first = some_entries(workspace, "second", "first")
    [entry] = some_entries(workspace, Draft("Do it", depends_on=(first.pk, second.pk)))
    Entry.objects.filter(pk__in=[first.pk, second.pk]).update(**CLOSED)
    other = an_entry(workspace, content="other")
    a_charge(other, "3")
    [shown, shown_other] = queries.shown_entries(workspace.pk, [queries.entry_for(workspace.pk, e.pk) for e in (entry, other)])
    assert (shown["depends_on"], shown["session_ids"], shown["branch"], shown["spent_usd"]) == (
        [first.pk, second.pk],
        [],
        None,
        0,
    )
    assert (shown_other["depends_on"], shown_other["spent_usd"]) == ([], 3)
    Entry.objects.filter(pk=entry.pk).update(unmet_dependencies=0)
    attempts = [ended(a_session(Entry.objects.get(pk=entry.pk))).pk for _ in range(2)]
    [shown] = queries.shown_entries(workspace.pk, [queries.entry_for(workspace.pk, entry.pk)])
    assert shown["session_ids"] == attempts and shown["branch"] == entry.branch


def test_rounds_have_the_cost_of_their_own_entry_page_by_page(workspace: Workspace, shop: Api) -> None:
    entry, other = an_entry(workspace, budget="9"), an_entry(workspace, budget="9")
    for target, cost in ((other, "5"), (entry, "1"), (entry, "2")):
        session = a_session(target)
        a_charge(target, cost)
        ended(session)
    costs = dict(RoundSpend.objects.filter(account_id=entry.pk).values_list("number", "cost"))
    rows, following = queries.rounds_page(entry, limit=1, cursor=None)
    assert [row["number"] for row in rows] == [1] and following == "1"
    remaining, following = queries.rounds_page(entry, limit=1, cursor=following)
    assert [row["number"] for row in remaining] == [2] and following is None
    assert [row["cost_usd"] * 1_000_000 for row in [*rows, *remaining]] == [costs.get(1, 0), costs.get(2, 0)]


def test_events_are_those_of_the_workspace_after_a_place(others: Workspace, workspace: Workspace) -> None:
    some_entries(workspace, "a"), some_entries(workspace, "b")
    some_entries(others, "newest of all")
    mine = queries.events_after(workspace.pk, after=0, limit=100)
    assert {event.workspace_id for event in mine} == {workspace.pk} and mine[-1].pk == queries.newest_event(workspace.pk)
    assert [event.pk for event in queries.events_after(workspace.pk, after=mine[0].pk, limit=1)] == [mine[1].pk]
    assert queries.newest_event(a_workspace(name="New").pk) >= 0


def test_the_agents_state_is_of_the_workspace_and_of_the_hosts_online(others: Workspace, workspace: Workspace, shop: Api) -> None:
    Worker.objects.all().delete()
    an_open_breaker(others, message="Theirs")
    a_worker(host="b", agents={"codex": "1.0", "sandbox": "", "memory": "kernel"})
    a_worker(host="a", agents={"claude_code": "2.1"})
    away = a_worker(host="away", agents={"memory": "watched", "gemini": "1"})
    Worker.objects.filter(pk=away.pk).update(seen_at=now() - timedelta(days=1))
    shown = shop.get("/executor/agent").json
    assert (shown["code"], shown["message"], shown["push"]) == (None, None, None)
    assert [(row["host"], row["versions"]) for row in shown["programs"]] == [
        ("a", {"claude_code": "2.1"}),
        ("b", {"codex": "1.0"}),
    ]
    assert queries.memory_limit() == "Kept by the kernel."
    for host in ("d", "c"):
        a_worker(host=host, agents={"memory": "watched"})
    assert queries.memory_limit().startswith("Checked each second on c, d, where the kernel")
    Worker.objects.all().delete()
    assert queries.memory_limit() == ""
    an_open_breaker(workspace, "quota", "Mine")
    assert shop.get("/executor/agent").json["message"] == "Mine"


def test_secrets_questions_and_messages_of_others_are_not_shown(others: Workspace, workspace: Workspace, shop: Api) -> None:
    for name in ("B_KEY", "A_KEY"):
        secrets.put(workspace.pk, name, "s3cret", by=ANA)
    assert [row["name"] for row in shop.get("/secrets").json["secrets"]] == ["A_KEY", "B_KEY"]
    assert shop.delete("/secrets/THEIR_KEY").status == 404 and "s3cret" not in shop.get("/secrets").text
    session, other = a_session(an_entry(workspace)), a_session(an_entry(workspace))
    for asker, name in ((session, "1"), (other, "2"), (session, "3")):
        questions.ask(asker, name, f"Question {name}?")
    first, second, third = Question.objects.filter(workspace=workspace).order_by("pk")
    page = shop.get("/todo/questions?limit=1").json
    assert [row["text"] for row in page["questions"]] == ["Question 1?"] and page["next_cursor"] == str(first.pk)
    remaining = shop.get(f"/todo/questions?cursor={page['next_cursor']}").json
    assert [row["id"] for row in remaining["questions"]] == [second.pk, third.pk] and remaining["next_cursor"] is None
    mine = shop.get(f"/todo/entries/{session.entry_id}/questions").json
    assert [row["id"] for row in mine["questions"]] == [third.pk, first.pk]
    theirs = Question.objects.get(workspace=others)
    for name in (theirs.pk, "٣", "-1", "x", "9" * 19):
        assert shop.post(f"/todo/questions/{name}/answer", {"answer": "Yes"}).status == 404
    sent = [messages.instruct(session.entry, f"Message {n}", by=ANA).pk for n in range(2)]
    shown = shop.get(f"/todo/entries/{session.entry_id}/messages?limit=1").json
    assert [row["id"] for row in shown["messages"]] == [sent[1]] and shown["next_cursor"] == str(sent[1])
    assert shop.get(f"/todo/entries/{session.entry_id}/messages?cursor={sent[1]}").json["messages"][0]["id"] == sent[0]


def test_the_queue_of_the_workspace_names_why_only_what_waits(others: Workspace, workspace: Workspace, shop: Api) -> None:
    for place in (others, workspace):
        Integration.objects.get_or_create(workspace=place)
    fields: dict[str, Any] = {"state": "queued", "message": "its commit is elsewhere"}
    waits = Landing.objects.create(workspace=workspace, entry=an_entry(workspace), commit="1" * 40, not_before=now(), **fields)
    goes = Landing.objects.create(workspace=workspace, entry=an_entry(workspace), commit="2" * 40, **fields)
    Landing.objects.create(workspace=workspace, entry=an_entry(workspace), commit="3" * 40, **fields | {"state": "landed"})
    Landing.objects.create(workspace=others, entry=an_entry(others), commit="4" * 40, **fields)
    queue = shop.get("/landing").json["queue"]
    assert {row["id"]: row["waits"] for row in queue} == {waits.pk: "its commit is elsewhere", goes.pk: None}


def test_a_workspaces_own_token_reports_for_no_session_elsewhere(others: Workspace, workspace: Workspace) -> None:
    """Neither a person's token, nor that of another session, nor its own in another workspace."""
    session, other = a_session(an_entry(workspace)), a_session(an_entry(workspace))
    secret = tokens.create("agent", workspace=workspace, session_ref=session.pk)
    own = Api(workspace, secret)
    usage = {"id": "u1", "cost_usd": 0.25, "model": "gpt-5"}
    assert own.post(f"/executor/sessions/{session.pk}/usage", usage).json == {"recorded": True, "budget_left_usd": 0.75}
    assert own.post(f"/executor/sessions/{session.pk}/usage", usage).json == {"recorded": False, "budget_left_usd": 0.75}
    over = own.post(f"/executor/sessions/{session.pk}/usage", usage | {"id": "u2", "cost_usd": 5}).json
    assert over == {"recorded": True, "budget_left_usd": 0}
    for caller, target in ((own, other), (Api(others, secret), session), (Api(workspace, a_token()), session)):
        assert tuple(caller.post(f"/executor/sessions/{target.pk}/usage", usage)) == not_found("Worker session")
        assert tuple(caller.post(f"/executor/sessions/{target.pk}/progress", {"text": "x"})) == not_found("Worker session")
    kept = usage | {"id": "u3", "cache_write_tokens": 5, "cache_write_1h_tokens": 6}
    assert own.post(f"/executor/sessions/{session.pk}/usage", kept).status == 400
    assert not LedgerEntry.objects.exclude(session_ref=session.pk).exists()
