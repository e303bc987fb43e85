"""Work around unproven work follows what becomes of it, in the tables alone (lander/test_chains.py has the commits)."""

from typing import Any

import pytest
from django.db import transaction
from django.utils.timezone import now

from orchestration.backlog import dependencies, entry_actions, entry_state, unproven
from orchestration.backlog.rules.transitions import LANDING
from orchestration.landing import queue
from orchestration.models import Approval, Dependency, Entry, Landing, Round
from tests.factories import ANA, CLOSED, a_session, a_workspace, an_entry, ended, some_entries
from workspaces.models import Event, Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.shop(max_workers=1)]
COMMIT = "c" * 40
STUCK = {"reason_code": "rounds_exhausted", "reason_message": "All rounds are used up"}
State = Landing.State


def waits(entry: Entry) -> Entry:
    """The entry, whose work waits without proof."""
    session = a_session(entry)
    ended(session)
    Round.objects.filter(session=session).update(commit=COMMIT, is_unproven=True)
    with transaction.atomic():
        unproven.wait(entry_state.lock(entry), COMMIT, Round.objects.get(session=session))
    return Entry.objects.get(pk=entry.pk)


def above(entry: Entry, **fields: Any) -> Entry:
    """A new entry that depends on this one."""
    other = an_entry(entry.workspace)
    dependencies.depend(other, entry, by=ANA)
    Entry.objects.filter(pk=other.pk).update(**fields)
    return other


def began_from_it(*entries: Entry) -> None:
    """The work of these entries contains that of those that they depend on."""
    Dependency.objects.filter(entry__in=entries).update(is_stacked=True)


def reason(entry: Entry) -> tuple[str, str]:
    entry.refresh_from_db()
    return entry.reason_code, entry.reason_message


def test_work_that_contains_what_waits_no_longer_is_verified_again_by_a_round_of_its_own(shop: Workspace) -> None:
    entry, other = an_entry(shop), an_entry(shop)
    rounds = entry.budget_rounds
    with transaction.atomic():
        queue.enqueue(entry, COMMIT, round_=None)
        entry_state.move(entry_state.lock(entry), LANDING)
    with transaction.atomic():
        unproven.go_back(Entry.objects.select_related("account").get(pk=entry.pk))
    entry.refresh_from_db()
    other.refresh_from_db()
    assert (entry.status, entry.next_work, entry.budget_rounds) == ("pending", "verify", rounds + 1)
    assert (other.next_work, other.budget_rounds) == ("implement", rounds)
    assert Landing.objects.get().state == "withdrawn"


def test_only_an_approval_of_exactly_its_commit_lets_it_land(shop: Workspace) -> None:
    entry, other = an_entry(shop), an_entry(shop)
    approval = Approval.objects.create(entry=entry, commit=COMMIT, by="ana")
    assert unproven.is_accepted(entry, COMMIT)
    assert not unproven.is_accepted(entry, "d" * 40) and not unproven.is_accepted(other, COMMIT)
    Approval.objects.filter(pk=approval.pk).update(void_at=now())
    assert not unproven.is_accepted(entry, COMMIT)


def test_it_waits_with_its_commit_from_which_others_may_start_and_is_recorded(shop: Workspace) -> None:
    entry, after = some_entries(shop, "one", "two")
    dependencies.depend(after, entry, by=ANA)
    entry = waits(entry)
    after.refresh_from_db()
    assert (entry.status, entry.open_head, after.unmet_dependencies) == ("pending", COMMIT, 0)
    assert reason(entry) == ("waiting_for_proof", "It breaks nothing, and lands together with #2 once a failing test passes")
    landing = Landing.objects.get()
    assert (landing.entry_id, landing.commit, landing.state, landing.round) == (entry.pk, COMMIT, "unproven", Round.objects.get())
    event = Event.objects.get(verb="entry.unproven")
    assert (event.object_id, event.data["commit"], event.data["seq"], event.reason) == (entry.pk, COMMIT, 1, entry.reason_message)


def test_it_names_the_first_five_open_entries_that_build_on_it(shop: Workspace) -> None:
    entry = waits(an_entry(shop))
    assert reason(entry) == ("unproven", unproven.FOR_A_PERSON)
    for fields in (
        CLOSED,
        STUCK | {"status": "blocked"},
        STUCK | {"status": "failed"},
        {"deleted_at": now()},
        {"is_container": True},
    ):
        above(entry, **fields)
    an_entry(shop)
    assert unproven.reason_for(entry).code == "unproven"
    seqs = [above(entry, status=status).seq for status in ("pending", "in_progress", "pending", "pending", "pending")]
    named = ", ".join(f"#{seq}" for seq in seqs)
    assert f"together with {named} once" in unproven.reason_for(entry).message
    above(entry)
    assert f"together with {named} and others once" in unproven.reason_for(entry).message


