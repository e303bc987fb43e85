"""Importing a plan again is a difference: what only the plan changed is taken over, what a person changed stays."""

import time

import pytest

from orchestration.backlog import content, deletion, entry_actions
from orchestration.models import Dependency, Entry
from orchestration.plans import formats, importing
from orchestration.plans.importing import Outdated
from tests.factories import ANA, a_session, a_workspace, ended
from tests.orchestration.plans.imports import BEA, bring, entry, fields, kinds, needs, rewrite, shown
from workspaces.errors import Invalid
from workspaces.models import Event, Workspace

PLAN = """\
# Dates

## Reading
- [ ] Parse (ref: parse; files: a.py)
  - minutes count

## Writing
- [ ] Format (after: parse)
- [ ] Print
"""


def test_a_first_import_adds_all_with_groups_and_sources(workspace: Workspace) -> None:
    outcome = bring(workspace, PLAN)
    parse, format_, print_ = outcome.added
    assert [row.group for row in outcome.added] == ["Reading", "Writing", "Writing"]
    parse.refresh_from_db()
    assert (parse.source_plan, parse.source_id, parse.source_path) == ("Dates", "parse", "Reading / Parse")
    assert needs(format_) == [parse.seq]
    event = Event.objects.get(verb="plan.imported")
    assert event.data == {"plan": "Dates", "added": 3, "changed": 0, "kept": 0}
    assert print_.spec == {}


def test_labels_of_hosts_are_imported_and_a_persons_stay(workspace: Workspace) -> None:
    text = PLAN.replace("files: a.py", "files: a.py; runs on: gpu, eu")
    bring(workspace, text)
    assert entry(workspace, "Parse").requires == ["gpu", "eu"] and entry(workspace, "Print").requires == []
    bring(workspace, text.replace("gpu, eu", "gpu"))
    assert entry(workspace, "Parse").requires == ["gpu"]
    content.edit(entry(workspace, "Parse"), content.Change(requires=("tpu",)), by=ANA)
    bring(workspace, PLAN)
    assert entry(workspace, "Parse").requires == ["tpu"]


AGENTS = {"cheap": {"kind": "gemini"}, "strong": {"kind": "claude_code"}}


@pytest.mark.django_db
def test_a_named_agent_is_imported_and_a_persons_stays() -> None:
    workspace = a_workspace(agents=AGENTS)
    text = PLAN.replace("files: a.py", "files: a.py; agent: cheap").replace("- [ ] Print", "- [ ] Print (agent: default)")
    bring(workspace, text)
    assert (entry(workspace, "Parse").agent, entry(workspace, "Print").agent) == ("cheap", "")
    assert kinds(shown(workspace, text)) == ["unchanged"] * 3
    bring(workspace, text.replace("cheap", "strong"))
    assert entry(workspace, "Parse").agent == "strong"
    content.edit(entry(workspace, "Parse"), content.Change(agent="cheap"), by=ANA)
    assert fields(shown(workspace, PLAN), 0) == ([], ["agent"])


@pytest.mark.django_db
def test_a_route_is_imported_and_a_persons_stays() -> None:
    workspace = a_workspace(agents=AGENTS)
    text = PLAN.replace("files: a.py", "files: a.py; route: cheap 2 > strong high")
    bring(workspace, text)
    assert entry(workspace, "Parse").route == [
        {"agent": "cheap", "rounds": 2, "candidates": 1},
        {"agent": "strong", "effort": "high", "rounds": 1, "candidates": 1},
    ]
    assert kinds(shown(workspace, text)) == ["unchanged"] * 3
    bring(workspace, text.replace("cheap 2", "cheap 3"))
    assert entry(workspace, "Parse").route[0]["rounds"] == 3
    content.edit(entry(workspace, "Parse"), content.Change(route=()), by=ANA)
    assert fields(shown(workspace, text), 0) == ([], ["route"])


@pytest.mark.django_db
def test_an_agent_that_a_person_chose_stays_also_where_the_import_was_before_entries_had_agents() -> None:
    workspace = a_workspace(agents=AGENTS)
    bring(workspace, PLAN)
    row = entry(workspace, "Parse")
    Entry.objects.filter(pk=row.pk).update(
        source_hashes={name: hash_ for name, hash_ in row.source_hashes.items() if name != "agent"}
    )
    content.edit(row, content.Change(agent="cheap"), by=ANA)
    assert fields(shown(workspace, PLAN), 0) == ([], ["agent"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# Dates\n\n- [ ] Parse\n  - agent: gone\n", 4),
        ("- [ ] Parse\n- [ ] Print (agent: gone)\n", 2),
        ("entries:\n  - content: Parse\n    agent: cheap\n  - content: Print\n    agent: gone\n", 5),
        ('[{"content": "Parse"}, {"content": "Print", "agent": "gone"}]', 1),
    ],
    ids=["point", "title", "yaml", "json"],
)
def test_an_agent_that_the_config_does_not_have_is_a_problem_of_its_line(text: str, line: int) -> None:
    workspace = a_workspace(agents=AGENTS)
    [problem] = importing.preview(workspace.pk, formats.parse(text), by=ANA).problems
    assert (problem.line, problem.message) == (line, "The config has no agent 'gone'. It has: default, cheap, strong")


