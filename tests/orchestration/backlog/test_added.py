"""Entries are added: what they wait for, what they get of the money, and what a repeated call finds."""

from typing import Any

import pytest
from django.utils.timezone import now

from budget.amounts import usd
from orchestration.backlog import deletion, dependencies, entries, entry_actions, splitting
from orchestration.backlog.entries import Draft
from orchestration.backlog.files import locks
from orchestration.backlog.files.paths import LockTable, normalise, normalise_all
from orchestration.executor import dispatch
from orchestration.maintenance import rebuild
from orchestration.models import Dependency, Entry, FileLock
from tests.factories import ANA, CLOSED, a_charge, a_session, a_worker, a_workspace, an_entry, ended, some_entries
from workspaces.errors import Invalid, NotFound
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db
STUCK = {"reason_code": "rounds_exhausted", "reason_message": "x"}


@pytest.fixture
def shop() -> Workspace:
    some_entries(a_workspace(name="Other"), "Theirs")
    return a_workspace()


def again(entry: Entry) -> Entry:
    return Entry.objects.select_related("account").get(pk=entry.pk)


def set_to(entry: Entry, **fields: Any) -> None:
    Entry.objects.filter(pk=entry.pk).update(**fields)


def test_a_new_entry_waits_for_what_is_not_done_and_is_blocked_by_any_failure(shop: Workspace) -> None:
    done, open_, failed, met = some_entries(shop, "Done", "Open", "Failed", "Met")
    set_to(done, **CLOSED)
    set_to(failed, status="failed", **STUCK)
    set_to(met, open_head="c" * 40)
    ids = [each.pk for each in (done, open_, met)]
    first, second, third = some_entries(
        shop, Draft("First", depends_on=(*ids, ids[1]), ref="f"), Draft("Second", depends_on=("f", failed.pk)), Draft("Third", depends_on=("f",))
    )  # fmt: skip
    assert [(again(each).status, again(each).unmet_dependencies) for each in (first, second, third)] == [
        ("pending", 1), ("blocked", 2), ("pending", 1),
    ]  # fmt: skip
    assert (again(second).reason_code, again(second).reason_message) == ("dependency_failed", "#3 Failed failed")
    assert Dependency.objects.filter(entry=first).count() == 3 and rebuild.find(shop.pk) == []
    assert [event.object_id for event in Event.objects.filter(verb="entry.blocked")] == [second.pk]


@pytest.mark.parametrize("name", ["deleted", "theirs", "unknown"])
def test_nothing_is_added_that_would_wait_for_ever(shop: Workspace, name: str) -> None:
    deleted = an_entry(shop)
    set_to(deleted, deleted_at=now())
    theirs = Entry.objects.exclude(workspace=shop).get()
    id_ = {"deleted": deleted.pk, "theirs": theirs.pk, "unknown": "entry_" + "0" * 20}[name]
    with pytest.raises(Invalid, match=f"Unknown entry or ref: '{id_}'"):
        some_entries(shop, "Fine", Draft("Bad", depends_on=(id_,)))
    with pytest.raises(Invalid, match="ref 'a' is used twice"):
        some_entries(shop, Draft("A", ref="a"), Draft("B", ref="a"))
    with pytest.raises(Invalid, match=r"Dependency cycle: (a -> B -> a|B -> a -> B)"):
        some_entries(shop, Draft("A", ref="a", depends_on=("B",)), Draft("B", ref="B", depends_on=("a",)))
    assert list(Entry.objects.filter(workspace=shop)) == [deleted]
    [entry] = some_entries(shop, "Next")
    assert entry.seq == 2, "what was refused took no number"


def test_a_key_adds_once_in_its_workspace_whatever_became_of_the_entries(shop: Workspace) -> None:
    other = Entry.objects.get().workspace
    drafts = [Draft("A"), Draft("B")]
    first = entries.add(shop.pk, drafts, by=ANA, idempotency_key="k")
    deletion.delete_all([first[0]], by=ANA)
    assert entries.add(shop.pk, drafts, by=ANA, idempotency_key="k") == first == entries.find_added(shop.pk, "k")
    theirs = entries.add(other.pk, drafts, by=ANA, idempotency_key="k")
    assert {each.pk for each in theirs}.isdisjoint(each.pk for each in first) and entries.find_added(shop.pk, "j") == []
    assert (
        len(entries.add(shop.pk, drafts, by=ANA, idempotency_key="j")) == 2 and Entry.objects.filter(workspace=shop).count() == 4
    )


