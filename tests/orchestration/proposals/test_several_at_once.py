"""Several proposals and several answers at once: their order, what counts of each, and what a person reads of all."""

import json
from typing import Any

import pytest

from orchestration.backlog import deletion, dependencies, entry_actions, splitting
from orchestration.backlog.entries import Draft
from orchestration.maintenance import rebuild
from orchestration.models import Entry, Executor, Proposal, Run
from orchestration.proposals import applying, automatic, base_tests, editing, undo_text
from orchestration.proposals.answering import answers, change_answers, json_answers, split_answers
from orchestration.proposals.answering.proposed import NOTHING, Answer, Proposed
from orchestration.proposals.base_tests import BaseTests
from orchestration.proposals.context.planning_context import Known, PlanningContext
from orchestration.proposals.kinds import merges
from orchestration.proposals.kinds.schema import ProposedEntry
from orchestration.verdicts.evidence import Cases, CheckRun
from tests.factories import ANA, CLOSED, a_workspace, an_entry, some_entries
from tests.orchestration.proposals.made import ORCHESTRATOR, PLANNER, a_rearranging_run, a_run, ids, states
from tests.orchestration.proposals.test_change_answers import SEEN, a_snapshot
from workspaces.errors import Conflict, Invalid, NotFound
from workspaces.models import Event, Workspace

Kind = Proposal.Kind


@pytest.fixture
def shop(db: None) -> Workspace:
    return a_workspace(orchestrator=ORCHESTRATOR, planner=PLANNER)


def shown(shop: Workspace) -> list[tuple[Any, ...]]:
    rows = Entry.objects.filter(workspace=shop, deleted_at=None).order_by("seq")
    return [
        (row.seq, row.content, row.status, sorted(row.dependencies.values_list("depends_on__seq", flat=True))) for row in rows
    ]


def test_two_merges_of_one_run_are_undone_the_last_first(shop: Workspace) -> None:
    a, b, c, d = some_entries(shop, *"ABCD")
    (last,) = some_entries(shop, Draft("E", depends_on=(b.pk, d.pk)))
    dependencies.depend(b, c, by=ANA)
    before = shown(shop)
    run = a_rearranging_run(shop, {"kind": "merge", "entry": "#1", "with": "#2"}, {"kind": "merge", "entry": "#3", "with": "#4"})
    applying.apply(run, by=ANA)
    assert shown(shop) == [(1, "A\n\nB", "pending", [3]), (3, "C\n\nD", "pending", []), (5, "E", "pending", [1, 3])]
    applying.undo(run, by=ANA)
    assert shown(shop) == before and rebuild.find(shop.pk) == [] and a.seq < last.seq


def test_what_is_dropped_may_wait_for_what_is_changed_and_dropped_with_it(shop: Workspace) -> None:
    a, b = some_entries(shop, "A", "B")
    (c,) = some_entries(shop, Draft("C", depends_on=(a.pk, b.pk)))
    (d,) = some_entries(shop, Draft("D", depends_on=(c.pk,)))
    before = shown(shop)
    drops = [{"kind": "drop", "entry": f"#{n}"} for n in (1, 2, 3)]
    run = a_rearranging_run(shop, *drops, {"kind": "change", "entry": "#4", "depends_on": []})
    applying.apply(run, by=ANA)
    assert shown(shop) == [(4, "D", "pending", [])] and states(run) == ["applied"] * 4
    applying.undo(run, by=ANA)
    assert shown(shop) == before and rebuild.find(shop.pk) == [] and d.seq == 4


def test_what_the_backlog_refuses_is_outdated_by_itself_and_keeps_its_sentence(shop: Workspace) -> None:
    a, b = some_entries(shop, "A", "B")
    run = a_rearranging_run(shop, {"kind": "drop", "entry": "#1"}, {"kind": "drop", "entry": "#2"})
    some_entries(shop, Draft("C", depends_on=(a.pk,)))
    outcome = applying.apply(run, by=ANA)
    first, second = run.proposals.order_by("number")
    assert [p.number for p in outcome.outdated] == [1] and states(run) == ["outdated", "applied"]
    assert first.note.startswith("Other entries depend on it") and (first.entry, second.note, second.entry) == (None, "", b)
    assert Event.objects.get(verb="proposals.applied").data == {"applied": 1, "outdated": 1}


