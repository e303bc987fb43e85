"""Later sessions give way when money runs out among those at work, the one that has spent least first. The choice itself is pure."""

from collections.abc import Sequence

import pytest

from budget.amounts import usd
from budget.models import Account
from orchestration import configuration
from orchestration.backlog.entries import Draft
from orchestration.models import Entry, Session
from orchestration.sessions import metering, preemption
from orchestration.sessions.preemption import AtWork, who_ends, who_gives
from tests.factories import a_session, a_workspace, some_entries
from workspaces.models import Event


def at_work(left: int, drawn: int, *, request: int = 10, ends: bool = False) -> AtWork:
    """A session of unknown cost: it may need as much again as it has spent."""
    return AtWork(left, drawn, max(drawn - left, 0), request, ends)


def test_no_session_ends_while_each_can_pay_another_request() -> None:
    line = [at_work(15, 30) for _ in range(10)]
    assert [who_ends(line, here) for here in range(10)] == [[]] * 10


def test_with_exactly_enough_for_all_no_session_ends_early() -> None:
    line = [at_work(10, 30) for _ in range(10)]
    assert [who_ends(line, here) for here in range(10)] == [[]] * 10


def test_for_one_that_cannot_pay_its_next_request_that_one_ends_which_has_spent_least() -> None:
    line = [at_work(5, 60), at_work(40, 30), at_work(60, 10), at_work(30, 40)]
    assert who_ends(line, 0) == [2]


def test_among_equals_the_last_in_line_ends() -> None:
    assert who_ends([at_work(5, 60), *(at_work(25, 60) for _ in range(3))], 0) == [3]


@pytest.mark.parametrize(("left", "request_", "ends"), [(10, 10, []), (9, 10, [1]), (1, 0, []), (0, 0, [1])])
def test_one_that_can_pay_exactly_its_next_request_goes_on(left: int, request_: int, ends: list[int]) -> None:
    assert who_ends([AtWork(left, 60, 20, request_), at_work(60, 10)], 0) == ends


def test_one_with_nothing_left_to_give_does_not_end_nor_one_that_ends_already() -> None:
    spent, ending = at_work(0, 5), at_work(5, 1, ends=True)
    assert who_ends([at_work(5, 60), spent, ending, at_work(90, 40)], 0) == [3]


def test_what_those_before_it_lack_counts_too() -> None:
    """The money that comes back is theirs first."""
    line = [AtWork(40, 60, 60, 10), AtWork(5, 20, 10, 10), at_work(20, 10, ends=True), at_work(90, 30)]
    assert who_ends(line, 1) == [3]
    assert who_ends([AtWork(40, 60, 0, 10), *line[1:]], 1) == []


def test_no_session_before_it_ends() -> None:
    assert who_ends([at_work(90, 5), at_work(5, 60)], 1) == []


def test_what_those_that_end_already_return_counts() -> None:
    assert who_ends([at_work(5, 60), at_work(60, 10, ends=True), at_work(60, 10)], 0) == []


@pytest.mark.parametrize(("left", "ends"), [(8, []), (7, [2, 1])])
def test_the_first_in_line_does_not_wait_until_the_others_have_less_than_it_lacks(left: int, ends: list[int]) -> None:
    first = AtWork(left=10, drawn=26, lacks=16, request=10)
    assert who_ends([first, *(AtWork(left, 26, 16, 10) for _ in range(2))], 0) == ends


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["set", "locked"])
def test_money_that_a_person_gave_one_entry_is_not_taken_for_another(how: str) -> None:
    """Money that comes back of it stays that entry's: nothing is gained."""
    shop = a_workspace()
    share, own = (a_session(entry) for entry in some_entries(shop, "share", "own"))
    fields = {"own_budget": True} if how == "set" else {"human_locked": True}
    Account.objects.filter(pk=own.entry.account_id).update(**fields)
    lines = [{each.pk for each in preemption._at_work(Session.objects.get(pk=session.pk))} for session in (share, own)]
    assert lines == [{share.pk}, {share.pk, own.pk}]


def a_line(*priorities: int) -> list[Session]:
    """Sessions at work in one workspace, each with $1 reserved of which it has spent a fifth, in the order in which they began."""
    shop = a_workspace(cap=str(len(priorities)), agent={"kind": "codex"})
    drafts = [Draft(f"{n}", priority=priority, budget=usd(5)) for n, priority in enumerate(priorities)]
    line = [a_session(entry) for entry in some_entries(shop, *drafts)]
    for session in line:
        metering.record(session, metering.Usage("1", cost=usd("0.2")))
    return [Session.objects.get(pk=session.pk) for session in line]


def asked(line: Sequence[Session]) -> list[bool]:
    requested = dict(Session.objects.values_list("pk", "stop_wanted_at"))
    return [requested[session.pk] is not None for session in line]


