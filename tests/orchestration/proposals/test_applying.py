"""Proposals become entries, in part or whole; what the backlog has outrun is named; what was applied can be undone."""

import pytest
from django.db import IntegrityError, transaction

from orchestration.backlog import deletion, entries, entry_actions
from orchestration.executor import dispatch
from orchestration.models import Entry
from orchestration.proposals import applying, editing
from orchestration.proposals.kinds.schema import ProposedEntry
from tests.factories import ANA, a_worker, a_workspace, an_entry, some_entries
from tests.orchestration.proposals.made import PLANNER, a_run, ids, states
from workspaces.errors import Conflict, Invalid, NotFound
from workspaces.models import Event, Workspace

PARSE = {"ref": "parse", "content": "Parse dates", "spec": {"files_to_create": ["dates.py"]}, "priority": "high"}
PRINT = {"ref": "print", "content": "Print dates", "depends_on": ["parse"]}


@pytest.fixture
def workspace(db: None) -> Workspace:
    a_run(a_workspace(name="Other", planner=PLANNER), "Theirs")
    return a_workspace(planner=PLANNER)


def backlog(workspace: Workspace) -> list[str]:
    return [entry.title for entry in Entry.objects.filter(workspace=workspace, deleted_at=None).order_by("seq")]


def test_all_of_it_becomes_entries(workspace: Workspace) -> None:
    run = a_run(workspace, PARSE, PRINT)
    applying.apply(run, by=ANA)
    parse, print_ = Entry.objects.order_by("seq")
    assert (parse.title, parse.paths, parse.priority, parse.created_by) == ("Parse dates", ["dates.py"], 1, "ana")
    assert list(print_.dependencies.values_list("depends_on_id", flat=True)) == [parse.pk]
    assert states(run) == ["applied", "applied"]


def test_a_part_may_come_first_and_the_rest_later(workspace: Workspace) -> None:
    run = a_run(workspace, PARSE, PRINT)
    applying.apply(run, by=ANA, only=ids(run, 1))
    assert states(run) == ["applied", "open"]
    applying.apply(run, by=ANA)
    assert [entry.unmet_dependencies for entry in Entry.objects.order_by("seq")] == [0, 1]


def test_a_part_that_depends_on_the_rest_is_refused(workspace: Workspace) -> None:
    run = a_run(workspace, PARSE, PRINT)
    with pytest.raises(Invalid, match="Proposal 2 depends on proposal 1, which is not applied: apply both"):
        applying.apply(run, by=ANA, only=ids(run, 2))
    assert (states(run), backlog(workspace)) == (["open", "open"], [])


def test_twice_is_a_conflict(workspace: Workspace) -> None:
    run = a_run(workspace, PARSE)
    applying.apply(run, by=ANA)
    with pytest.raises(Conflict, match="No proposal of this run is open"):
        applying.apply(run, by=ANA)
    with pytest.raises(Conflict, match="Proposal 1 is applied already by ana"):
        applying.apply(run, by=ANA, only=ids(run, 1))
    assert backlog(workspace) == ["Parse dates"]


def test_the_same_plan_again_is_outdated_once_the_first_is_applied(workspace: Workspace) -> None:
    first, second = a_run(workspace, PARSE, PRINT), a_run(workspace, PARSE, PRINT, "Store dates")
    applying.apply(first, by=ANA)
    outcome = applying.apply(second, by=ANA)
    assert [proposal.note for proposal in outcome.outdated] == [
        "#1 with the same title and files was added since",
        "#2 with the same title and files was added since",
    ]
    assert backlog(workspace) == ["Parse dates", "Print dates", "Store dates"]


def test_what_depends_on_an_outdated_one_stays_open(workspace: Workspace) -> None:
    run = a_run(workspace, PARSE, PRINT, {"content": "Store dates", "depends_on": ["print"]})
    an_entry(workspace, content="Parse dates", files=["dates.py"])
    outcome = applying.apply(run, by=ANA)
    assert states(run) == ["outdated", "open", "open"]
    assert [proposal.number for proposal in outcome.waiting] == [2, 3]
    assert backlog(workspace) == ["Parse dates"]


def test_a_dependency_that_was_deleted_since_is_named(workspace: Workspace) -> None:
    door = an_entry(workspace, content="Fix the door")
    run = a_run(workspace, {"content": "Paint it", "depends_on": [door.pk]})
    deletion.delete_all([door], by=ANA)
    [outdated] = applying.apply(run, by=ANA).outdated
    assert outdated.note == "An entry that it depends on was deleted since"


def test_a_person_may_apply_a_marked_duplicate(workspace: Workspace) -> None:
    an_entry(workspace, content="Parse dates", files=["dates.py"])
    run = a_run(workspace, PARSE)
    run.proposals.update(note="It has the title and the files of #1 on the backlog")
    applying.apply(run, by=ANA)
    assert backlog(workspace) == ["Parse dates", "Parse dates"]


def test_a_rejected_one_is_not_applied(workspace: Workspace) -> None:
    run = a_run(workspace, PARSE, "Store dates")
    applying.reject(run, by=ANA, only=ids(run, 1))
    applying.apply(run, by=ANA)
    assert (states(run), backlog(workspace)) == (["rejected", "applied"], ["Store dates"])


