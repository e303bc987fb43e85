"""Runs as pages and the API show them: of one workspace, with their proposals and what they cost."""

import pytest

from budget import ledger
from budget.amounts import usd
from budget.models import Category, LedgerEntry
from orchestration.models import Entry, Proposal, Run
from orchestration.proposals import applying, editing, reads, run_requests
from orchestration.proposals.answering.change_schema import NewValues
from tests.factories import ANA, a_workspace, project, some_entries
from tests.orchestration.proposals.made import ORCHESTRATOR, PLANNER, a_rearranging_run, a_run, a_running_run, ids
from workspaces.errors import Conflict, Invalid, NotFound
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def other() -> Workspace:
    return a_workspace(name="Other", planner=PLANNER, orchestrator=ORCHESTRATOR)


@pytest.fixture
def shop(other: Workspace) -> Workspace:
    some_entries(other, "Theirs")
    shop = a_workspace(planner=PLANNER, orchestrator=ORCHESTRATOR)
    some_entries(shop, "Parse", "Print", "Store")
    return shop


def test_a_run_is_of_one_workspace_and_a_proposal_of_one_run(shop: Workspace, other: Workspace) -> None:
    run, second, theirs = a_run(shop, "A"), a_run(shop, "B"), a_run(other, "C")
    assert run_requests.run_for(shop.pk, run.pk) == run
    for workspace_id, run_id in ((other.pk, run.pk), (shop.pk, theirs.pk), (shop.pk, "nonsense")):
        with pytest.raises(NotFound):
            run_requests.run_for(workspace_id, run_id)
    [number] = ids(run, 1)
    assert run_requests.proposal_for(run, f"{number}").pk == number
    for where, name in ((second, f"{number}"), (run, "x"), (run, "-1"), (run, "٣"), (run, "9" * 19), (run, f"{number + 9}")):
        with pytest.raises(NotFound):
            run_requests.proposal_for(where, name)


def test_runs_are_listed_newest_first_in_pages(shop: Workspace, other: Workspace) -> None:
    runs = [a_run(shop, f"{n}") for n in range(3)]
    a_run(other, "theirs")
    first, cursor = reads.page(shop.pk, limit=2, cursor=None)
    assert first == [runs[2], runs[1]] and cursor is not None
    assert reads.page(shop.pk, limit=2, cursor=cursor) == ([runs[0]], None)
    assert reads.page(shop.pk, limit=3, cursor=None) == ([runs[2], runs[1], runs[0]], None)


def test_open_runs_are_those_that_have_not_ended(shop: Workspace, other: Workspace) -> None:
    a_run(shop, "ended")
    a_running_run(other)
    first, second = a_running_run(shop), a_running_run(shop)
    assert [run.pk for run in reads.open_runs(shop.pk)] == [first.pk, second.pk]


def test_proposals_are_counted_by_run_and_state(shop: Workspace, other: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run, decided, theirs = a_run(shop, "A", "B", "C"), a_run(shop, "D"), a_run(other, "E")
    applying.reject(run, by=ANA, only=ids(run, 1))
    applying.reject(decided, by=ANA)
    assert reads.undecided(shop.pk) == {run.pk: 2} and reads.undecided(other.pk) == {theirs.pk: 1}
    counts = reads.counts([run.pk])
    assert (counts[run.pk]["open"], counts[run.pk]["rejected"], counts[run.pk]["applied"]) == (2, 1, 0) and len(counts) == 1
    monkeypatch.setattr(reads, "LOOKED_AT", 1)
    assert reads.undecided(shop.pk) == {}


def test_a_run_costs_what_is_booked_for_it(shop: Workspace) -> None:
    run, free = a_run(shop, "A"), a_run(shop, "B")
    for n, amount in enumerate(("0.02", "0.03")):
        item = ledger.Charge(f"k{n}", usd(amount), LedgerEntry.PriceSource.REPORTED, category=Category.ORCHESTRATOR)
        ledger.charge(project(shop), item, session_ref=run.pk, actor="agent")
    assert reads.costs([run.pk, free.pk]) == {run.pk: usd("0.05")} and reads.costs([free.pk]) == {}


CHANGES = (
    {"kind": "change", "entry": "#1", "priority": "high"},
    {"kind": "merge", "entry": "#2", "with": "#3"},
)


@pytest.mark.parametrize(("seq", "outdated"), [(None, []), (1, [1]), (2, [2]), (3, [2])])
def test_what_the_backlog_has_outrun_is_named_before_it_is_applied(shop: Workspace, seq: int | None, outdated: list[int]) -> None:
    run = a_rearranging_run(shop, *CHANGES)
    Entry.objects.exclude(workspace=shop).update(status="blocked", reason_code="human_hold")
    Entry.objects.filter(workspace=shop, seq=seq).update(content="Changed")
    sentences = reads.outrun(shop.pk, run.proposals.order_by("number"))
    assert sorted(sentences) == ids(run, *outdated) and all(sentences.values())
    applying.reject(run, by=ANA)
    assert reads.outrun(shop.pk, run.proposals.all()) == {}


def values(run: Run, number: int, **new: object) -> Proposal:
    proposal = run.proposals.get(number=number)
    return editing.set_values(proposal, NewValues.model_validate(new), by=ANA)


def test_a_person_sets_other_values_of_a_change(shop: Workspace) -> None:
    run = a_rearranging_run(shop, *CHANGES)
    proposal = values(run, 1, priority="low", rounds=9, depends_on=["#3", "#2"])
    entries = {entry.seq: entry.pk for entry in Entry.objects.filter(workspace=shop)}
    assert proposal.after == {"priority": "low", "rounds": 9, "depends_on": sorted((entries[2], entries[3]))}
    assert proposal.edited_by == "ana" and Proposal.objects.get(pk=proposal.pk).after == proposal.after
    assert values(run, 1, priority="medium").after.keys() == {"rounds", "depends_on"}, "the entry has that priority"
    assert values(run, 2, content="Both").after["content"] == "Both"


def test_values_that_cannot_be_are_refused(shop: Workspace) -> None:
    run = a_rearranging_run(shop, *CHANGES)
    for number, new, why in (
        (1, {"priority": "medium"}, "has all of these values already"),
        (1, {"depends_on": ["#1"]}, "`#1` is no other entry"),
        (1, {"depends_on": ["#9"]}, "`#9` is no other entry"),
        (2, {"priority": "low"}, "of the kind merge has no priority to change"),
    ):
        with pytest.raises(Invalid, match=why):
            values(run, number, **new)
    assert not run.proposals.exclude(edited_by="").exists()
    applying.reject(run, by=ANA)
    with pytest.raises(Conflict, match="rejected already"):
        values(run, 1, priority="low")


def test_an_orchestrator_is_asked_once_at_a_time_in_each_workspace(shop: Workspace, other: Workspace) -> None:
    run_requests.orchestrate(other, by=ANA)
    a_running_run(shop)
    run_requests.orchestrate(shop, by=ANA)
    with pytest.raises(Conflict):
        run_requests.orchestrate(shop, by=ANA)
