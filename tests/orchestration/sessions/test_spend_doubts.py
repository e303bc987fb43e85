"""An agent that reports far more than its session had reserved: it counts, nothing more starts with it, and a person says whether it is true."""

from unittest.mock import Mock

import pytest

from budget.amounts import usd
from budget.ledger import corrections
from budget.models import Account, LedgerEntry, Project
from orchestration import sessions
from orchestration.backlog import deletion, entry_actions
from orchestration.executor import dispatch, explain
from orchestration.maintenance import audit
from orchestration.models import Entry, Executor, Session
from orchestration.sessions import metering
from orchestration.sessions.doubts import spend_doubts
from tests.contract.api import Api
from tests.factories import ANA, a_session, a_token, a_workspace, an_entry
from workspaces.errors import Conflict, Invalid
from workspaces.models import Event, Role

pytestmark = pytest.mark.django_db


def a_burst(*, lines: int = 500, cost: str = "0.05", outcome: str = "out_of_money") -> Session:
    """A session with $5 reserved whose agent reports so many requests at once."""
    session = a_session(an_entry(a_workspace(cap="1000", budget="1000"), budget="50"))
    for number in range(lines):
        metering.record(session, metering.Usage(str(number), cost=usd(cost)))
    sessions.conclude(session, sessions.Ending(Session.Outcome(outcome), "used up"))
    return Session.objects.select_related("entry", "workspace").get(pk=session.pk)


def a_session_beyond(*amounts: str) -> Session:
    """A session at work, with $5 reserved, that has booked these amounts."""
    session = a_session(an_entry(a_workspace(cap="1000", budget="1000"), budget="50"))
    for number, amount in enumerate(amounts):
        metering.record(session, metering.Usage(str(number), cost=usd(amount)))
    return Session.objects.get(pk=session.pk)


def money(session: Session) -> tuple[int, int]:
    account = Account.objects.get(pk=session.entry_id)
    assert audit.check(session.workspace_id).wrong == []
    return account.spent, account.held


def status(session: Session) -> tuple[str, str]:
    entry = Entry.objects.get(pk=session.entry_id)
    return entry.status, entry.reason_code


def test_it_counts_and_its_entry_is_held_with_one_question() -> None:
    session = a_burst()
    assert money(session) == (usd(25), 0) and status(session) == ("blocked", "human_hold")
    message = Entry.objects.get(pk=session.entry_id).reason_message
    assert message.startswith("Its agent reported $25.00 where $5.00 was reserved")
    assert Event.objects.get(verb="session.doubted").object_id == session.pk


def test_another_reason_to_wait_for_a_person_stays_next_to_the_doubt() -> None:
    session = a_session(an_entry(a_workspace(cap="1000", budget="1000"), budget="50"))
    for number in range(500):
        metering.record(session, metering.Usage(str(number), cost=usd("0.05")))
    sessions.conclude(session, sessions.Ending(Session.Outcome.OUT_OF_MONEY, "used up", on_hold="It asks too often"))
    assert Session.objects.get(pk=session.pk).doubt == "open" and status(session) == ("blocked", "human_hold")
    assert Entry.objects.get(pk=session.entry_id).reason_message.startswith("It asks too often")


def test_nothing_more_starts_with_that_agent_and_others_do() -> None:
    session = a_burst()
    other = an_entry(session.workspace)
    dispatch.cycle(session.workspace_id)
    why = explain.reasons(session.workspace_id, [other.pk])[other.pk].why
    assert why is not None and why.code == "agent_unavailable" and "#1's agent reported $25.00" in why.message
    Executor.objects.update(config={"agent": {"kind": "codex"}})
    dispatch.cycle(session.workspace_id)
    assert Session.objects.filter(entry=other).exists()


@pytest.mark.parametrize(("lines", "cost"), [(100, "0.05"), (102, "0.05"), (2, "4.99"), (1, "25")])
def test_requests_that_were_under_way_are_no_doubt(lines: int, cost: str) -> None:
    session = a_burst(lines=lines, cost=cost)
    assert session.doubt == "" and status(session) == ("pending", "")


@pytest.mark.parametrize(("lines", "doubt"), [(20, ""), (21, "open")])
def test_ten_cents_more_than_was_reserved_are_no_doubt(lines: int, doubt: str) -> None:
    session = a_session(an_entry(a_workspace(round_ceiling_usd=0.1), budget="50"))
    for number in range(lines):
        metering.record(session, metering.Usage(str(number), cost=usd("0.01")))
    sessions.conclude(session, sessions.Ending(Session.Outcome.OUT_OF_MONEY))
    assert Session.objects.get(pk=session.pk).doubt == doubt