def test_new_entries_get_budgets_of_their_own_and_shares_of_the_rest() -> None:
    shop = a_workspace(budget="3", cap="3")
    own, zero, first, second = some_entries(shop, Draft("Own", budget=usd(1)), Draft("Zero", budget=0), "First", "Second")
    rows = [again(each).account for each in (own, zero)]
    assert [(row.budget, row.own_budget, row.opened_with) for row in rows] == [(1_000_000, True, 1_000_000), (0, True, 0)]
    shares = [again(each).account for each in (first, second)]
    assert sum(row.budget for row in shares) == 2_000_000 and not any(row.own_budget for row in shares)


@pytest.mark.parametrize(("spent", "status"), [("0.95", "pending"), ("0.96", "blocked")])
def test_an_entry_without_a_budget_needs_a_plan_that_can_pay_a_round(spent: str, status: str) -> None:
    shop = a_workspace(budget="1", cap="1", min_round_usd=0.05)
    a_charge(None, spent, category="orchestrator", round=None, in_=shop)
    poor, own = some_entries(shop, Draft("Poor", ref="p"), Draft("Own", budget=usd("0.01")))
    [behind] = some_entries(shop, Draft("Behind", depends_on=(poor.pk,)))
    assert [again(each).status for each in (poor, own, behind)] == [status, "pending", "pending"]
    assert again(poor).reason_code == ("project_budget_exceeded" if status == "blocked" else "")
    counted = [event.data.get("without_money", 0) for event in Event.objects.filter(verb="entries.added").order_by("id")]
    assert counted == [1 if status == "blocked" else 0, 0] and not Event.objects.filter(verb="entry.blocked").exists()


def test_an_import_blocks_at_once_what_its_own_budget_cannot_pay_and_counts_it() -> None:
    shop = a_workspace(min_round_usd=0.05)
    drafts = [Draft("Poor", budget=usd("0.04")), Draft("Enough", budget=usd("0.05"))]
    poor, enough = entries.add(shop.pk, drafts, by=ANA, blocks_poor=True)
    assert (again(poor).status, again(poor).reason_code, again(enough).status) == ("blocked", "budget_exceeded", "pending")
    assert again(poor).reason_message == "$0.04 of its budget is left, a round needs $0.05: raise the entry's budget"
    assert Event.objects.get(verb="entries.added").data["without_money"] == 1
    assert not Event.objects.filter(verb="entry.blocked").exists()


@pytest.mark.parametrize(
    ("title", "branch"),
    [
        ("Parse dates", "muster/7-parse-dates"),
        ("Café & Crème: 100 %", "muster/7-cafe-creme-100"),
        ("日本", "muster/7"),
        ("x" * 60, f"muster/7-{'x' * 40}"),
        (f"{'word ' * 20}", "muster/7-word-word-word-word-word-word-word-word"),
        ("Make the importer understand words of time", "muster/7-make-the-importer-understand-words-of"),
    ],
)
def test_a_branch_has_the_number_and_the_first_whole_words(title: str, branch: str) -> None:
    assert entries.branch_name(7, title) == branch


def test_a_dependency_that_is_met_counts_neither_when_it_comes_nor_when_it_goes(shop: Workspace) -> None:
    waiting, met, other = some_entries(shop, "Waiting", "Met", "Other")
    set_to(met, open_head="c" * 40)
    set_to(waiting, has_rounds=True)
    FileLock.objects.create(workspace=shop, entry=waiting, path="a.py")
    dependencies.depend(waiting, met, by=ANA)
    assert again(waiting).unmet_dependencies == 0 and FileLock.objects.exists(), "it may start: it keeps its files"
    dependencies.undepend(waiting, met, by=ANA)
    assert again(waiting).unmet_dependencies == 0
    dependencies.replace_all([(again(waiting), [met.pk])], by=ANA)
    assert FileLock.objects.exists()
    dependencies.replace_all([(again(waiting), [met.pk, other.pk])], by=ANA)
    assert (again(waiting).unmet_dependencies, FileLock.objects.exists()) == (1, False)
    FileLock.objects.create(workspace=shop, entry=waiting, path="a.py")
    dependencies.replace_all([(again(waiting), [other.pk])], by=ANA)
    assert FileLock.objects.exists(), "it waits for less"


