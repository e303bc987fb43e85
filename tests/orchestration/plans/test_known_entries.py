"""A plan is compared with the entries of its own name in its own workspace, and with what may not change of them now."""

import pytest

from orchestration.backlog import deletion, entry_actions, entry_edits
from orchestration.models import Entry, FileLock
from orchestration.plans import formats, imported, importing
from tests.factories import ANA, CLOSED, a_workspace, some_entries
from tests.orchestration.plans.imports import BEA, bring, entry, kinds, needs, rewrite, shown
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
FOUR = "# Dates\n## In\n- [ ] Parse (ref: parse; runs on: gpu)\n- [ ] Print (after: parse)\n## Out\n- [ ] Send\n- [ ] Store\n"


@pytest.fixture
def shop() -> Workspace:
    bring(a_workspace(name="Other"), FOUR)
    return a_workspace()


def doubts(shop: Workspace, text: str, name: str = "") -> list[str]:
    return [doubt.message for doubt in importing.preview(shop.pk, formats.parse(text), by=ANA, name=name).checked.doubts]


def test_the_entries_of_one_plan_are_read_with_why_they_may_not_change(shop: Workspace) -> None:
    bring(shop, FOUR.replace("# Dates", "# Money"))
    some_entries(shop, "By hand")
    added = bring(shop, FOUR).added
    parse, print_, send, store = added
    Entry.objects.filter(pk=send.pk).update(**CLOSED)
    Entry.objects.filter(pk=parse.pk).update(status="in_progress", spec_frozen=True)
    FileLock.objects.create(workspace=shop, entry=print_, path="a.py")
    deletion.delete_all([store], by=ANA)
    rows = imported.entries(shop.pk, "Dates")
    assert [(row.seq, row.title, row.busy, row.frozen, row.deleted) for row in rows] == [
        (parse.seq, "Parse", "in progress", True, False), (print_.seq, "Print", "between two rounds", False, False),
        (send.seq, "Send", "done", False, False), (store.seq, "Store", "", False, True),
    ]  # fmt: skip
    assert [(row.source_id, row.source_path, row.values["depends_on"]) for row in rows[:3]] == [
        ("parse", "In / Parse", None), ("", "In / Print", [parse.pk]), ("", "Out / Send", None),
    ]  # fmt: skip


def test_another_plan_with_half_of_the_same_entries_is_named(shop: Workspace) -> None:
    sentence = "The same entries were imported from the plan {}: give this one that name to compare with them"
    assert doubts(shop, FOUR, "Times") == [], "those of another workspace are no reason"
    bring(shop, FOUR)
    assert doubts(shop, FOUR, "Times") == [sentence.format("'Dates'")] and doubts(shop, FOUR) == []
    half = FOUR.replace("Send", "Fetch").replace("Store", "Keep")
    assert doubts(shop, half, "Times") == [sentence.format("'Dates'")]
    assert doubts(shop, half.replace("Print", "Show"), "Times") == []
    deletion.delete_all([entry(shop, "Send")], by=ANA)
    two = "# Dates\n## Out\n- [ ] Send\n- [ ] Store\n- [ ] Keep\n"
    assert doubts(shop, two, "Times") == [], "one of three is left"
    bring(shop, "# Most\n## Out\n- [ ] Store\n- [ ] Keep\n")
    assert doubts(shop, two, "Times") == [sentence.format("'Most'")]


def test_what_a_person_edited_stays_through_a_second_import(shop: Workspace) -> None:
    bring(shop, FOUR)
    rewrite(entry(shop, "Parse"), "My way")
    for title in ("Parse it", "Parse it soon"):
        for _ in range(2):
            assert bring(shop, FOUR.replace("] Parse", f"] {title}")).kept == 1
            assert entry(shop, "My way").source_id == "parse"


def test_the_values_of_an_entry_follow_its_line_whatever_they_were(shop: Workspace) -> None:
    text = "- [ ] Print (ref: p; group: db; alone: yes; files: a.py; runs on: gpu; priority: high)\n  - It works\n"
    bring(shop, text)
    bring(shop, "- [ ] Print (ref: p)\n")
    row = entry(shop, "Print")
    assert (row.parallel_group, row.parallelizable, row.spec, row.paths, row.requires) == ("", True, {}, [], [])
    assert row.priority == Entry.Priority.MEDIUM and kinds(shown(shop, "- [ ] Print (ref: p)\n")) == ["unchanged"]


def test_a_busy_entry_is_known_by_its_new_title_afterwards(shop: Workspace) -> None:
    bring(shop, FOUR)
    Entry.objects.filter(pk=entry(shop, "Parse").pk).update(status="in_progress")
    bring(shop, FOUR.replace("] Parse", "] Read"))
    row = entry(shop, "Parse")
    assert (row.source_path, row.content) == ("In / Read", "Parse")
    Entry.objects.filter(pk=row.pk).update(status="pending")
    bring(shop, FOUR.replace("] Parse", "] Read"))
    assert entry(shop, "Read").pk == row.pk


def test_a_deleted_entry_keeps_nothing_waiting_and_a_number_of_one_is_unknown(shop: Workspace) -> None:
    bring(shop, FOUR)
    deletion.delete_all([entry(shop, "Print"), entry(shop, "Parse")], by=BEA)
    more = FOUR + "- [ ] New (after: parse)\n"
    [new] = bring(shop, more).added
    assert needs(new) == [] and new.unmet_dependencies == 0
    seq = Entry.objects.get(workspace=shop, content="Parse").seq
    result = importing.preview(shop.pk, formats.parse(f"- [ ] Other (after: #{seq})"), by=ANA, name="x")
    assert [problem.message for problem in result.problems] == [f"There is no entry #{seq} on the backlog"]


def test_a_preview_saves_nothing(shop: Workspace) -> None:
    before = Entry.objects.count()
    shown(shop, FOUR)
    assert Entry.objects.count() == before


def test_a_ticked_task_that_is_open_here_is_waited_for_no_longer_by_what_is_new(shop: Workspace) -> None:
    bring(shop, FOUR)
    held = entry(shop, "Parse")
    entry_actions.put_on_hold(held, by=ANA)
    entry_edits.assign(held, "bea", by=ANA)
    [new] = bring(shop, FOUR.replace("- [ ] Parse", "- [x] Parse") + "- [ ] New (after: parse)\n").added
    assert needs(new) == [] and needs(entry(shop, "Print")) == [held.seq]
