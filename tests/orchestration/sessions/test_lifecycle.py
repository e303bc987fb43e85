"""A session is ended once, by whoever has its attempt; everyone else's writes are refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils.timezone import now

from budget.models import Account, Project
from orchestration import sessions
from orchestration.backlog.rules import ways
from orchestration.executor import dispatch
from orchestration.models import Approval, Entry, Landing, Round, Session
from orchestration.proposals import run_requests
from orchestration.sessions import metering
from orchestration.sessions.ending import Verdict
from tests.contract.api import Api
from tests.factories import ANA, a_session, a_worker, a_workspace, an_entry, ended
from tests.orchestration.proposals import made
from workspaces.access import MUSTER
from workspaces.errors import NotFound
from workspaces.models import Event
from workspaces.people import tokens

pytestmark = pytest.mark.django_db


@pytest.fixture
def session() -> Session:
    return a_session(an_entry(a_workspace(), files=["a.py"]))


def refuses_writes(session: Session) -> None:
    for write in (
        lambda: sessions.write(session, progress="late"),
        lambda: sessions.enter(session, Session.Phase.VERIFICATION),
        lambda: sessions.wait(session, "late", None),
        lambda: sessions.forget_price(session),
    ):
        with pytest.raises(sessions.Superseded):
            write()


def test_no_write_reaches_a_session_that_has_ended(session: Session) -> None:
    Session.objects.filter(pk=session.pk).update(status="ended", ended_by_version="0.2.0", outcome="lost")
    refuses_writes(session)
    kept = Session.objects.get(pk=session.pk)
    assert (kept.progress, kept.phase, kept.waiting_for, kept.unpriced_model) == ("", "implementation", "", "")


def test_no_write_reaches_another_attempt_of_the_session(session: Session) -> None:
    Session.objects.filter(pk=session.pk).update(attempt=2)
    refuses_writes(session)
    assert not sessions.conclude(session, sessions.Ending(Session.Outcome.PASSED))
    assert Session.objects.get(pk=session.pk).status == "running"


def test_a_session_ends_once(session: Session) -> None:
    ended(session, outcome="failed")
    assert not sessions.conclude(session, sessions.Ending(Session.Outcome.PASSED))
    assert Session.objects.get(pk=session.pk).outcome == "failed"


def test_a_claim_is_taken_once_and_only_by_its_attempt(session: Session) -> None:
    worker = a_worker()
    Session.objects.filter(pk=session.pk).update(status="claimed")
    assert sessions.take(session.pk, attempt=2, worker=worker) is None
    assert sessions.take(session.pk, attempt=1, worker=worker) is not None
    assert sessions.take(session.pk, attempt=1, worker=worker) is None


def test_a_session_stopped_before_it_began_is_never_taken() -> None:
    worker, shop = a_worker(), a_workspace()
    entry = an_entry(shop)
    dispatch.cycle(shop.pk)
    claimed = Session.objects.get(entry=entry)
    sessions.stop(shop.pk, claimed.pk, by=MUSTER)
    assert sessions.take(claimed.pk, attempt=1, worker=worker) is None
    claimed.refresh_from_db()
    assert (claimed.status, claimed.outcome) == ("ended", "stopped")


def test_the_end_of_a_session_settles_its_reservation_and_closes_its_round(session: Session) -> None:
    assert sessions.conclude(session, sessions.Ending(Session.Outcome.CRASHED, "no", findings=("no",)))
    session.refresh_from_db()
    assert session.hold is not None and session.hold.state == "settled"
    assert Account.objects.get(pk=session.entry_id).held == 0
    assert Round.objects.get(session=session).verdict == "unverified"


def test_an_unknown_cost_is_charged_in_full(session: Session) -> None:
    sessions.conclude(session, sessions.Ending(Session.Outcome.LOST, cost_unknown=True))
    assert Account.objects.get(pk=session.entry_id).spent == 1_000_000


def test_the_token_of_an_agent_ends_with_its_session(session: Session) -> None:
    agent = Api(session.workspace, tokens.create("agent", workspace=session.workspace, session_ref=session.pk))
    progress = f"/executor/sessions/{session.pk}/progress"
    assert agent.post(progress, {"text": "half"}).status == 200
    ended(session)
    assert agent.post(progress, {"text": "late"}).status == 401


def test_a_verdict_ends_the_count_of_crashes_in_a_row(session: Session) -> None:
    Entry.objects.filter(pk=session.entry_id).update(crashes=2)
    ended(session)
    assert Entry.objects.get(pk=session.entry_id).crashes == 0


def test_a_session_that_was_taken_has_a_lease(session: Session, settings: Any) -> None:
    lease_until = Session.objects.values_list("lease_until", flat=True).get(pk=session.pk)
    assert lease_until is not None
    assert 0 < (lease_until - now()).total_seconds() <= settings.LEASE_S


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [(["conflict", "failed", "conflict"], "pending"), (["failed", "conflict", "conflict"], "blocked")],
)
def test_two_conflicts_in_a_row_need_a_person(outcomes: list[str], status: str) -> None:
    entry = an_entry(a_workspace(), budget="9")
    for score, outcome in enumerate(outcomes, start=1):
        ended(a_session(entry), outcome=outcome, score=score / 10)
    assert Entry.objects.get(pk=entry.pk).status == status


def test_a_stop_after_a_stop_of_all_puts_the_entry_on_hold(session: Session) -> None:
    with transaction.atomic():
        sessions.stop_all(session.workspace_id, by=MUSTER)
    assert not Session.objects.get(pk=session.pk).stop_for_good
    sessions.stop(session.workspace_id, session.pk, by=ANA)
    stopped = Session.objects.get(pk=session.pk)
    assert (stopped.stop_for_good, stopped.stop_wanted_by) == (True, "ana")


def test_five_lost_workers_in_a_row_fail_an_entry_where_three_crashes_of_its_agent_do() -> None:
    for outcome, times in (("lost", 5), ("crashed", 3)):
        entry = an_entry(a_workspace(name=outcome), budget="99", budget_rounds=9)
        seen = []
        for _ in range(times):
            sessions.conclude(a_session(entry), sessions.Ending(Session.Outcome(outcome), "no"))
            seen.append(Entry.objects.get(pk=entry.pk).status)
        assert seen == ["pending"] * (times - 1) + ["failed"]


def test_workers_lost_before_a_session_that_its_worker_survived_do_not_count() -> None:
    """An entry whose provider refused it between kills of its workers failed."""
    entry = an_entry(a_workspace(), budget="99", budget_rounds=9)
    seen = []
    for outcome in (*["lost"] * 4, "unavailable", *["lost"] * 5):
        sessions.conclude(a_session(entry), sessions.Ending(Session.Outcome(outcome), "no"))
        seen.append(Entry.objects.get(pk=entry.pk).status)
    assert seen == ["pending"] * 9 + ["failed"]


def test_only_the_crashes_that_count_are_looked_at() -> None:
    """Two lost workers before a verdict excuse no crash after it."""
    entry = an_entry(a_workspace(), budget="99", budget_rounds=9)
    other = a_session(an_entry(entry.workspace))
    Session.objects.filter(pk=other.pk).update(attempt=99, status="ended", outcome="lost", ended_by_version="0.2.0")
    for outcome in ("lost", "lost", "failed", "crashed", "crashed", "crashed"):
        verdict = {"verdict": Verdict(False, 0.5)} if outcome == "failed" else {}
        sessions.conclude(a_session(entry), sessions.Ending(Session.Outcome(outcome), "no", **verdict))
    assert Entry.objects.get(pk=entry.pk).status == "failed"


@pytest.mark.parametrize(
    ("ending", "counts"),
    [
        ({"outcome": "failed", "verdict": Verdict(False, 0.5)}, (1, True, 0, "implement")),
        ({"outcome": "crashed"}, (0, True, 3, "implement")),
        ({"outcome": "timed_out", "verify_next": True}, (0, True, 3, "verify")),
        ({"outcome": "asked"}, (0, True, 2, "implement")),
        ({"outcome": "interrupted"}, (0, False, 2, "implement")),
        ({"outcome": "stopped", "verify_next": True}, (0, False, 2, "verify")),
    ],
)
def test_what_each_ending_counts(session: Session, ending: dict[str, Any], counts: tuple[Any, ...]) -> None:
    Entry.objects.filter(pk=session.entry_id).update(crashes=2)
    ending["outcome"] = Session.Outcome(ending["outcome"])
    sessions.conclude(session, sessions.Ending(**ending))
    entry = Entry.objects.get(pk=session.entry_id)
    assert (entry.rounds_completed, entry.has_rounds, entry.crashes, entry.next_work) == counts


@pytest.mark.parametrize(("at_most", "spent"), [(None, 1_000_000), (300_000, 300_000), (0, 0)])
def test_of_an_unknown_cost_at_most_an_estimate_is_charged(session: Session, at_most: int | None, spent: int) -> None:
    sessions.conclude(session, sessions.Ending(Session.Outcome.LOST, cost_unknown=True, at_most=at_most))
    assert Account.objects.get(pk=session.entry_id).spent == spent


def test_a_model_without_a_price_is_charged_in_full_whatever_the_estimate(session: Session) -> None:
    sessions.forget_price(session)
    sessions.conclude(session, sessions.Ending(Session.Outcome.FAILED, at_most=1, verdict=Verdict(False, 0.5)))
    assert Account.objects.get(pk=session.entry_id).spent == 1_000_000


def test_a_stop_reaches_one_open_session_of_its_workspace_and_is_recorded() -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    mine, next_to, theirs = (a_session(an_entry(each)) for each in (shop, shop, other))
    sessions.stop(shop.pk, mine.pk, by=ANA)
    for wrong in (lambda: sessions.stop(shop.pk, theirs.pk, by=ANA), lambda: sessions.stop(shop.pk, "sess_none", by=ANA)):
        with pytest.raises(NotFound, match="Worker session not found"):
            wrong()
    asked = {each.pk for each in Session.objects.filter(stop_wanted_at__isnull=False)}
    assert asked == {mine.pk} and next_to.pk not in asked
    event = Event.objects.get(verb="session.stop")
    assert (event.object_id, event.actor, event.data["entry"]) == (mine.pk, "ana", mine.entry_id)
    ended(mine)
    with pytest.raises(NotFound):
        sessions.stop(shop.pk, mine.pk, by=ANA)


def test_who_asked_first_stays_unless_the_stop_is_for_good(session: Session) -> None:
    for by in (ANA, MUSTER):
        with transaction.atomic():
            assert sessions.stop_all(session.workspace_id, by=by) == 1
    first = Session.objects.get(pk=session.pk)
    assert (first.stop_wanted_by, first.stop_for_good) == ("ana", False)


def test_a_kill_is_a_stop_without_the_grace_and_not_for_good(session: Session) -> None:
    for _ in range(2):
        sessions.kill(session.workspace_id, session.pk, by=ANA)
    killed = Session.objects.get(pk=session.pk)
    assert killed.kill_wanted_at is not None and killed.stop_wanted_at is not None
    assert (killed.stop_for_good, killed.stop_wanted_by) == (False, "ana")
    [event] = Event.objects.filter(verb="session.kill")
    assert (event.object_id, event.data["entry"]) == (session.pk, session.entry_id)
    with pytest.raises(NotFound):
        sessions.kill(a_workspace(name="Other").pk, session.pk, by=ANA)


def test_a_session_is_taken_by_its_own_host_with_the_agent_of_its_role() -> None:
    """One that was placed on a host is not taken by another, whoever asks first."""
    shop = a_workspace(planner={**made.PLANNER, "agent": {"kind": "codex", "model": "gpt-5"}})
    here, there = a_worker(host="host_1"), a_worker(host="host_2")
    run = run_requests.plan(shop, "Make it better", by=ANA)
    Session.of_any_role.filter(pk=run.pk).update(host_id="host_1")
    assert sessions.take(run.pk, attempt=1, worker=there) is None
    taken = sessions.take(run.pk, attempt=1, worker=here)
    assert taken is not None and (taken.host_id, taken.worker) == ("host_1", here)
    row = Session.of_any_role.get(pk=run.pk)
    assert (row.agent, row.model, row.host, [phase for phase, _ in row.phases]) == ("codex", "gpt-5", "host_1", ["starting"])


def test_a_stop_of_all_reaches_runs_too_and_no_other_workspace() -> None:
    shop, other = (a_workspace(name=name, planner=made.PLANNER) for name in ("Shop", "Other"))
    run, session = made.a_running_run(shop), a_session(an_entry(shop))
    a_session(an_entry(other)), made.a_running_run(other)
    with transaction.atomic():
        assert sessions.stop_all(shop.pk, by=ANA) == 2
    asked = set(Session.of_any_role.filter(stop_wanted_at__isnull=False).values_list("pk", flat=True))
    assert asked == {run.pk, session.pk}
    verbs = Event.objects.filter(workspace=shop, verb__in=("run.stop", "session.stop")).values_list("verb", "object_id")
    assert set(verbs) == {("run.stop", run.pk), ("session.stop", session.pk)}


def test_the_stop_of_a_run_reaches_that_run_alone() -> None:
    shop = a_workspace(planner=made.PLANNER)
    run, session = made.a_running_run(shop), a_session(an_entry(shop))
    for workspace_id, wrong in ((shop.pk, session.pk), (a_workspace(name="Other").pk, run.pk)):
        with pytest.raises(NotFound, match="Run not found"):
            sessions.stop_run(workspace_id, wrong, by=ANA)
    with pytest.raises(NotFound, match="Worker session not found"):
        sessions.stop(shop.pk, run.pk, by=ANA)
    sessions.stop_run(shop.pk, run.pk, by=ANA)
    rows = Session.of_any_role.filter(stop_wanted_at__isnull=False)
    assert [(row.pk, row.stop_wanted_by, row.stop_for_good) for row in rows] == [(run.pk, "ana", False)]


def test_what_a_run_did_not_spend_is_free_for_entries() -> None:
    run = made.a_running_run(a_workspace(planner=made.PLANNER))
    Project.objects.update(allocation_due=None)
    sessions.conclude(run, sessions.Ending(Session.Outcome.CRASHED, "no"))
    money = Project.objects.get()
    assert money.allocation_due is not None and money.held == 0
    event = Event.objects.get(verb="run.ended")
    assert (event.object_id, event.data["role"], event.data["outcome"]) == (run.pk, "plan", "crashed")


def test_a_hold_after_a_round_is_of_a_session_of_its_own_workspace(session: Session) -> None:
    with pytest.raises(NotFound):
        sessions.hold_after(a_workspace(name="Other").pk, session.pk, by=ANA)
    assert Session.objects.get(pk=session.pk).hold_after_by == ""


def test_a_wait_without_a_known_end_is_a_wait(session: Session) -> None:
    sessions.wait(session, "429", None)
    assert Session.objects.get(pk=session.pk).phases[-1][0] == "waiting"
    sessions.wait(session, "", None)
    row = Session.objects.get(pk=session.pk)
    assert (row.phases[-1][0], row.waiting_for, row.waiting_until) == ("implementation", "", None)


def test_the_name_of_a_model_without_a_price_stays(session: Session) -> None:
    sessions.write(session, unpriced_model="a-new-model")
    sessions.forget_price(session)
    assert Session.objects.get(pk=session.pk).unpriced_model == "a-new-model"


def test_only_the_round_of_this_session_is_closed(session: Session) -> None:
    """Another session has begun the entry's next round, as after a restored database."""
    other = a_session(an_entry(session.workspace))
    newer = Round.objects.create(entry=session.entry, session=other, number=2)
    sessions.conclude(session, sessions.Ending(Session.Outcome.CRASHED, "no", findings=("no",)))
    assert Round.objects.get(pk=newer.pk).verdict == "open"