def test_if_it_is_true_it_stays_and_the_entry_goes_on() -> None:
    session = a_burst()
    Project.objects.update(allocation_due=None)
    assert spend_doubts.answer(session, is_true=True, by=ANA) == 0
    assert Project.objects.get().allocation_due is not None
    assert money(session) == (usd(25), 0) and status(session) == ("pending", "")
    event, row = Event.objects.get(verb="session.spend_true"), Session.objects.get(pk=session.pk)
    assert (event.object_id, event.actor, event.data["amount_usd"]) == (session.pk, "ana", 0)
    assert (row.doubt, row.doubt_by) == ("true", "ana") and not spend_doubts.is_any_open(session.workspace_id)
    assert not LedgerEntry.objects.filter(price_source="manual").exists()
    dispatch.cycle(session.workspace_id)
    assert status(session) == ("in_progress", "")


def test_if_it_is_not_one_row_takes_it_back_once() -> None:
    session = a_burst()
    for _ in range(2):
        spend_doubts.answer(session, is_true=False, by=ANA, reason="it repeats itself")
    row = LedgerEntry.objects.get(price_source="manual")
    assert (row.amount, row.actor, row.reason) == (-usd(20), "ana", "not true: it repeats itself")
    last = LedgerEntry.objects.filter(hold=session.hold_id).latest("at")
    assert (row.at, row.session_ref, row.round, row.category) == (last.at, session.pk, 1, "entry")
    event = Event.objects.get(verb="session.spend_false")
    assert (event.object_id, event.data["amount_usd"], event.reason) == (session.pk, -20, "it repeats itself")
    assert money(session) == (usd(5), 0) and status(session) == ("pending", "")
    with pytest.raises(Conflict, match="ana has answered"):
        spend_doubts.answer(session, is_true=True, by=ANA)


def test_an_answer_counts_also_where_its_entry_was_deleted_meanwhile() -> None:
    session = a_burst()
    deletion.delete_all([session.entry], by=ANA)
    assert spend_doubts.answer(session, is_true=False, by=ANA, reason="it repeats itself") == -usd(20)
    assert money(session) == (usd(5), 0) and not spend_doubts.is_any_open(session.workspace_id)


def test_an_answer_is_not_taken_without_letting_the_entry_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    session = a_burst()
    with monkeypatch.context() as killed:
        killed.setattr(entry_actions, "resume", Mock(side_effect=SystemExit))
        with pytest.raises(SystemExit):
            spend_doubts.answer(session, is_true=True, by=ANA)
    assert spend_doubts.is_any_open(session.workspace_id)
    spend_doubts.answer(session, is_true=True, by=ANA)
    assert status(session) == ("pending", "")


def test_what_a_person_has_taken_back_already_is_not_taken_back_again() -> None:
    session = a_burst()
    for number, row in enumerate(LedgerEntry.objects.order_by("pk")[:300]):
        corrections.correct(row, -usd("0.05"), by=ANA, reason="repeated", key=f"k{number}")
    assert spend_doubts.answer(session, is_true=False, by=ANA, reason="it repeats itself") == -usd(5)
    assert money(session) == (usd(5), 0)


def test_corrections_of_another_session_take_nothing_off_its_excess_and_more_than_all_is_taken_back_by_none() -> None:
    session = a_session_beyond(*["0.2"] * 30)
    other = a_session(an_entry(session.workspace, budget="50"))
    metering.record(other, metering.Usage("1", cost=usd(4)))
    corrections.correct(LedgerEntry.objects.get(session_ref=other.pk), -usd(3), by=ANA, reason="repeated", key="k")
    assert session.hold is not None
    excess = spend_doubts.of_hold(session.hold)
    assert (excess.booked, excess.reserved, excess.amount) == (usd(6), usd(5), usd(1))
    for number, row in enumerate(LedgerEntry.objects.filter(hold=session.hold_id)[:10]):
        corrections.correct(row, -usd("0.2"), by=ANA, reason="repeated", key=f"k{number}")
    Session.objects.filter(pk=session.pk).update(doubt="open")
    assert spend_doubts.of_hold(session.hold).amount == -usd(1)
    assert spend_doubts.answer(session, is_true=False, by=ANA, reason="it repeats itself") == 0
    assert Account.objects.get(pk=session.entry_id).spent == usd(4)


def test_a_doubt_begins_once_and_only_of_what_is_beyond_the_reservation_now() -> None:
    session = a_session_beyond(*["1"] * 8)
    large = a_session(an_entry(session.workspace, budget="50"))
    metering.record(large, metering.Usage("1", cost=usd(4)))
    excess = spend_doubts.open_if_due(session)
    assert excess is not None and (excess.booked, excess.reserved) == (usd(8), usd(5))
    assert spend_doubts.open_if_due(session) is None and Event.objects.filter(verb="session.doubted").count() == 1
    event = Event.objects.get(verb="session.doubted")
    assert (event.data["booked_usd"], event.data["reserved_usd"], event.data["entry"]) == (8, 5, session.entry_id)
    for answered in ("true", "false"):
        Session.objects.filter(pk=session.pk).update(doubt=answered)
        assert spend_doubts.open_if_due(session) is None and Session.objects.get(pk=session.pk).doubt == answered
        assert not spend_doubts.is_any_open(session.workspace_id)