@pytest.mark.parametrize("name", ["deleted", "theirs"])
def test_an_entry_never_waits_for_what_is_not_on_its_backlog(shop: Workspace, name: str) -> None:
    entry, deleted = some_entries(shop, "Entry", "Deleted")
    set_to(deleted, deleted_at=now())
    other = deleted if name == "deleted" else Entry.objects.exclude(workspace=shop).get()
    with pytest.raises(NotFound):
        dependencies.depend(entry, other, by=ANA)
    with pytest.raises(Invalid, match=f"Unknown entry: '{other.pk}'"):
        dependencies.replace_all([(again(entry), [other.pk])], by=ANA)
    assert not Dependency.objects.exists()


def test_taking_a_failed_dependency_away_frees_only_what_it_had_blocked(shop: Workspace) -> None:
    failed, also, blocked, held = some_entries(shop, *"ABCD")
    for each in (blocked, held):
        for other in (failed, also):
            dependencies.depend(each, other, by=ANA)
    set_to(failed, status="failed", **STUCK)
    set_to(also, status="failed", **STUCK)
    set_to(blocked, status="blocked", reason_code="dependency_failed", reason_message="x")
    set_to(held, status="blocked", reason_code="human_hold", reason_message="Later")
    for each in (blocked, held):
        dependencies.undepend(each, failed, by=ANA)
        assert again(each).status == "blocked", "another one failed too"
        dependencies.undepend(each, also, by=ANA)
    assert (again(blocked).status, again(held).status, again(held).reason_code) == ("pending", "blocked", "human_hold")


def test_a_split_entry_changes_what_its_children_wait_for_in_every_state_but_done(shop: Workspace) -> None:
    first, second, third = some_entries(shop, "First", "Second", "Third")
    [top] = some_entries(shop, Draft("Top", depends_on=(first.pk,)))
    held, done, work, split = splitting.split(top, [Draft(name) for name in ("Held", "Done", "Work", "Split")], by=ANA)
    left, _ = splitting.split(again(split), [Draft("Left"), Draft("Right")], by=ANA)
    dependencies.depend(left, third, by=ANA)
    entry_actions.put_on_hold(again(held), by=ANA)
    entry_actions.mark_done(again(done), by=ANA)

    def needs(entry: Entry) -> list[str]:
        return sorted(entry.dependencies.values_list("depends_on__content", flat=True))

    dependencies.replace_all([(again(top), [second.pk])], by=ANA)
    assert [needs(each) for each in (top, held, done, work, split, left)] == [
        ["Second"], ["Second"], ["First"], ["Second"], ["Second"], ["Second", "Third"],
    ]  # fmt: skip
    assert again(top).unmet_dependencies == 4 and again(held).status == "blocked" and rebuild.find(shop.pk) == []


def test_locks_of_another_workspace_are_no_obstacle_and_each_blocker_is_named(shop: Workspace) -> None:
    theirs = Entry.objects.exclude(workspace=shop).get()
    mine, other, third = some_entries(shop, "Mine", "Other", "Third")
    for owner, path in ((theirs, "src/a.py"), (theirs, "b/c/d"), (other, "docs/x.md"), (third, "lib")):
        FileLock.objects.create(workspace=owner.workspace, entry=owner, path=path)
    assert locks.extend(mine, ["src", "b/c"]) == []
    assert locks.extend(mine, ["docs/", "new.py", "lib/a"]) == [("docs", other.pk), ("lib", third.pk)]
    assert set(FileLock.objects.filter(entry=mine).values_list("path", flat=True)) == {"src", "b/c"}
    assert locks.extend(mine, ["src/more.py", "new.py", "./new.py", "src"]) == [] and FileLock.objects.filter(
        entry=mine
    ).count() in (3, 4)
    set_to(third, parked_behind=other)
    set_to(mine, parked_behind=theirs)
    assert locks.release(shop.pk, [other.pk]) == 1
    assert (again(third).parked_behind, again(mine).parked_behind) == (None, theirs)
    assert FileLock.objects.filter(entry=third).exists() and FileLock.objects.filter(entry=theirs).count() == 2