def test_a_decided_one_among_the_chosen_decides_nothing(shop: Workspace) -> None:
    run = a_run(shop, "A", "B", "C")
    applying.reject(run, by=ANA, only=ids(run, 2))
    for decide in (applying.apply, applying.reject):
        with pytest.raises(Conflict, match="Proposal 2 is rejected already by ana"):
            decide(run, by=ANA, only=ids(run, 1, 2))
    assert states(run) == ["open", "rejected", "open"] and not Entry.objects.exists()
    applying.apply(run, by=ANA, only=ids(run, 3))
    assert states(run) == ["open", "rejected", "applied"]


def test_one_of_another_run_among_the_chosen_decides_nothing(shop: Workspace) -> None:
    run, other = a_run(shop, "A", "B"), a_run(shop, "C")
    for decide in (applying.apply, applying.reject):
        with pytest.raises(NotFound, match="Proposal not found"):
            decide(run, by=ANA, only=[*ids(run, 1), *ids(other, 1)])
    assert states(run) == ["open", "open"] and states(other) == ["open"] and not Entry.objects.exists()


def test_an_addition_whose_need_was_deleted_again_is_refused_and_one_that_is_there_is_waited_for(shop: Workspace) -> None:
    run = a_run(shop, {"ref": "a", "content": "A"}, {"ref": "b", "content": "B", "depends_on": ["a"]})
    applying.apply(run, by=ANA, only=ids(run, 1))
    deletion.delete_all([Entry.objects.get(content="A")], by=ANA)
    with pytest.raises(Invalid, match="Proposal 2 depends on proposal 1, which is not applied"):
        applying.apply(run, by=ANA)
    applying.undo(run, by=ANA)
    assert states(run) == ["open", "open"]
    applying.apply(run, by=ANA)
    assert shown(shop) == [(2, "A", "pending", []), (3, "B", "pending", [2])]


def test_additions_that_a_person_has_done_since_stay(shop: Workspace) -> None:
    run = a_run(shop, "A", "B")
    applying.apply(run, by=ANA)
    entry_actions.mark_done(Entry.objects.get(content="B"), by=ANA)
    with pytest.raises(Conflict, match="#2 B has started"):
        applying.undo(run, by=ANA)
    assert states(run) == ["applied"] * 2


def test_an_entry_that_is_done_is_no_twin_of_a_proposed_one(shop: Workspace) -> None:
    done = an_entry(shop, content="A")
    run = a_run(shop, "A")
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    applying.apply(run, by=ANA)
    assert states(run) == ["applied"]


def test_children_are_like_the_entry_that_they_are_of(shop: Workspace) -> None:
    entry = an_entry(shop, requires=("gpu",), parallel_group="db", budget_rounds=7)
    Executor.objects.filter(pk=shop.pk).update(config=shop.executor.config | {"agents": {"cheap": {"kind": "gemini"}}})
    Entry.objects.filter(pk=entry.pk).update(priority=0, agent="cheap")
    children = [{"content": "One"}, {"content": "Two", "priority": "low", "parallel_group": "web"}]
    run = a_rearranging_run(shop, {"kind": "split", "entry": "#1", "entries": children})
    applying.apply(run, by=ANA)
    rows = Entry.objects.filter(parent=entry).order_by("seq")
    assert [(row.priority, row.parallel_group, row.requires, row.budget_rounds, row.agent) for row in rows] == [
        (0, "db", ["gpu"], 7, "cheap"), (3, "web", ["gpu"], 7, "cheap"),
    ]  # fmt: skip


def test_an_undo_is_named_in_short(shop: Workspace) -> None:
    entries = some_entries(shop, *(f"E{n}" for n in range(12)))
    dependencies.depend(entries[0], entries[1], by=ANA)
    changes = [{"kind": "change", "entry": f"#{n}", "priority": "high"} for n in range(2, 12)]
    run = a_rearranging_run(shop, {"kind": "change", "entry": "#1", "depends_on": ["#3", "#4"]}, *changes)
    applying.apply(run, by=ANA)
    named = undo_text.sentence(list(run.proposals.order_by("number")))
    assert named.startswith("#1 waiting for #2; #2 priority medium; ") and named.endswith("#10 priority medium; and 1 more")
    assert named.count(";") == 10
    ten = undo_text.sentence(list(run.proposals.order_by("number")[:10]))
    assert ten.endswith("#10 priority medium") and "more" not in ten