@pytest.mark.django_db
def test_the_last_in_line_is_asked_to_end_with_its_work_kept_and_what_comes_back_is_known() -> None:
    line = a_line(2, 2, 2)
    metering.record(line[0], metering.Usage("2", cost=usd("0.75")))
    assert preemption.make_room(line[0]) == usd("0.8") and asked(line) == [False, False, True]
    last = Session.objects.get(pk=line[2].pk)
    assert (last.stop_wanted_by, last.stop_for_good, last.status) == ("muster", False, "running")
    [event] = Event.objects.filter(verb="session.stop")
    assert (event.object_id, event.data["entry"], event.reason) == (last.pk, last.entry_id, preemption.MESSAGE)
    for _ in range(2):  # that is not enough for all that it lacks: the next one ends, and no third is asked for
        assert preemption.make_room(line[0]) == usd("1.6") and asked(line) == [False, True, True]
    assert Event.objects.filter(verb="session.stop").count() == 2


@pytest.mark.django_db
def test_the_line_is_the_executors_rounds_first_then_priority_then_number() -> None:
    line = a_line(3, 0, 2, 2)
    Entry.objects.filter(pk=line[3].entry_id).update(has_rounds=True)
    metering.record(line[2], metering.Usage("2", cost=usd("0.75")))
    preemption.make_room(Session.objects.get(pk=line[2].pk))
    assert asked(line) == [True, False, False, False]


@pytest.mark.django_db
def test_a_session_that_has_not_begun_ends_at_once_and_its_money_is_free() -> None:
    line = a_line(2, 2)
    Session.objects.filter(pk=line[1].pk).update(status="claimed")
    metering.record(line[0], metering.Usage("2", cost=usd("0.75")))
    assert preemption.make_room(line[0]) == usd("0.8")
    ended = Session.objects.get(pk=line[1].pk)
    assert (ended.status, ended.outcome, ended.outcome_message) == ("ended", "out_of_money", preemption.MESSAGE)


@pytest.mark.django_db
@pytest.mark.parametrize("away", ["verifies", "has spent all", "has ended"])
def test_only_a_session_with_money_that_its_agent_may_still_spend_can_give_some(away: str) -> None:
    line = a_line(2, 2)
    metering.record(line[0], metering.Usage("2", cost=usd("0.75")))
    if away == "verifies":
        Session.objects.filter(pk=line[1].pk).update(phase="verification")
    if away == "has spent all":
        metering.record(line[1], metering.Usage("2", cost=usd("0.8")))
    if away == "has ended":
        Session.objects.filter(pk=line[1].pk).update(status="ended", outcome="stopped", ended_by_version="0.2.0")
    assert preemption.make_room(line[0]) == 0 and asked(line) == [False, False]


@pytest.mark.django_db
def test_one_that_has_ended_meanwhile_asks_no_one() -> None:
    line = a_line(2, 2)
    Session.objects.filter(pk=line[0].pk).update(status="ended", outcome="stopped", ended_by_version="0.2.0")
    assert preemption.make_room(line[0]) == 0 and asked(line) == [False, False]


@pytest.mark.django_db
def test_what_a_session_lacks_and_its_costliest_request_are_read_from_its_own_reservation() -> None:
    line = a_line(2, 2)
    metering.record(line[0], metering.Usage("2", cost=usd("0.5")))
    config = configuration.load(line[0].workspace.executor.config)
    fresh = [Session.objects.select_related("hold").get(pk=session.pk) for session in line]
    requests = preemption._largest_requests(fresh)
    first, second = (preemption._seen(session, config, None, requests) for session in fresh)
    assert (first.left, first.drawn, first.request, first.is_ending) == (usd("0.3"), usd("0.7"), usd("0.5"), False)
    assert (second.left, second.drawn, second.request) == (usd("0.8"), usd("0.2"), usd("0.2"))


@pytest.mark.parametrize(("lacks", "ends"), [(5, [3]), (10, [3]), (11, [3, 2]), (20, [3, 2]), (21, [])])
def test_for_a_request_those_behind_it_end_only_where_what_they_give_back_is_enough(lacks: int, ends: list[int]) -> None:
    in_flight = AtWork(left=10, drawn=0, lacks=0, request=0, in_flight=10)
    assert who_gives([AtWork(9, 0, 0, 0), in_flight, AtWork(10, 5, 0, 0), AtWork(10, 1, 0, 0)], 0, lacks) == ends


def test_what_those_that_end_already_give_back_is_enough_for_a_request() -> None:
    assert who_gives([AtWork(0, 0, 0, 0), AtWork(7, 0, 0, 0, is_ending=True), AtWork(7, 0, 0, 0)], 0, 7) == []


@pytest.mark.django_db
@pytest.mark.parametrize(("among", "asks"), [("all", True), ("shares", False), ("entry", False)])
def test_under_a_shortage_of_the_cap_a_session_behind_gives_with_any_budget(among: preemption.Among, asks: bool) -> None:
    line = a_line(2, 2)
    Account.objects.filter(pk=line[0].entry.account_id).update(own_budget=False)
    preemption.make_room(Session.objects.get(pk=line[0].pk), lacks=usd("0.5"), among=among)
    assert asked(line) == [False, asks]