def test_what_waits_follows_what_became_of_those_that_build_on_it(shop: Workspace) -> None:
    first, second = waits(an_entry(shop)), waits(an_entry(a_workspace(name="Other")))
    since = first.reason_at
    above(second)
    assert not unproven.settle(shop.pk) and reason(first)[0] == reason(second)[0] == "unproven"
    assert first.reason_at == since
    dependent = above(first)
    assert not unproven.settle(shop.pk)
    assert reason(first)[0] == "waiting_for_proof" and first.reason_at != since
    since = first.reason_at
    later = above(first)
    unproven.settle(shop.pk)
    assert f"#{dependent.seq}, #{later.seq}" in reason(first)[1] and first.reason_at == since, "it waits as long as before"


def test_what_lands_now_is_left_alone(shop: Workspace) -> None:
    entry = waits(an_entry(shop))
    Landing.objects.update(state=State.CHECKING)
    waits(an_entry(shop))
    above(entry)
    assert not unproven.settle(shop.pk) and reason(entry)[0] == "unproven"


def test_what_contains_work_that_waits_no_longer_goes_back_to_the_line(shop: Workspace) -> None:
    lower = waits(an_entry(shop))
    upper = waits(above(lower))
    began_from_it(upper)
    assert not unproven.settle(shop.pk)
    entry_actions.put_on_hold(lower, by=ANA)
    assert unproven.settle(shop.pk)
    upper.refresh_from_db()
    assert (upper.status, upper.reason_code, upper.next_work) == ("pending", "", "verify")


def seqs_below(entry: Entry) -> list[int | None] | None:
    landings = unproven.below(entry.pk)
    return landings if landings is None else [landing.entry and landing.entry.seq for landing in landings]


def test_below_an_entry_is_the_unproven_work_that_its_own_contains_the_lowest_first(shop: Workspace) -> None:
    a = waits(an_entry(shop))
    b = waits(above(a))
    other = waits(an_entry(shop))
    c = above(b)
    dependencies.depend(c, a, by=ANA)
    began_from_it(b, c)
    dependencies.depend(c, other, by=ANA)
    assert seqs_below(c) == [a.seq, b.seq], "of the other it has nothing"
    began_from_it(c)
    assert seqs_below(c) == [a.seq, b.seq, other.seq] and seqs_below(b) == [a.seq] and seqs_below(a) == []


@pytest.mark.parametrize(
    ("state", "is_below"),
    [
        (State.UNPROVEN, True), (State.QUEUED, True), (State.CHECKING, True), (State.PROPOSED, False),
        (State.WITHDRAWN, None), (State.REFUSED, None), (State.WAITING, None),
    ],
)  # fmt: skip
def test_only_work_that_waits_may_land_with_what_contains_it(shop: Workspace, state: str, is_below: bool | None) -> None:
    a = waits(an_entry(shop))
    b = waits(above(a))
    last = above(b)
    began_from_it(b, last)
    Landing.objects.filter(entry=a).update(state=state)
    assert seqs_below(b) == (None if is_below is None else [a.seq] if is_below else [])
    assert (seqs_below(last) is None) == (is_below is None), "nor with what contains that"


def test_work_that_is_done_or_was_never_unproven_is_on_the_branch_or_in_its_pull_request(shop: Workspace) -> None:
    a = waits(an_entry(shop))
    b = above(a)
    began_from_it(b)
    Landing.objects.update(state=State.WITHDRAWN)
    Round.objects.filter(entry=a).update(is_unproven=False)
    assert seqs_below(b) == []
    Round.objects.filter(entry=a).update(is_unproven=True)
    assert seqs_below(b) is None
    Entry.objects.filter(pk=a.pk).update(**CLOSED, reason_code="")
    assert seqs_below(b) == []


def passing_on(entry: Entry, *holders: Entry) -> set[int]:
    gives = unproven.passing_on({entry.pk}, {holder.pk for holder in holders})
    return set(Entry.objects.filter(pk__in=gives.get(entry.pk, ())).values_list("seq", flat=True))


def test_an_entry_takes_locks_over_from_unproven_work_below_it_and_from_what_waits_for_it(shop: Workspace) -> None:
    a, stranger = waits(an_entry(shop)), waits(an_entry(shop))
    b = above(a)
    c = above(b)
    all_people = (a, b, c, stranger)
    assert passing_on(b, *all_people) == {a.seq, c.seq}
    assert passing_on(c, *all_people) == {a.seq}, "b is in line: its own work comes first"
    assert passing_on(a, *all_people) == {b.seq, c.seq}
    assert passing_on(stranger, *all_people) == set()
    assert passing_on(b, a) == {a.seq} and passing_on(b) == set()


@pytest.mark.parametrize("status", ["in_progress", "blocked"])
def test_an_entry_that_is_not_idle_gives_no_lock_away(shop: Workspace, status: str) -> None:
    a = waits(an_entry(shop))
    b = above(a)
    Entry.objects.filter(pk=a.pk).update(**STUCK, status=status)
    assert passing_on(b, a) == set()