def test_the_same_plan_again_changes_nothing(workspace: Workspace) -> None:
    bring(workspace, PLAN)
    again = shown(workspace, PLAN)
    assert kinds(again) == ["unchanged"] * 3 and again.is_empty and not again.gone
    bring(workspace, PLAN)
    assert Entry.objects.count() == 3 and not Event.objects.filter(verb="entry.edited").exists()


def test_a_changed_plan_changes_its_entries_by_id_and_by_title(workspace: Workspace) -> None:
    bring(workspace, PLAN)
    new = (
        PLAN.replace("Parse (", "Parse dates (")
        .replace("minutes count", "hours count")
        .replace("Print", "Print (priority: high)")
    )
    difference = shown(workspace, new)
    assert kinds(difference) == ["changed", "unchanged", "changed"]
    assert fields(difference, 0) == (["content", "acceptance_criteria"], []) and fields(difference, 2) == (["priority"], [])
    outcome = bring(workspace, new)
    assert (len(outcome.added), outcome.changed) == (0, 2) and Entry.objects.count() == 3
    parse = entry(workspace, "Parse dates")
    assert (
        parse.spec == {"files_to_modify": ["a.py"], "acceptance_criteria": ["hours count"]}
        and parse.source_path == "Reading / Parse dates"
    )
    assert entry(workspace, "Print").priority == Entry.Priority.HIGH
    assert kinds(shown(workspace, new)) == ["unchanged"] * 3


def test_new_entries_and_dependencies_join_what_is_there(workspace: Workspace) -> None:
    bring(workspace, PLAN)
    bring(workspace, PLAN.replace("- [ ] Print", "- [ ] Round (ref: round; after: parse)\n- [ ] Print (after: round)"))
    parse, round_, print_ = entry(workspace, "Parse"), entry(workspace, "Round"), entry(workspace, "Print")
    assert needs(round_) == [parse.seq] and needs(print_) == [round_.seq] and print_.unmet_dependencies == 1


def test_what_a_person_edited_stays_and_is_listed_while_the_rest_follows(workspace: Workspace) -> None:
    bring(workspace, PLAN)
    rewrite(entry(workspace, "Parse"), "Parse it my way")
    new = PLAN.replace("Parse (", "Parse dates (").replace("minutes count", "hours count")
    difference = shown(workspace, new)
    assert fields(difference, 0) == (["acceptance_criteria"], ["content"]) and difference.kept == [difference.lines[0]]
    assert bring(workspace, new).kept == 1
    parse = entry(workspace, "Parse it my way")
    assert parse.spec["acceptance_criteria"] == ["hours count"]
    assert fields(shown(workspace, new), 0) == ([], ["content"])


def test_an_edit_that_the_plan_makes_too_is_no_edit(workspace: Workspace) -> None:
    bring(workspace, PLAN)
    rewrite(entry(workspace, "Print"), "Print")
    rewrite(entry(workspace, "Parse"), "Parse dates")
    new = PLAN.replace("Parse (", "Parse dates (")
    assert kinds(shown(workspace, new)) == ["unchanged"] * 3
    bring(workspace, new)
    assert kinds(shown(workspace, PLAN)) == ["changed", "unchanged", "unchanged"]


def test_dependencies_that_a_person_added_stay(workspace: Workspace) -> None:
    bring(workspace, PLAN)
    format_, print_ = entry(workspace, "Format"), entry(workspace, "Print")
    content.edit(print_, content.Change(depends_on=(format_.pk,)), by=BEA)
    new = PLAN.replace("- [ ] Print", "- [ ] Print (after: parse)")
    assert fields(shown(workspace, new), 2) == ([], ["depends_on"])
    bring(workspace, new)
    assert needs(print_) == [format_.seq]


def test_what_is_at_work_between_rounds_or_done_is_left_alone(workspace: Workspace) -> None:
    bring(workspace, PLAN)
    parse = entry(workspace, "Parse")
    new = PLAN.replace("Parse (", "Parse dates (").replace("Print", "Print (priority: high)")
    session = a_session(parse)
    entry_actions.mark_done(entry(workspace, "Format"), by=ANA)
    difference = shown(workspace, new.replace("Format (", "Format them (ref: f; "))
    assert difference.lines[0].entry is not None and difference.lines[0].entry.busy == "in progress"
    assert kinds(difference)[0] == "busy"
    ended(session)
    difference = shown(workspace, new)
    assert difference.lines[0].entry is not None and difference.lines[0].entry.busy == "between two rounds"
    bring(workspace, new)
    assert entry(workspace, "Parse").content == "Parse"


