"""Cycles, stops, toggles and keys that arrive at the same moment: one is first, and no action happens twice."""

from collections import Counter
from typing import Any

import pytest

from budget.amounts import usd
from budget.models import Account, Hold, LedgerEntry
from orchestration import sessions
from orchestration.backlog.entries import Draft
from orchestration.executor import control, dispatch
from orchestration.models import Entry, Executor, FileLock, Session
from orchestration.sessions import Ending
from tests.contract.api import Api
from tests.factories import ANA, a_session, a_token, a_worker, a_workspace, an_entry, project, sessions_of, some_entries
from tests.races.crowd import at_once
from workspaces.errors import NotFound
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def agrees(workspace: Workspace) -> bool:
    """Entries in progress are those with an open session, each with its reservation."""
    running = {session.entry_id for session in sessions_of(workspace)}
    in_progress = set(Entry.objects.filter(workspace=workspace, status="in_progress").values_list("pk", flat=True))
    reserved = set(Hold.objects.filter(project_id=workspace.pk, state="open").values_list("account_id", flat=True))
    return running == in_progress == reserved


def test_eight_cycles_at_once_claim_each_entry_once() -> None:
    a_worker()
    workspace = a_workspace(max_workers=10)
    some_entries(workspace, *(Draft(f"do {n}", spec={"files_to_modify": [f"f{n % 15}.py"]}) for n in range(30)))
    at_once([lambda: dispatch.cycle(workspace.pk)] * 8)
    claimed = [session.entry_id for session in sessions_of(workspace)]
    assert len(claimed) == len(set(claimed)) == 10 and agrees(workspace)
    assert FileLock.objects.count() == len(set(FileLock.objects.values_list("path", flat=True))) == 10


def test_a_stop_that_races_the_claim_never_leaves_a_session_both_stopped_and_running() -> None:
    for _ in range(8):
        worker = a_worker()
        workspace = a_workspace()
        entry = an_entry(workspace)
        dispatch.cycle(workspace.pk)
        [claimed] = sessions_of(workspace)

        def stop(workspace: Workspace = workspace, claimed: Session = claimed) -> str:
            try:
                sessions.stop(workspace.pk, claimed.pk, by=ANA)
            except NotFound:
                return "gone"
            return "asked"

        taken, _, _ = at_once(
            [
                lambda c=claimed, w=worker: sessions.take(c.pk, attempt=c.attempt, worker=w),
                stop,
                lambda w=workspace: dispatch.cycle(w.pk),
            ]
        )
        claimed.refresh_from_db()
        entry.refresh_from_db()
        if taken is None:  # stopped before it started
            assert (claimed.status, claimed.outcome, entry.reason_code) == ("ended", "stopped", "human_hold")
        else:  # it runs and has the stop request
            assert claimed.status == "running" and claimed.stop_wanted_at is not None and claimed.stop_for_good
        assert agrees(workspace)


def test_a_claimed_session_is_taken_by_one_worker() -> None:
    workers = [a_worker() for _ in range(8)]
    workspace = a_workspace()
    an_entry(workspace)
    dispatch.cycle(workspace.pk)
    [claimed] = sessions_of(workspace)
    taken = at_once([lambda w=worker: sessions.take(claimed.pk, attempt=claimed.attempt, worker=w) for worker in workers])
    assert sum(session is not None for session in taken) == 1


def test_a_session_is_concluded_once() -> None:
    workspace = a_workspace()
    session = a_session(an_entry(workspace))
    ending = Ending(Session.Outcome.CRASHED, "gone")
    assert sum(at_once([lambda: sessions.conclude(session, ending)] * 8)) == 1
    assert Entry.objects.get().crashes == 1 and agrees(workspace)


def test_every_toggle_counts() -> None:
    workspace = a_workspace()
    entry, token = an_entry(workspace), a_token()
    responses = at_once([lambda: Api(workspace, token).post(f"/budget/entries/{entry.pk}/lock").json["locked"]] * 10)
    assert Counter(responses) == {True: 5, False: 5}  # each toggled the state that the one before left
    assert Account.objects.get().human_locked is False


