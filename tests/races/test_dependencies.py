"""Two people change dependencies at the same moment."""

import pytest

from orchestration.backlog import dependencies, entry_actions
from orchestration.models import Dependency, Entry
from tests.factories import ANA, a_workspace, some_entries
from tests.races.crowd import at_once
from workspaces.errors import Invalid

pytestmark = pytest.mark.django_db(transaction=True)


def attempt(first: Entry, second: Entry) -> bool:
    try:
        dependencies.depend(first, second, by=ANA)
    except Invalid:
        return False
    return True


def counted(entry: Entry) -> bool:
    """True if the counter equals the rows."""
    unmet = entry.dependencies.exclude(depends_on__status="done").count()
    return Entry.objects.get(pk=entry.pk).unmet_dependencies == unmet


def test_two_people_make_no_cycle_between_them() -> None:
    for _ in range(4):
        first, second = some_entries(a_workspace(), "one", "other")
        won = at_once([lambda a=first, b=second: attempt(a, b), lambda a=first, b=second: attempt(b, a)])
        assert sorted(won) == [False, True]
        assert Dependency.objects.filter(entry__in=[first, second]).count() == 1 and counted(first) and counted(second)


def test_a_cycle_of_five_is_never_closed() -> None:
    five = some_entries(a_workspace(), *"abcde")
    won = at_once([lambda n=n: attempt(five[n], five[(n + 1) % 5]) for n in range(5)])
    assert sum(won) == 4 and all(map(counted, five))


def test_the_counter_is_right_when_the_other_is_done_meanwhile() -> None:
    for _ in range(4):
        first, second = some_entries(a_workspace(), "one", "other")
        at_once([lambda a=first, b=second: attempt(a, b), lambda b=second: entry_actions.mark_done(b, by=ANA)])
        assert counted(first)
