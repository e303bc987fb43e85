"""Proposals are added without a person: none, the safe ones, or all; never a duplicate."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.models import Entry, Proposal
from orchestration.proposals import automatic
from orchestration.proposals.automatic import choose
from tests.factories import a_session, a_workspace, an_entry
from tests.orchestration.proposals.made import PLANNER, a_run, states


def proposal(number: int, *needs: str, note: str = "") -> Proposal:
    return Proposal(number=number, after={"ref": f"e{number}", "content": "Do", "depends_on": list(needs)}, note=note, pk=number)


def numbers(*proposals: Proposal, mode: Any = "safe", affordable: int = 100) -> list[int]:
    return [chosen.number for chosen in choose(proposals, mode, affordable)]


def test_what_others_wait_for_comes_first() -> None:
    assert numbers(proposal(1, "e3"), proposal(2, "e1"), proposal(3)) == [3, 1, 2]


def test_safe_adds_what_money_pays_a_round_of() -> None:
    assert numbers(proposal(1), proposal(2), proposal(3), affordable=2) == [1, 2]
    assert numbers(proposal(1), affordable=-3) == []
    assert numbers(proposal(1), proposal(2), mode="all", affordable=0) == [1, 2]


def test_a_marked_one_waits_for_a_person_and_so_does_what_depends_on_it() -> None:
    assert numbers(proposal(1, note="It has the title of #1"), proposal(2, "e1"), proposal(3), mode="all") == [3]


def test_an_entry_of_the_backlog_is_no_obstacle() -> None:
    assert numbers(proposal(1, "entry_00000000000000000000")) == [1]


@given(st.lists(st.tuples(st.sets(st.integers(1, 8)), st.booleans()), max_size=8), st.integers(-1, 9))
def test_whatever_is_chosen_has_all_that_it_waits_for(plan: list[tuple[set[int], bool]], affordable: int) -> None:
    proposals = [
        proposal(n, *(f"e{need}" for need in needs if need < n), note="marked" if marked else "")
        for n, (needs, marked) in enumerate(plan, start=1)
    ]
    chosen = choose(proposals, "safe", affordable)
    assert len(chosen) <= max(affordable, 0) and not any(p.note for p in chosen)
    added: set[str] = set()
    for p in chosen:
        assert set(p.after["depends_on"]) <= added
        added.add(p.after["ref"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("mode", "budget", "expected"),
    [("never", "100", ["open", "open"]), ("safe", "0.05", ["applied", "open"]), ("all", "0.05", ["applied", "applied"])],
)
def test_the_config_decides_what_is_added(mode: str, budget: str, expected: list[str]) -> None:
    workspace = a_workspace(planner={**PLANNER, "run_usd": 0.01, "apply": mode}, budget=budget)
    run = a_run(workspace, "Parse dates", "Print dates")
    automatic.apply(run)
    assert states(run) == expected
    assert set(Entry.objects.values_list("created_by", flat=True)) <= {"muster"}


@pytest.mark.django_db
def test_what_the_backlog_has_outrun_is_not_added() -> None:
    workspace = a_workspace(planner={**PLANNER, "apply": "all"})
    run = a_run(workspace, "Parse dates")
    an_entry(workspace, content="Parse dates")
    automatic.apply(run)
    assert states(run) == ["outdated"]


def a_change(number: int, **after: Any) -> Proposal:
    return Proposal(number=number, kind=Proposal.Kind.CHANGE, after=after, pk=number)


def test_safe_changes_a_priority_alone() -> None:
    changes = a_change(1, priority=0), a_change(2, priority=0, content="Do it otherwise"), a_change(3, rounds=9)
    assert numbers(*changes) == [1] and numbers(*changes, mode="all") == [1, 2, 3]


@pytest.mark.django_db
def test_money_that_a_session_has_reserved_pays_for_no_new_entry() -> None:
    workspace = a_workspace(planner={**PLANNER, "run_usd": 0.01, "apply": "safe"}, budget="1.05")
    a_session(an_entry(workspace, budget="1"))
    run = a_run(workspace, "Parse dates", "Print dates")
    automatic.apply(run)
    assert states(run) == ["applied", "open"]