def test_what_the_plan_has_no_longer_is_listed_and_stays(workspace: Workspace) -> None:
    bring(workspace, PLAN)
    difference = shown(workspace, PLAN.replace("- [ ] Print\n", "").replace("- [ ] Parse", "- [x] Parse"))
    assert [known.title for known in difference.gone] == ["Print"] and [known.title for known in difference.ticked] == ["Parse"]
    assert kinds(difference) == ["unchanged"]  # it goes on waiting for what is ticked off in the plan and open here
    assert Entry.objects.filter(deleted_at__isnull=True).count() == 3


def test_another_plan_is_no_part_of_this_one(workspace: Workspace) -> None:
    bring(workspace, PLAN)
    other = PLAN.replace("# Dates", "# Money")
    assert kinds(shown(workspace, other)) == ["added"] * 3 and not shown(workspace, other).gone
    bring(workspace, other)
    assert Entry.objects.filter(source_id="parse").count() == 2 and kinds(shown(workspace, PLAN)) == ["unchanged"] * 3


def test_the_same_entries_under_another_name_are_pointed_out(workspace: Workspace) -> None:
    bring(workspace, PLAN)
    renamed = importing.preview(workspace.pk, formats.parse(PLAN.replace("# Dates", "# Dates and times")), by=ANA)
    assert [doubt.message for doubt in renamed.checked.doubts] == [
        "The same entries were imported from the plan 'Dates': give this one that name to compare with them"
    ]
    assert importing.preview(workspace.pk, formats.parse("# Money\n- [ ] Round"), by=ANA).checked.doubts == []


def test_a_deleted_entry_comes_back_only_on_request(workspace: Workspace) -> None:
    bring(workspace, PLAN)
    rows = [entry(workspace, "Format"), entry(workspace, "Parse")]
    deletion.delete_all(rows, by=BEA)
    assert kinds(shown(workspace, PLAN)) == ["deleted", "deleted", "unchanged"]
    assert bring(workspace, PLAN).added == []
    assert kinds(shown(workspace, PLAN, restore=True)) == ["added", "added", "unchanged"]
    assert len(bring(workspace, PLAN, restore=True).added) == 2
    assert kinds(shown(workspace, PLAN)) == ["unchanged"] * 3 and needs(entry(workspace, "Format")) == [
        entry(workspace, "Parse").seq
    ]


def test_entries_of_the_same_headings_and_title_are_matched_in_their_order(workspace: Workspace) -> None:
    twice = "- [ ] Clean up\n  the parser\n- [ ] Clean up\n  the printer\n"
    bring(workspace, twice)
    assert kinds(shown(workspace, twice)) == ["unchanged", "unchanged"]


def test_an_outdated_preview_is_refused(workspace: Workspace) -> None:
    bring(workspace, PLAN)
    new = PLAN.replace("Parse (", "Parse dates (")
    token = shown(workspace, new).token
    rewrite(entry(workspace, "Parse"), "Parse it my way")
    with pytest.raises(Outdated):
        importing.apply(workspace.pk, formats.parse(new), by=ANA, token=token)
    with pytest.raises(Outdated):
        importing.apply(workspace.pk, formats.parse(PLAN + "- [ ] More"), by=ANA, token=token)
    assert entry(workspace, "Parse").content == "Parse it my way"


def test_a_cycle_through_a_persons_dependency_is_a_problem_and_nothing_is_imported(workspace: Workspace) -> None:
    bring(workspace, PLAN)
    parse, print_ = entry(workspace, "Parse"), entry(workspace, "Print")
    content.edit(parse, content.Change(depends_on=(print_.pk,)), by=BEA)
    new = PLAN.replace("- [ ] Print", "- [ ] Print (after: parse)\n- [ ] More")
    result = importing.preview(workspace.pk, formats.parse(new), by=ANA)
    assert "cycle" in result.problems[0].message
    with pytest.raises(Invalid, match="cycle"):
        importing.apply(workspace.pk, formats.parse(new), by=ANA, token=result.difference.token)
    assert not Entry.objects.filter(content="More").exists() and Dependency.objects.count() == 2


def test_an_import_takes_the_same_statements_for_few_and_for_many(workspace: Workspace, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    many = "".join(f"- [ ] Task {n} (ref: t{n})\n" for n in range(100))
    bring(workspace, many)
    with django_assert_max_num_queries(60):
        shown(workspace, many + "- [ ] One more\n")


@pytest.mark.alone
def test_five_hundred_entries_are_compared_and_imported_in_seconds(workspace: Workspace) -> None:
    began = time.process_time()
    bring(
        workspace,
        "".join(f"- [ ] Task {n} (ref: t{n}; files: src/f{n}.py{f'; after: t{n - 1}' if n % 5 else ''})\n" for n in range(500)),
    )
    assert time.process_time() - began < 20