def test_two_reverifies_at_once_give_one_verification() -> None:
    workspace = a_workspace()
    session = a_session(an_entry(workspace))
    sessions.conclude(session, Ending(Session.Outcome.CRASHED))
    token = a_token()
    at_once([lambda: Api(workspace, token).post(f"/executor/entries/{session.entry_id}/reverify").status] * 6)
    at_once([lambda: dispatch.cycle(workspace.pk)] * 4)
    [session_] = sessions_of(workspace)
    assert session_.work == "verify"


def test_twenty_clients_hammer_pause_resume_and_stop_all() -> None:
    """While paused no session starts, and the executor's final state is that of the last request."""
    a_worker()
    workspace = a_workspace(max_workers=4)
    some_entries(workspace, *(f"do {n}" for n in range(30)))
    token = a_token()
    words = ["pause", "resume", "stop-all", "start", "force-dispatch"]

    def client(number: int) -> list[int]:
        api = Api(workspace, token)
        return [api.post(f"/executor/{words[(number + step) % len(words)]}").status for step in range(5)]

    responses = at_once([lambda n=n: client(n) for n in range(20)])
    assert {status for statuses in responses for status in statuses} == {200}
    states = Event.objects.filter(verb__startswith="executor.").exclude(verb="executor.force_dispatch").order_by("id")
    assert Executor.objects.get().state == list(states)[-1].data["after"]
    befores, afters = [e.data["before"] for e in states], [e.data["after"] for e in states]
    assert befores[1:] == afters[:-1]  # one after the other, as recorded
    assert agrees(workspace)
    control.pause(workspace.pk, by=ANA)
    before = Session.objects.count()
    at_once([lambda: dispatch.cycle(workspace.pk)] * 4)
    assert Session.objects.count() == before


def test_stop_all_lets_no_cycle_slip_a_session_in() -> None:
    for _ in range(5):
        a_worker()
        workspace = a_workspace(max_workers=10)
        some_entries(workspace, *(f"do {n}" for n in range(10)))
        cycles: list[Any] = [lambda w=workspace: dispatch.cycle(w.pk)] * 4
        at_once([*cycles, lambda w=workspace: control.stop_all(w.pk, by=ANA), *cycles])
        assert sessions_of(workspace) == [] and project(workspace).held == 0
        assert set(Entry.objects.filter(workspace=workspace).values_list("status", flat=True)) == {"pending"}


def test_an_idempotency_key_counts_once_however_many_send_it() -> None:
    workspace = a_workspace()
    token, body = a_token(), {"category": "orchestrator", "amount_usd": 0.25}
    responses = at_once([lambda: Api(workspace, token).post("/budget/charges", body, Idempotency_Key="k")] * 12)
    assert {response.status for response in responses} == {201} and len({response.json["id"] for response in responses}) == 1
    assert LedgerEntry.objects.count() == 1 and project(workspace).total_spent == usd("0.25")


def test_entries_added_at_once_get_numbers_of_their_own() -> None:
    workspace = a_workspace()
    at_once([lambda: some_entries(workspace, "a", "b", "c")] * 8)
    assert sorted(Entry.objects.values_list("seq", flat=True)) == list(range(1, 25))


def test_a_delete_that_races_a_dependent_leaves_no_entry_waiting_for_a_deleted_one() -> None:
    for _ in range(5):
        workspace = a_workspace()
        entry, api = an_entry(workspace), Api(workspace, a_token())
        body = {"entries": [{"content": "later", "depends_on": [entry.pk]}]}
        deleted, added = at_once(
            [
                lambda a=api, e=entry: a.delete(f"/todo/entries/{e.pk}").status,
                lambda a=api, b=body: a.post("/todo/entries", b).status,
            ]
        )
        assert (deleted, added) in ((200, 400), (400, 201))