@pytest.mark.django_db
def test_what_needs_more_money_than_there_is_leaves_all_to_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = a_workspace(planner={**PLANNER, "apply": "all"})
    run = a_run(shop, "A")

    def refuse(*_: Any, **__: Any) -> None:
        raise Invalid("The backlog refuses it", "entries")

    monkeypatch.setattr(applying, "apply", refuse)
    assert automatic.apply(run).applied == [] and states(run) == ["open"]


def test_an_edit_of_a_test_file_makes_its_result_void_and_others_problems_stop_no_edit(shop: Workspace) -> None:
    spec = {"tests": ["t.py"], "test_files": {"t.py": "one"}}
    run = a_run(shop, {"ref": "a", "content": "A", "spec": spec}, {"ref": "b", "content": "B", "depends_on": ["a"]})
    run.proposals.update(tests_on_base={"state": "red"}, note="It has the title of another")
    first, second = run.proposals.order_by("number")

    def edited(proposal: Proposal, after: dict[str, Any]) -> Proposal:
        return editing.edit(proposal, ProposedEntry.model_validate(after), by=ANA)

    assert edited(first, {"ref": "a", "content": "A!", "spec": spec}).tests_on_base == {"state": "red"}
    row = edited(first, {"ref": "a", "content": "A!", "spec": spec | {"test_files": {"t.py": "two"}}})
    assert (row.tests_on_base, row.note, row.edited_by) == ({}, "", "ana")
    Proposal.objects.filter(pk=second.pk).update(after={"ref": "b", "content": "B", "depends_on": ["gone"]})
    assert edited(first, {"ref": "a", "content": "A again"}).after == {"ref": "a", "content": "A again"}
    applying.reject(run, by=ANA, only=ids(run, 1))
    with pytest.raises(Conflict, match="rejected already"):
        edited(first, {"ref": "a", "content": "Late"})
    assert run.proposals.get(number=1).after["content"] == "A again"


def test_only_an_addition_is_edited_as_a_whole(shop: Workspace) -> None:
    some_entries(shop, "A")
    run = a_rearranging_run(shop, {"kind": "change", "entry": "#1", "priority": "high"})
    with pytest.raises(Invalid, match="Only a new entry can be edited"):
        editing.edit(run.proposals.get(), ProposedEntry(content="B"), by=ANA)


def read_changes(*changes: dict[str, Any]) -> Answer:
    return change_answers.read(json.dumps({"changes": [{"reason": "Better", **change} for change in changes]}), SEEN)


def test_changes_of_one_answer_are_seen_together() -> None:
    drop = [{"kind": "drop", "entry": f"#{n}"} for n in (1, 2, 3)]
    assert not read_changes(*drop).problems and len(read_changes(*drop).proposed) == 3
    [problem] = read_changes(drop[1]).problems
    assert problem.startswith("#2 Print cannot be dropped: #3 Store waits for it")
    [problem] = read_changes({"kind": "change", "entry": "#1", "rounds": 7}, {"kind": "hold", "entry": "e1"}).problems
    assert problem == "#1 Parse is in 2 changes: put all that it needs into one"
    assert "wait for each other" in read_changes({"kind": "merge", "entry": "#3", "with": "#1"}).problems[0]
    merged = read_changes({"kind": "merge", "entry": "#1", "with": "#2", "content": "Both"}).proposed[0]
    assert merged.after["content"] == "Both" and merged.before is not None and merged.before["other"]["seq"] == 2
    assert merged.before["seq"] == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rounds": 5}, "has that rounds already"), ({"rounds": 2}, "has made 3 rounds already"), ({"rounds": 3}, ""),
        ({"depends_on": ["#1", "#1"]}, "has that depends_on already"), ({"depends_on": []}, ""),
    ],
)  # fmt: skip
def test_a_value_is_new_and_covers_the_rounds_that_were_made(change: dict[str, Any], sentence: str) -> None:
    snapshot = a_snapshot(2, "Print", "e1")
    snapshot = type(snapshot)(**{**vars_of(snapshot), "values": {**snapshot.values, "rounds_completed": 3}})
    seen = change_answers.Seen({"e1": a_snapshot(1, "Parse"), "e2": snapshot}, SEEN.planning_context)
    text = json.dumps({"changes": [{"kind": "change", "entry": "#2", "reason": "x", **change}]})
    problems = change_answers.read(text, seen).problems
    assert (sentence in problems[0]) if sentence else not problems