def test_locks_may_be_taken_over_from_some_and_from_no_others() -> None:
    table = LockTable([("a", "low"), ("b/c", "low"), ("b/d", "high"), ("e/f/g", "other")])
    assert table.blocker("a/x", "me") == ("a", "low") and table.blocker("a/x", "me", passing_on={"low"}) is None
    assert (
        table.blocker("b", "me", passing_on={"low"}) == ("b", "high")
        and table.blocker("b", "me", passing_on={"low", "high"}) is None
    )
    assert table.allows("a/x/y", "low") and not table.allows("a/x", "me") and not table.allows("b", "low")
    assert table.owns("a/", "low") and not table.owns("a/x", "low") and table.blocker("e", "me") == ("e", "other")


def test_a_path_at_the_bound_is_one_and_a_folder_covers_what_lies_deep_below() -> None:
    assert normalise("x" * 1024) == "x" * 1024 and normalise("é" * 512) == "é" * 512
    for bad in ("é" * 513, "\t \n", "a\x7fb", "   "):
        with pytest.raises(ValueError, match="a path may"):
            normalise(bad)
    assert normalise_all(["a/b/c/d.py", "a/", "ab/c", "a"]) == ["a", "ab/c"]


def test_what_a_person_does_forgets_the_crashes_before(shop: Workspace) -> None:
    acts: list[Any] = [entry_actions.put_on_hold, entry_actions.mark_done, entry_actions.mark_failed]
    for act in acts:
        entry = an_entry(shop)
        set_to(entry, crashes=2)
        act(entry, by=ANA, reason="as it is")
        assert again(entry).crashes == 0 and (again(entry).reason_message or again(entry).done_reason) == "as it is"
        entry_actions.resume(again(entry), by=ANA)
    worked = ended(a_session(an_entry(shop))).entry
    set_to(worked, crashes=2, rounds_completed=1, has_rounds=False)
    entry_actions.reverify(worked, by=ANA)
    row = again(worked)
    assert (row.crashes, row.rounds_completed, row.next_work, row.has_rounds) == (0, 0, "verify", True)


@pytest.mark.parametrize(
    ("fields", "rounds"),
    [
        ({"status": "failed", **STUCK}, 0),
        (CLOSED, 0),
        ({"status": "blocked", "reason_code": "no_improvement", "reason_message": "x"}, 0),
        ({"status": "blocked", "reason_code": "human_hold", "reason_message": "x"}, 3),
        ({"status": "blocked", "reason_code": "budget_exceeded", "reason_message": "x"}, 3),
    ],
)
def test_rounds_count_from_zero_for_what_ended_or_stood_still(shop: Workspace, fields: dict[str, Any], rounds: int) -> None:
    entry = an_entry(shop)
    set_to(entry, rounds_completed=3, crashes=2, **fields)
    entry_actions.resume(again(entry), by=ANA)
    assert (again(entry).status, again(entry).rounds_completed, again(entry).crashes) == ("pending", rounds, 0)
    verb = "entry.reopened" if fields["status"] in ("failed", "done") else "entry.released"
    assert Event.objects.filter(verb=verb, object_id=entry.pk).count() == 1


def test_resuming_a_split_entry_leaves_what_is_done_or_at_work(shop: Workspace) -> None:
    top = an_entry(shop, budget="5")
    done, held, failed, work = splitting.split(top, [Draft(name) for name in ("Done", "Held", "Failed", "Work")], by=ANA)
    entry_actions.mark_done(again(done), by=ANA)
    entry_actions.put_on_hold(again(held), by=ANA)
    entry_actions.mark_failed(again(failed), by=ANA)
    a_worker()
    dispatch.cycle(shop.pk)
    assert again(work).status == "in_progress"
    entry_actions.resume(again(top), by=ANA)
    assert [again(each).status for each in (done, held, failed, work)] == ["done", "pending", "pending", "in_progress"]
    with pytest.raises(Invalid, match="None of its children"):
        entry_actions.resume(again(top), by=ANA)
