"""Changes, holds, merges and drops of entries: what applying them does, what they never touch, and what undoing restores."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from budget.limits import dividing
from budget.models import Account
from orchestration.backlog import content, deletion, entry_actions, entry_edits, entry_state, fields, splitting
from orchestration.backlog.entries import Draft
from orchestration.backlog.rules.transitions import Next
from orchestration.executor import dispatch
from orchestration.facts.reasons import Reason
from orchestration.maintenance import rebuild
from orchestration.models import Entry, Proposal, Run
from orchestration.proposals import applying, editing
from orchestration.proposals.answering.change_schema import NewValues
from tests.factories import ANA, a_charge, a_worker, a_workspace, an_entry, some_entries
from tests.orchestration.proposals.made import ORCHESTRATOR, a_rearranging_run, ids, states
from workspaces.errors import Conflict
from workspaces.models import Event, Workspace

FIRST = {"kind": "change", "entry": "#1", "priority": "critical"}
EVERY_KIND = (
    {"kind": "change", "entry": "#1", "priority": "critical", "rounds": 9, "depends_on": ["#2"]},
    {"kind": "hold", "entry": "#2"},
    {"kind": "merge", "entry": "#3", "with": "#4"},
    {"kind": "drop", "entry": "#6"},
)


@pytest.fixture
def workspace(db: None) -> Workspace:
    some_entries(a_workspace(name="Other", orchestrator=ORCHESTRATOR), "Theirs")
    return a_workspace(orchestrator=ORCHESTRATOR)


@pytest.fixture
def backlog(workspace: Workspace) -> list[Entry]:
    """Parse, Print, Store, Keep; Send waits for Keep; Log waits for nothing."""
    titles = ["Parse", "Print", "Store", "Keep"]
    entries = some_entries(workspace, *(Draft(title, spec={"requirements": [title]}) for title in titles))
    return [*entries, *some_entries(workspace, Draft("Send", depends_on=(entries[3].pk,)), "Log")]


def shown(workspace: Workspace) -> list[dict[str, Any]]:
    """Each entry of the backlog with its values, its state and what it waits for."""
    rows = Entry.objects.filter(workspace=workspace, deleted_at=None).order_by("seq")
    return [
        fields.values(row, row.dependencies.values_list("depends_on_id", flat=True))
        | {"state": row.status, "code": row.reason_code, "rounds": row.budget_rounds, "unmet": row.unmet_dependencies}
        for row in rows
    ]


def notes(run: Run) -> list[str]:
    return [proposal.note for proposal in run.proposals.order_by("number")]


def test_each_kind_changes_the_backlog_with_its_reason(workspace: Workspace, backlog: list[Entry]) -> None:
    run = a_rearranging_run(workspace, *EVERY_KIND)
    applying.apply(run, by=ANA)
    assert states(run) == ["applied"] * 4
    parse, print_, store, send = Entry.objects.filter(workspace=workspace, deleted_at=None).order_by("seq")
    assert (parse.priority, parse.budget_rounds, parse.unmet_dependencies) == (0, 9, 1)
    assert (print_.on_hold, print_.reason_message) == (True, "It is better so")
    assert (store.content, store.spec) == ("Store\n\nKeep", {"requirements": ["Store", "Keep"]})
    assert list(send.dependencies.values_list("depends_on_id", flat=True)) == [store.pk]
    assert Event.objects.get(verb="entry.edited", object_id=parse.pk).reason == "It is better so"


def test_undo_restores_all_of_it(workspace: Workspace, backlog: list[Entry]) -> None:
    before = shown(workspace)
    run = a_rearranging_run(workspace, *EVERY_KIND)
    applying.apply(run, by=ANA)
    assert shown(workspace) != before
    applying.undo(run, by=ANA)
    assert (shown(workspace), states(run)) == (before, ["open"] * 4)
    assert not rebuild.find(workspace.pk)
    applying.apply(run, by=ANA)  # and again
    assert states(run) == ["applied"] * 4


@pytest.mark.parametrize("kind", ["drop", "merge"])
def test_an_undo_that_an_earlier_version_kept_too_little_for_is_refused(
    workspace: Workspace, backlog: list[Entry], kind: str
) -> None:
    run = a_rearranging_run(workspace, *EVERY_KIND)
    applying.apply(run, by=ANA)
    proposal = run.proposals.get(kind=kind)
    notes = proposal.before if kind == "drop" else proposal.before["other"]
    del notes["deleted"]
    proposal.save()
    with pytest.raises(Conflict, match="applied by an earlier version"):
        applying.undo(run, by=ANA)
    assert states(run) == ["applied"] * 4


def test_the_activity_log_names_what_an_undo_restored(workspace: Workspace, backlog: list[Entry]) -> None:
    split = {"kind": "split", "entry": "#5", "entries": [{"content": "One"}, {"content": "Two"}]}
    run = a_rearranging_run(workspace, *EVERY_KIND, split)
    applying.apply(run, by=ANA)
    applying.undo(run, by=ANA)
    assert Event.objects.get(verb="proposals.undone").data["restored"] == (
        "#1 priority medium, rounds 5, waiting for nothing; #2 pending; #3 and #4 apart; #6 on the backlog; #5 in one piece"
    )


def test_a_split_hands_the_work_to_children_and_is_undone(workspace: Workspace, backlog: list[Entry]) -> None:
    before = shown(workspace)
    run = a_rearranging_run(workspace, {"kind": "split", "entry": "#1", "entries": [{"content": "Read"}, {"content": "Check"}]})
    applying.apply(run, by=ANA)
    assert list(Entry.objects.filter(parent=backlog[0]).values_list("content", flat=True)) == ["Read", "Check"]
    applying.undo(run, by=ANA)
    assert shown(workspace) == before


def test_dropped_children_come_back_with_their_money(workspace: Workspace) -> None:
    first, second, third = splitting.split(an_entry(workspace, budget="3"), [Draft("One"), Draft("Two"), Draft("Three")], by=ANA)
    run = a_rearranging_run(workspace, {"kind": "merge", "entry": "#3", "with": "#2"}, {"kind": "drop", "entry": "#4"})
    applying.apply(run, by=ANA)
    assert Account.objects.get(pk=second.pk).budget == 3_000_000
    applying.undo(run, by=ANA)
    assert [Account.objects.get(pk=row.pk).budget for row in (first, second, third)] == [1_000_000] * 3
    assert rebuild.find(workspace.pk) == []


def test_a_split_whose_last_child_was_dropped_is_restored_unless_the_entry_has_started(workspace: Workspace) -> None:
    entry = an_entry(workspace, budget="3")
    splitting.split(entry, [Draft("One"), Draft("Two")], by=ANA)
    run = a_rearranging_run(workspace, {"kind": "drop", "entry": "#2"}, {"kind": "drop", "entry": "#3"})
    applying.apply(run, by=ANA)
    assert not Entry.objects.get(pk=entry.pk).is_container
    applying.undo(run, by=ANA)
    assert dividing.total(entry.account) == 3_000_000 and Entry.objects.get(pk=entry.pk).is_container
    applying.apply(run, by=ANA)
    a_worker()
    dispatch.cycle(workspace.pk)
    with pytest.raises(Conflict, match="#1 Do it, which #2 was a child of, has started since"):
        applying.undo(run, by=ANA)


def test_money_of_a_dropped_child_that_a_sibling_spent_is_not_taken_back(workspace: Workspace) -> None:
    _, second = splitting.split(an_entry(workspace, budget="2"), [Draft("One"), Draft("Two")], by=ANA)
    run = a_rearranging_run(workspace, {"kind": "drop", "entry": "#2"})
    applying.apply(run, by=ANA)
    a_charge(second, "1.5")
    with pytest.raises(Conflict, match="#3 has spent what it got from a deleted entry"):
        applying.undo(run, by=ANA)
    assert states(run) == ["applied"] and Entry.objects.get(seq=2).deleted_at


def test_more_rounds_bring_a_failed_entry_back_until_they_are_undone(workspace: Workspace, backlog: list[Entry]) -> None:
    entry_state.move(entry_state.lock(backlog[3]), Next("failed", Reason.ROUNDS_EXHAUSTED, "5 of 5 rounds"))
    before = shown(workspace)
    run = a_rearranging_run(workspace, {"kind": "change", "entry": "#4", "rounds": 8})
    applying.apply(run, by=ANA)
    assert [entry["state"] for entry in shown(workspace)] == ["pending"] * 6
    applying.undo(run, by=ANA)
    assert shown(workspace) == before


def test_a_hold_of_a_blocked_entry_is_undone_to_what_blocked_it(workspace: Workspace, backlog: list[Entry]) -> None:
    entry_state.move(entry_state.lock(backlog[0]), Next("blocked", Reason.NO_IMPROVEMENT, "no gain in 3 rounds"))
    before = shown(workspace)
    run = a_rearranging_run(workspace, {"kind": "hold", "entry": "#1"})
    applying.apply(run, by=ANA)
    applying.undo(run, by=ANA)
    assert shown(workspace) == before


def test_entries_that_wait_for_each_other_are_dropped_together(workspace: Workspace, backlog: list[Entry]) -> None:
    before = shown(workspace)
    run = a_rearranging_run(workspace, {"kind": "drop", "entry": "#4"}, {"kind": "drop", "entry": "#5"})
    applying.apply(run, by=ANA)
    assert [entry["content"] for entry in shown(workspace)] == ["Parse", "Print", "Store", "Log"]
    applying.undo(run, by=ANA)
    assert shown(workspace) == before


def hold(entry: Entry) -> None:
    entry_actions.put_on_hold(entry, by=ANA)


def lock_budget(entry: Entry) -> None:
    Account.objects.filter(pk=entry.pk).update(human_locked=True)


def freeze(entry: Entry) -> None:
    entry_edits.freeze_spec(entry, by=ANA)


def start(entry: Entry) -> None:
    a_worker(slots=1)
    Entry.objects.filter(pk=entry.pk).update(priority=0)
    dispatch.cycle(entry.workspace_id)


def reword(entry: Entry) -> None:
    content.edit(entry, content.Change(content="Parse ISO dates"), by=ANA)


def reprioritise(entry: Entry) -> None:
    entry_actions.set_priority(entry, Entry.Priority.LOW, by=ANA)


def give_rounds(entry: Entry) -> None:
    entry_edits.set_rounds(entry, 7, by=ANA)


def delete(entry: Entry) -> None:
    deletion.delete_all([entry], by=ANA)


def finish(entry: Entry) -> None:
    entry_actions.mark_done(entry, by=ANA)


MEANWHILE = [
    (hold, "#1 Parse is on hold"),
    (lock_budget, "A person has locked the budget of #1 Parse"),
    (freeze, "The spec of #1 Parse is frozen"),
    (start, "#1 Parse is at work"),
    (reword, "#1 Parse ISO dates was changed since: its text"),
    (reprioritise, "#1 Parse was changed since: its priority"),
    (give_rounds, "#1 Parse was changed since: its number of rounds"),
    (delete, "#1 Parse was deleted since"),
    (finish, "#1 Parse is done"),
]


@pytest.mark.parametrize(("act", "sentence"), MEANWHILE, ids=[act.__name__ for act, _ in MEANWHILE])
@pytest.mark.parametrize(
    "change", [FIRST, {"kind": "hold", "entry": "#1"}, {"kind": "drop", "entry": "#1"}], ids=lambda c: c["kind"]
)
def test_what_a_person_did_meanwhile_makes_it_outdated(
    workspace: Workspace, backlog: list[Entry], change: dict[str, Any], act: Any, sentence: str
) -> None:
    run = a_rearranging_run(workspace, change, {"kind": "change", "entry": "#6", "priority": "high"})
    act(backlog[0])
    outcome = applying.apply(run, by=ANA)
    assert [proposal.note for proposal in outcome.outdated] == [sentence]
    assert states(run) == ["outdated", "applied"]  # the other is not held up


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda send: entry_actions.put_on_hold(send, by=ANA), "#5 Send is on hold"),
        (lambda send: Account.objects.filter(pk=send.pk).update(human_locked=True), "A person has locked the budget of #5 Send"),
        (lambda send: entry_actions.set_priority(send, Entry.Priority.LOW, by=ANA), "#5 Send was changed since: its priority"),
    ],
)
def test_a_merge_is_outdated_where_it_would_touch_what_waits_for_the_other_entry(
    workspace: Workspace, backlog: list[Entry], change: Callable[[Entry], object], sentence: str
) -> None:
    about_send = {"kind": "change", "entry": "#5", "rounds": 9}
    run = a_rearranging_run(workspace, {"kind": "merge", "entry": "#3", "with": "#4"}, about_send)
    change(Entry.objects.get(pk=backlog[4].pk))
    applying.apply(run, by=ANA)
    assert states(run)[0] == "outdated" and sentence in notes(run)[0]
    assert list(backlog[4].dependencies.values_list("depends_on_id", flat=True)) == [backlog[3].pk]


def test_the_other_entry_of_a_merge_counts_as_well(workspace: Workspace, backlog: list[Entry]) -> None:
    run = a_rearranging_run(workspace, {"kind": "merge", "entry": "#3", "with": "#4"})
    reprioritise(backlog[3])
    applying.apply(run, by=ANA)
    assert notes(run) == ["#4 Keep was changed since: its priority"]


def test_of_two_runs_about_one_entry_the_second_is_outdated(workspace: Workspace, backlog: list[Entry]) -> None:
    first = a_rearranging_run(workspace, FIRST)
    second = a_rearranging_run(workspace, {"kind": "change", "entry": "#1", "priority": "low"})
    applying.apply(first, by=ANA)
    applying.apply(second, by=ANA)
    assert notes(second) == ["#1 Parse was changed since: its priority"]


def test_a_cycle_that_a_person_made_possible_is_named(workspace: Workspace, backlog: list[Entry]) -> None:
    run = a_rearranging_run(workspace, {"kind": "change", "entry": "#1", "depends_on": ["#2"]})
    content.edit(backlog[1], content.Change(depends_on=(backlog[0].pk,)), by=ANA)
    applying.apply(run, by=ANA)
    assert notes(run)[0].startswith("That would be a cycle")
    assert states(run) == ["outdated"]


@pytest.mark.parametrize("act", [reword, reprioritise, hold, start, delete], ids=lambda act: str(act.__name__))
def test_what_was_changed_since_is_not_undone(workspace: Workspace, backlog: list[Entry], act: Any) -> None:
    run = a_rearranging_run(workspace, {"kind": "change", "entry": "#1", "rounds": 9}, {"kind": "drop", "entry": "#6"})
    applying.apply(run, by=ANA)
    act(backlog[0])
    with pytest.raises(Conflict):
        applying.undo(run, by=ANA)
    assert states(run) == ["applied", "applied"]
    assert Entry.objects.filter(pk=backlog[5].pk, deleted_at__isnull=False).exists()  # nothing of it was undone


def test_a_part_may_be_applied(workspace: Workspace, backlog: list[Entry]) -> None:
    run = a_rearranging_run(workspace, *EVERY_KIND)
    applying.apply(run, by=ANA, only=ids(run, 2, 4))
    assert states(run) == ["open", "applied", "open", "applied"]
    applying.undo(run, by=ANA)
    assert states(run) == ["open"] * 4


def test_money_stays_what_it_was(workspace: Workspace, backlog: list[Entry]) -> None:
    before = list(Account.objects.order_by("id").values_list("id", "budget", "spent", "held"))
    run = a_rearranging_run(workspace, *EVERY_KIND)
    applying.apply(run, by=ANA)
    applying.undo(run, by=ANA)
    assert list(Account.objects.order_by("id").values_list("id", "budget", "spent", "held")) == before


def test_the_database_refuses_a_change_of_nothing(workspace: Workspace, backlog: list[Entry]) -> None:
    run = a_rearranging_run(workspace, FIRST)
    with pytest.raises(IntegrityError), transaction.atomic():
        Proposal.objects.filter(run=run).update(subject=None)


def test_a_proposal_that_is_decided_takes_no_other_values(workspace: Workspace, backlog: list[Entry]) -> None:
    run = a_rearranging_run(workspace, FIRST)
    applying.apply(run, by=ANA)
    with pytest.raises(Conflict, match="applied already"):
        editing.set_values(run.proposals.get(), NewValues(priority="low"), by=ANA)
    assert (run.proposals.get().after, Entry.objects.get(pk=backlog[0].pk).priority) == ({"priority": "critical"}, 0)