def test_a_verdict_ends_the_waits_for_a_provider(session: Session) -> None:
    Entry.objects.filter(pk=session.entry_id).update(provider_waits=3, not_before=now() + timedelta(hours=1))
    ended(session)
    entry = Entry.objects.get(pk=session.entry_id)
    assert (entry.provider_waits, entry.not_before) == (0, None)


def test_a_session_shows_the_model_that_most_was_paid_for(session: Session) -> None:
    """The config may name an alias."""
    sessions.write(session, model="best")
    for model, cost in (("claude-haiku-4-5", 10), ("claude-opus-4-1", 900), ("claude-haiku-4-5", 20)):
        metering.record(session, metering.Usage(f"{model} {cost}", cost=cost, model=model))
    ended(session)
    assert Session.objects.get(pk=session.pk).model == "claude-opus-4-1"
    silent = a_session(an_entry(session.workspace))
    sessions.write(silent, model="best")
    ended(silent)
    assert Session.objects.get(pk=silent.pk).model == "best"


@pytest.mark.parametrize(("fields", "status"), [({"human_locked": True}, "blocked"), ({}, "pending")])
def test_an_entry_goes_on_with_the_plans_money_unless_a_person_has_set_or_locked_its_own(
    fields: dict[str, bool], status: str
) -> None:
    session = a_session(an_entry(a_workspace(), budget="1"))
    metering.record(session, metering.Usage("1", cost=1_000_000))
    Account.objects.filter(pk=session.entry_id).update(own_budget=False, **fields)
    ended(session)
    assert Entry.objects.get(pk=session.entry_id).status == status


def test_what_is_done_waits_for_no_person(session: Session) -> None:
    done = ways.nothing_to_do(round=1)
    verdict = Verdict(True, 1.0)
    ending = sessions.Ending(Session.Outcome.PASSED, verdict=verdict, done=done, on_hold="It asks too often")
    sessions.conclude(session, ending)
    assert Entry.objects.get(pk=session.entry_id).status == "done"


@pytest.mark.parametrize(("approved", "state"), [("c" * 40, "queued"), ("d" * 40, "unproven")])
def test_unproven_work_lands_once_a_person_has_approved_that_very_commit(session: Session, approved: str, state: str) -> None:
    Approval.objects.create(entry=session.entry, commit=approved, by="ana")
    verdict = Verdict(True, 1.0, is_unproven=True)
    sessions.conclude(session, sessions.Ending(Session.Outcome.PASSED, verdict=verdict, lands="c" * 40))
    landing = Landing.objects.get(entry=session.entry)
    assert (landing.commit, landing.state) == ("c" * 40, state)