def vars_of(snapshot: Any) -> dict[str, Any]:
    return {name: getattr(snapshot, name) for name in snapshot.__dataclass_fields__}


CYCLE_INPUT = PlanningContext(
    entries=[Known("e1", 1, "Parse", True, ("a.py",)), Known("e2", 2, "Print", True), Known("e3", 3, "Store", False)]
)


def split_of(*entries: dict[str, Any]) -> Answer:
    return split_answers.read(json.dumps({"entries": list(entries)}), CYCLE_INPUT, a_snapshot(1, "Parse"))


def test_an_expanders_answer_is_children_or_a_better_description() -> None:
    [better] = split_of(
        {"content": "Parse well", "spec": {"requirements": "x"}, "priority": "high", "reason": "Clearer"}
    ).proposed
    assert (better.kind, better.after, better.reason, better.subject) == (
        "change", {"content": "Parse well", "spec": {"requirements": "x"}}, "Clearer", "e1",
    )  # fmt: skip
    twins = {"content": "Print"}, {"content": "Read", "depends_on": ["#3"], "reason": "It is half"}
    [split] = split_of(*twins).proposed
    assert (split.kind, split.reason, split.note) == (
        "split", "It is half", "Print: it has the title and the files of #2 on the backlog",
    )  # fmt: skip
    assert split.after == {
        "entries": [{"content": "Print"}, {"content": "Read", "depends_on": ["e3"]}],
        "reasons": ["", "It is half"],
    }
    assert split.before is not None and split.before["seq"] == 1
    assert "reasons" not in split_of({"content": "A"}, {"content": "B"}).proposed[0].after
    own = split_of({"content": "Parse", "spec": {"files_to_modify": ["a.py"]}}, {"content": "B"}).proposed[0]
    assert own.note == "", "it is split itself"


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([{"content": "A", "depends_on": ["#2"]}], "what it waits for stays as it is"),
        ([{"content": "A", "depends_on": ["#1"]}, {"content": "B"}], "Entry 1 depends on `#1`, which is no ref"),
        ([{"content": "A"}] * 51, "The answer has 51 entries: 50 is the most"),
    ],
)
def test_an_expanders_answer_that_cannot_be_used_has_a_sentence(entries: list[dict[str, Any]], sentence: str) -> None:
    result = split_of(*entries)
    assert sentence in result.problems[0] and not result.proposed


def test_fifty_children_are_not_too_many() -> None:
    assert len(split_of(*({"content": f"{n}"} for n in range(50))).proposed[0].after["entries"]) == 50


def test_the_last_block_of_an_answer_counts() -> None:
    text = 'I thought of\n```json\n{"entries": [1]}\n```\nbut then\n```json\n{"entries": [2]}\n```\nand `{"a": 1}`\n'
    assert json_answers.items(text, "entries", most=2) == [2]
    assert json_answers.items('{"entries": [1, 2]}', "entries", most=2) == [1, 2]
    with pytest.raises(ValueError, match="has 3 entries: 2 is the most"):
        json_answers.items('{"entries": [1, 2, 3]}', "entries", most=2)
    with pytest.raises(ValueError, match="has the key `entries` alone, not `a`"):
        json_answers.items('{"entries": [], "a": 1}', "entries", most=2, may_be_empty=True)
    assert json_answers.first(["x"] * 20) == ["x"] * 20 and json_answers.first(["x"] * 21)[-1] == "And 1 more problems"


def a_proposed(*kinds: Kind) -> Answer:
    return Answer([Proposed(kind, {}) for kind in kinds])


def test_an_answer_is_one_sentence() -> None:
    assert a_proposed().sentence == NOTHING
    assert a_proposed(Kind.ADD).sentence == "It proposes 1 entry"
    assert a_proposed(Kind.ADD, Kind.ADD).sentence == "It proposes 2 entries"
    assert a_proposed(Kind.SPLIT).sentence == "It proposes 1 split" and a_proposed(Kind.DROP).sentence == "It proposes 1 change"
    assert a_proposed(Kind.ADD, Kind.SPLIT).sentence == "It proposes 2 changes"


def test_two_entries_become_one_without_a_word_twice() -> None:
    first = {"tests": ["a", "b"], "requirements": "mine", "examples": "one"}
    second = {"tests": ["b", "c"], "requirements": "theirs", "patterns": ["p"], "examples": ["x"]}
    assert merges.united(" One\n", "Two ", first, second) == {
        "content": "One\n\nTwo",
        "spec": {"tests": ["a", "b", "c"], "requirements": "mine", "examples": "one", "patterns": ["p"]},
    }