def test_a_rejected_one_is_reopened_and_applied(workspace: Workspace) -> None:
    run = a_run(workspace, "Parse dates", "Print dates")
    applying.reject(run, by=ANA)
    reopened = applying.reopen(run, by=ANA, only=ids(run, 2))
    assert [(p.number, p.state, p.decided_by) for p in reopened] == [(2, "open", "")]
    with pytest.raises(Conflict, match="Proposal 2 is open and not rejected"):
        applying.reopen(run, by=ANA, only=ids(run, 2))
    applying.apply(run, by=ANA)
    assert states(run) == ["rejected", "applied"]
    assert Event.objects.get(verb="proposals.reopened").data == {"reopened": 1}


def test_a_rejected_one_that_the_backlog_has_outrun_stays_rejected(workspace: Workspace) -> None:
    run = a_run(workspace, "Parse dates")
    applying.reject(run, by=ANA)
    some_entries(workspace, "Parse dates")
    with pytest.raises(Conflict, match="Proposal 1 cannot be reopened: #1 with the same title and files was added since"):
        applying.reopen(run, by=ANA)
    assert states(run) == ["rejected"]


def test_without_a_rejected_one_nothing_is_reopened(workspace: Workspace) -> None:
    with pytest.raises(Conflict, match="No proposal of this run is rejected"):
        applying.reopen(a_run(workspace, "Parse dates"), by=ANA)


def test_undo_restores_the_backlog_and_opens_the_proposals(workspace: Workspace) -> None:
    run = a_run(workspace, PARSE, PRINT)
    applying.apply(run, by=ANA)
    applying.undo(run, by=ANA)
    assert (states(run), backlog(workspace)) == (["open", "open"], [])
    applying.apply(run, by=ANA)
    assert backlog(workspace) == ["Parse dates", "Print dates"]


def test_what_has_started_cannot_be_undone(workspace: Workspace) -> None:
    run = a_run(workspace, PARSE, PRINT)
    applying.apply(run, by=ANA)
    a_worker()
    dispatch.cycle(workspace.pk)
    with pytest.raises(Conflict, match="#1 Parse dates has started"):
        applying.undo(run, by=ANA)
    assert states(run) == ["applied", "applied"]


def test_what_others_depend_on_cannot_be_undone(workspace: Workspace) -> None:
    run = a_run(workspace, PARSE)
    applying.apply(run, by=ANA)
    entries.add(workspace.pk, [entries.Draft("Mine", depends_on=(Entry.objects.get().pk,))], by=ANA)
    with pytest.raises(entry_actions.SomeRefuse):
        applying.undo(run, by=ANA)
    assert backlog(workspace) == ["Parse dates", "Mine"]


def test_an_edited_proposal_is_applied_as_edited(workspace: Workspace) -> None:
    run = a_run(workspace, PARSE)
    edited = ProposedEntry(content="Parse ISO dates", depends_on=[])
    proposal = editing.edit(run.proposals.get(number=1), edited, by=ANA)
    applying.apply(run, by=ANA)
    assert (proposal.edited_by, backlog(workspace)) == ("ana", ["Parse ISO dates"])


@pytest.mark.parametrize(
    ("edited", "sentence"),
    [
        ({"content": "Parse", "depends_on": ["print"], "ref": "parse"}, "wait for each other"),
        ({"content": "Parse", "depends_on": ["entry_nobody"]}, "no ref of this answer and no entry of the backlog"),
        ({"content": "Parse", "spec": {"files_to_modify": ["../x"]}}, "cannot be used"),
    ],
)
def test_an_edit_that_the_backlog_would_refuse_is_refused(workspace: Workspace, edited: dict[str, object], sentence: str) -> None:
    run = a_run(workspace, PARSE, PRINT)
    with pytest.raises(Invalid, match=sentence):
        editing.edit(run.proposals.get(number=1), ProposedEntry.model_validate(edited), by=ANA)


def test_a_proposal_of_another_run_is_not_found(workspace: Workspace) -> None:
    run, other = a_run(workspace, PARSE), a_run(workspace, "Store dates")
    with pytest.raises(NotFound):
        applying.apply(run, by=ANA, only=ids(other, 1))


def test_who_decided_is_on_record(workspace: Workspace) -> None:
    run = a_run(workspace, PARSE)
    applying.apply(run, by=ANA)
    applying.undo(run, by=ANA)
    applying.reject(run, by=ANA)
    verbs = Event.objects.filter(workspace=workspace, object_id=run.pk).order_by("id").values_list("verb", "actor")
    assert list(verbs) == [
        ("run.requested", "ana"),
        ("run.ended", "muster"),
        ("proposals.applied", "ana"),
        ("proposals.undone", "ana"),
        ("proposals.rejected", "ana"),
    ]
    assert run.proposals.get().decided_by == "ana"


def test_the_database_refuses_an_applied_proposal_without_an_entry(workspace: Workspace) -> None:
    run = a_run(workspace, PARSE)
    with pytest.raises(IntegrityError), transaction.atomic():
        run.proposals.update(state="applied")


@pytest.mark.django_db
def test_an_edit_of_its_tests_makes_their_result_on_the_base_void_and_another_edit_does_not() -> None:
    run = a_run(a_workspace(planner=PLANNER), {"content": "Parse dates", "spec": {"tests": ["test_dates"]}})
    run.proposals.update(tests_on_base={"test_dates": "fails"})
    for content, tests, kept in (
        ("Parse all dates", ["test_dates"], {"test_dates": "fails"}),
        ("Parse all dates", ["test_all"], {}),
    ):
        row = editing.edit(
            run.proposals.get(), ProposedEntry.model_validate({"content": content, "spec": {"tests": tests}}), by=ANA
        )
        assert (row.after["content"], run.proposals.get().tests_on_base) == (content, kept)
