"""A plan's entries are new, changed or kept against all that was imported before: as values, without a database."""

from dataclasses import replace
from typing import Any

from orchestration.backlog import content, fields
from orchestration.backlog.fields import Draft
from orchestration.plans import checking, difference, formats
from orchestration.plans.checking import Checked
from orchestration.plans.difference import Difference, Known
from orchestration.plans.names import Existing

PLAN = "## Dates\n- [ ] Parse (ref: parse)\n- [ ] Print (after: parse)\n- [ ] Clean up\n"


def checked(text: str, *known: Known) -> Checked:
    alive = [Existing(each.id, each.seq, each.title, each.status, each.source_id) for each in known if not each.deleted]
    return checking.check(formats.parse(text), alive)


def compared(text: str, *known: Known, restore: bool = False) -> Difference:
    return difference.compare(checked(text, *known), known, restore=restore)


def known(
    seq: int, title: str, *, ref: str = "", needs: tuple[str, ...] = (), edited: dict[str, Any] | None = None, **more: Any
) -> Known:
    """An entry as imported under the heading Dates. `edited`: what a person changed since."""
    values = fields.values(Draft(title, group="Dates"), needs)
    columns = {"status": "pending", "source_path": f"Dates / {title}", **more}
    hashes = content.hashes(values)
    return Known(id=f"e{seq}", seq=seq, title=title, source_id=ref, hashes=hashes, values=values | (edited or {}), **columns)


PARSE = known(1, "Parse", ref="parse")
PRINT = known(2, "Print", needs=("e1",))
CLEAN = known(3, "Clean up")


def shown(result: Difference) -> list[tuple[str, int | None]]:
    return [(line.kind, line.entry and line.entry.seq) for line in result.lines]


def test_what_was_imported_is_known_by_its_id_or_else_by_its_headings_and_title() -> None:
    moved = replace(PARSE, source_path="Elsewhere / Old title")
    assert shown(compared(PLAN, moved, PRINT, CLEAN)) == [("unchanged", 1), ("unchanged", 2), ("unchanged", 3)]
    stranger = replace(known(4, "Parse", ref="other"), source_path="Dates / Parse")
    result = compared(PLAN, stranger, PRINT, replace(CLEAN, source_path="Times / Clean up"))
    assert shown(result) == [("added", None), ("changed", 2), ("added", None)]
    assert [each.seq for each in result.gone] == [4, 3], "another id is another entry, whatever its title"


def test_entries_of_one_title_are_matched_one_to_one_the_living_first() -> None:
    twice = "## Dates\n- [ ] Clean up\n- [ ] Clean up\n- [ ] Clean up\n"
    first, second = known(5, "Clean up"), known(7, "Clean up")
    old, older = known(4, "Clean up", deleted=True), known(2, "Clean up", deleted=True)
    assert shown(compared(twice, old, second, first, older)) == [("unchanged", 5), ("unchanged", 7), ("deleted", 4)]
    assert shown(compared(twice, old, second, first, restore=True)) == [("unchanged", 5), ("unchanged", 7), ("added", None)]
    assert shown(compared(PLAN, replace(PARSE, deleted=True), replace(PARSE, id="e8", seq=8)))[0] == ("unchanged", 8)


def test_nothing_waits_for_what_a_person_deleted_unless_it_comes_back() -> None:
    gone = replace(PARSE, deleted=True)
    assert shown(compared(PLAN, gone, PRINT))[:2] == [("deleted", 1), ("changed", 2)]
    [_, line, _] = compared(PLAN, gone, PRINT).lines
    assert [(change.name, change.before, change.after) for change in line.changes] == [("depends_on", ["e1"], None)]
    [_, line, _] = compared(PLAN, gone, PRINT, restore=True).lines
    assert line.values["depends_on"] == ["ref:parse"]


def test_what_is_ticked_off_or_no_longer_there_is_named_while_it_is_open() -> None:
    done = {"status": "done", "busy": "done"}
    ticked = PLAN.replace("- [ ] Parse", "- [x] Parse").replace("- [ ] Clean", "- [x] Clean")
    for parse, clean, seqs in (
        (PARSE, CLEAN, [1, 3]),
        (replace(PARSE, **done), CLEAN, [3]),
        (PARSE, replace(CLEAN, deleted=True), [1]),
    ):
        result = compared(ticked, parse, PRINT, clean, known(4, "Clean up", source_path="Times / Clean up"))
        assert [each.seq for each in result.ticked] == seqs and [each.seq for each in result.gone] == [4]
    result = compared("## Dates\n- [ ] New\n", PARSE, replace(PRINT, **done), replace(CLEAN, deleted=True))
    assert ([each.seq for each in result.gone], result.ticked) == ([1], [])
    failed = replace(CLEAN, status="failed")
    assert compared("## Dates\n- [ ] New\n", failed).gone == [failed]


def test_an_entry_goes_on_waiting_for_what_is_only_ticked_off() -> None:
    ticked = PLAN.replace("- [ ] Parse", "- [x] Parse")
    assert shown(compared(ticked, PARSE, PRINT, CLEAN)) == [("unchanged", 2), ("unchanged", 3)]
    [line, _] = compared(ticked, PARSE, replace(PRINT, values=PRINT.values | {"depends_on": ["e1", "e3"]}), CLEAN).lines
    assert line.values["depends_on"] == ["e1"]


def test_a_value_stays_where_a_person_edited_it_the_entry_is_busy_or_its_spec_is_frozen() -> None:
    text = "## Dates\n- [ ] Clean up (priority: high; group: db)\n  - is fast\n"

    def sorted_out(entry: Known) -> tuple[list[str], list[str], str]:
        [line] = compared(text, entry).lines
        return [change.name for change in line.changes], [change.name for change in line.kept], line.kind

    everything = ["acceptance_criteria", "priority", "parallel_group"]
    assert sorted_out(CLEAN) == (everything, [], "changed")
    edited = known(3, "Clean up", edited={"priority": "low"})
    assert sorted_out(edited) == (["acceptance_criteria", "parallel_group"], ["priority"], "changed")
    assert sorted_out(replace(CLEAN, busy="in progress")) == ([], everything, "busy")
    assert sorted_out(replace(CLEAN, frozen=True)) == (["priority", "parallel_group"], ["acceptance_criteria"], "changed")
    same = known(3, "Clean up", edited={"priority": "high", "parallel_group": "db", "acceptance_criteria": ["is fast"]})
    assert sorted_out(same) == ([], [], "unchanged")
    older = replace(CLEAN, hashes={})
    assert sorted_out(older) == (everything, [], "changed"), "what was not imported then, nobody edited"


def test_the_token_is_another_one_whenever_something_that_it_concerns_is() -> None:
    base = [PARSE, PRINT, CLEAN, known(4, "Gone")]
    tokens = [compared(PLAN, *base).token]
    assert compared(PLAN, *base).token == tokens[0]
    changes = (
        [replace(PARSE, busy="in progress"), *base[1:]],
        [replace(PARSE, values=PARSE.values | {"priority": "low"}), *base[1:]],
        [replace(PARSE, deleted=True), *base[1:]],
        [replace(PARSE, id="e9"), *base[1:]],
        base[:3],
        base[:2],
    )
    tokens += [compared(PLAN, *changed).token for changed in changes]
    tokens += [compared(text, *base).token for text in (PLAN + "- [ ] More\n", PLAN.replace("Print", "Write"))]
    assert len(set(tokens)) == len(tokens)