def a_check(*good: str, failed: tuple[str, ...] = (), green: bool = False, names: bool = True) -> CheckRun:
    cases = Cases(frozenset(good), dict.fromkeys(failed, "no"), frozenset()) if names else None
    return CheckRun("tests", "pytest", 0 if green else 1, cases=cases, score=1 if green else 0)


def test_each_named_test_must_be_there_and_the_worst_of_several_counts() -> None:
    entry = ProposedEntry.model_validate({"content": "A", "spec": {"tests": ["t.a", "t.b"]}})
    seen = base_tests.judge({0: entry}, [a_check("t.c", failed=("t.a",)), a_check("u.x", failed=("t.b",))])[0]
    assert seen == BaseTests("red", {"t.a": "no", "t.b": "no"})
    missing = base_tests.judge({0: entry}, [a_check("t.c", failed=("t.a",))])[0]
    assert missing.state == "missing" and "No test is named t.b" in missing.problem
    runs = [a_check(green=True, names=False), a_check(names=False)]
    assert base_tests.judge({0: entry}, runs)[0] == BaseTests("unknown", remark=base_tests.UNKNOWN)
    assert base_tests.judge({0: entry}, runs[:1])[0] == BaseTests("green", problem=base_tests.GREEN)
    red, green = BaseTests("red", {"t.a": "no"}), BaseTests("green", problem="Green.")
    unknown, lost = BaseTests("unknown", remark="Unknown."), BaseTests("missing", {"t.b": "x"}, "Missing.")
    assert base_tests.together([("A", red), ("B", lost), ("C", green), ("D", unknown)]) == BaseTests(
        "green", {"t.a": "no", "t.b": "x"}, "B: Missing. C: Green.", "Unknown."
    )
    assert base_tests.together([("A", red), ("B", red)]) == BaseTests("red", {"t.a": "no"})


def test_a_test_file_that_moves_a_passing_test_takes_none_away() -> None:
    entry = ProposedEntry.model_validate({"content": "A", "spec": {"tests": ["t.b"], "test_files": {"t.py": "x"}}})
    before = [a_check("t.a", "u.a")]
    assert base_tests.judge({0: entry}, [a_check("t.a", failed=("t.b",))], before)[0].state == "red"
    taken = base_tests.judge({0: entry}, [a_check("u.z", failed=("t.b",))], before)[0]
    assert taken.state == "broken" and "take away t.a" in taken.problem


def test_files_that_are_there_may_have_any_name_and_new_ones_may_not() -> None:
    planning_context = PlanningContext(frozenset({"а.py", "docs/x.md", "docs/"}))  # the first letter is Cyrillic

    def problems(**spec: Any) -> list[str]:
        return list(answers.check([ProposedEntry.model_validate({"content": "A", "spec": spec})], planning_context))

    assert problems(files_to_modify=["а.py", "docs", "docs/x.md"]) == []
    assert "look like Latin ones" in problems(files_to_create=["о.py"])[0]
    assert problems(test_files={"docs/.gitattributes": "x"}) == [
        "Entry 1: `docs/.gitattributes` is no test file: git itself reads it"
    ]
    entries = [ProposedEntry.model_validate({"content": c, "spec": {"test_files": {"t.py": c}}}) for c in "AB"]
    assert list(answers.check(entries, planning_context)) == [
        "Entry 2: `t.py` is a test file of entry 1: each entry brings test files of its own"
    ]


def test_a_run_of_proposals_is_numbered_from_one(shop: Workspace) -> None:
    run = a_run(shop, "A", "B")
    assert [p.number for p in run.proposals.order_by("number")] == [1, 2] and Run.objects.get().pk == run.pk


def test_a_split_that_was_applied_is_undone_before_what_was_added_to_it(shop: Workspace) -> None:
    top = an_entry(shop, budget="2")
    splitting.split(top, [Draft("One"), Draft("Two")], by=ANA)
    before = shown(shop)
    run = a_rearranging_run(
        shop, {"kind": "split", "entry": "#2", "entries": [{"content": "A"}, {"content": "B"}]}, {"kind": "hold", "entry": "#3"}
    )
    applying.apply(run, by=ANA)
    assert len(shown(shop)) == 5
    applying.undo(run, by=ANA)
    assert shown(shop) == before and rebuild.find(shop.pk) == []
