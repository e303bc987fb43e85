"""Which sessions end when money runs out among those at work. Pure: amounts are plain numbers."""

import pytest

from budget.models import Account
from orchestration.models import Session
from orchestration.sessions import giving_way
from orchestration.sessions.giving_way import AtWork, who_ends
from tests.factories import a_session, a_workspace, some_entries


def at_work(left: int, drawn: int, *, request: int = 10, ends: bool = False) -> AtWork:
    """As with an unknown cost: it may need as much again as it has spent."""
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
    """What comes back of it stays that entry's: nothing is gained."""
    shop = a_workspace()
    share, own = (a_session(entry) for entry in some_entries(shop, "share", "own"))
    fields = {"own_budget": True} if how == "set" else {"human_locked": True}
    Account.objects.filter(pk=own.entry.account_id).update(**fields)
    lines = [{each.pk for each in giving_way._at_work(Session.objects.get(pk=session.pk))} for session in (share, own)]
    assert lines == [{share.pk}, {share.pk, own.pk}]