def test_a_run_a_session_without_a_reservation_and_one_within_it_are_never_doubted() -> None:
    session = a_session_beyond(*["1"] * 8)
    within = a_session_beyond(*["1"] * 5)
    corrected = a_session_beyond(*["1"] * 8)
    row = LedgerEntry.objects.filter(session_ref=corrected.pk).earliest("pk")
    corrections.correct(row, -usd(1), by=ANA, reason="repeated", key="k")
    row = LedgerEntry.objects.filter(session_ref=within.pk).earliest("pk")
    corrections.correct(row, usd(8), by=ANA, reason="a person knows of it", key="l")
    unfunded = Session(pk="ses_none", workspace=session.workspace, entry=session.entry, attempt=1)
    session.role = Session.Role.PLAN
    assert [spend_doubts.open_if_due(each) for each in (session, within, corrected, unfunded)] == [None] * 4
    assert not Session.objects.exclude(doubt="").exists()


def test_an_answer_is_that_of_its_own_session_in_its_own_round_and_reaches_all_that_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = a_session_beyond(*["1"] * 8)
    other = a_session(an_entry(session.workspace, budget="50"))
    last = LedgerEntry.objects.filter(session_ref=session.pk).latest("at")
    metering.record(other, metering.Usage("1", cost=usd(1)))
    Session.objects.update(doubt="open")
    Session.objects.filter(pk=session.pk).update(round_number=3, attempt=2)
    cycles, changes, announced = list[str](), list[tuple[str, ...]](), list[tuple[str, str]]()
    monkeypatch.setattr(spend_doubts.wake_ups, "enqueue_cycle", cycles.append)
    monkeypatch.setattr(spend_doubts.wake_ups, "publish_change", lambda *change: changes.append(change))
    monkeypatch.setattr(spend_doubts.caps, "announce", lambda *money: announced.append(money))
    spend_doubts.answer(Session.objects.get(pk=session.pk), is_true=False, by=ANA, reason="no")
    row = LedgerEntry.objects.get(price_source="manual")
    assert (row.amount, row.round, row.at, row.event_key) == (-usd(3), 3, last.at, f"{session.pk}:2:denied")
    assert announced[-1] == (session.workspace_id, session.entry_id)
    assert session.workspace_id in cycles and (session.workspace_id, "budget", "workers", "entries") in changes
    assert dict(Session.objects.values_list("pk", "doubt")) == {session.pk: "false", other.pk: "open"}


def test_a_correction_needs_a_reason_and_a_doubt() -> None:
    with pytest.raises(Invalid):
        spend_doubts.answer(a_burst(), is_true=False, by=ANA, reason=" ")
    with pytest.raises(Conflict, match=spend_doubts.NOTHING):
        spend_doubts.answer(a_burst(lines=1), is_true=True, by=ANA)


def test_an_entry_that_a_person_moved_meanwhile_stays_there() -> None:
    session = a_burst()
    Entry.objects.update(reason_message="Ana looks at it")
    spend_doubts.answer(session, is_true=True, by=ANA)
    assert status(session) == ("blocked", "human_hold")


@pytest.mark.parametrize(
    "moved", [{"status": "pending", "reason_code": ""}, {"status": "pending"}, {"reason_code": "budget_exceeded"}], ids=str
)
def test_only_an_entry_that_is_still_held_for_it_goes_on(moved: dict[str, str]) -> None:
    session = a_burst()
    Entry.objects.filter(pk=session.entry_id).update(**moved)
    before = status(session)
    spend_doubts.answer(Session.objects.get(pk=session.pk), is_true=True, by=ANA)
    assert status(session) == before and not Event.objects.filter(verb="entry.released").exists()


@pytest.mark.parametrize(("role", "answer"), [(Role.BUDGET, 200), (Role.OPERATOR, 403), (Role.VIEWER, 403)])
def test_who_may_change_budgets_answers_over_the_api(role: str, answer: int) -> None:
    session = a_burst()
    api = Api(session.workspace_id, a_token(session.workspace, role=role))
    response = api.post(f"/executor/sessions/{session.pk}/spend", {"is_true": False, "reason": "no"})
    assert response.status == answer
    if answer == 200:
        assert response.json == {"session_id": session.pk, "is_true": False, "corrected_usd": -20}
        assert api.post(f"/executor/sessions/{session.pk}/spend", {"is_true": True}).status == 409
    assert Project.objects.get().total_spent == (usd(5) if answer == 200 else usd(25))


def test_a_doubt_in_one_workspace_stops_nothing_in_another() -> None:
    session = a_burst()
    other = an_entry(a_workspace(name="Other"))
    assert spend_doubts.is_any_open(session.workspace_id) and not spend_doubts.is_any_open(other.workspace_id)
    dispatch.cycle(other.workspace_id)
    assert Session.objects.filter(entry=other).exists()
