"""Files that an agent changed and its entry did not lock: a few, thousands, and some of others."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orchestration.backlog.changed_files import undeclared
from orchestration.backlog.changed_files.of_others import findings_for
from orchestration.backlog.changed_files.undeclared import MAX_FILES, MAX_LOCKS, Undeclared, decide, folders
from orchestration.backlog.files.paths import LockTable, ancestors, covers
from orchestration.models import FileLock, Landing
from tests.factories import a_workspace, an_entry


def test_what_the_entry_has_locked_is_declared() -> None:
    table = LockTable([("src/", "me"), ("docs/a.md", "me")])
    assert decide(table, "me", ["src/a.py", "docs/a.md", "docs/b.md"]).to_lock == ["docs/b.md"]


def test_nothing_is_locked_where_others_have_some_of_the_files() -> None:
    decided = decide(LockTable([("src/", "other")]), "me", ["free", *(f"src/{n}" for n in range(30))])
    assert (decided.to_lock, decided.findings) == ([], [])
    assert decided.of_others == {f"src/{n}": ("src", "other") for n in range(30)}


def test_twenty_files_to_undo_are_named_and_the_rest_counted() -> None:
    findings = findings_for(("src", "other") for _ in range(30))
    assert findings[0] == "files_locked: src belongs to other: undo your changes to it"
    assert findings[20:] == ["files_locked: and 10 more files that belong to others"]


def test_a_path_that_cannot_be_locked_is_a_finding() -> None:
    assert "may not be changed" in decide(LockTable(), "me", ["a\\b"]).findings[0]


def test_many_files_become_the_smallest_folders_that_are_few_enough() -> None:
    names = [f"out/{n % 7}/{n % 70}/{n}.o" for n in range(3000)]
    assert folders(names, LockTable(), "me") == sorted({f"out/{n % 7}/{n % 70}/" for n in range(70)})
    assert folders(names, LockTable(), "me", most=69) == [f"out/{n}/" for n in range(7)]
    assert folders(names, LockTable(), "me", most=1) == ["out/"]


@pytest.mark.parametrize("more", [0, 1])
def test_as_many_files_as_may_be_locked_are_locked_as_they_are(more: int) -> None:
    names = [f"out/{n:03}" for n in range(MAX_LOCKS + more)]
    assert decide(LockTable(), "me", names) == Undeclared(["out/"] if more else names)


def test_no_folder_holds_a_file_of_another_entry() -> None:
    names = [f"out/{n % 2}/{n}.o" for n in range(1000)]
    table = LockTable([("out/1/theirs", "other"), ("out/0/mine", "me")])
    assert folders(names, table, "me", most=501) == ["out/0/", *sorted(f"out/1/{n}.o" for n in range(1, 1000, 2))]
    assert folders(names, table, "me", most=400) is None


def test_files_that_no_folder_holds_together_are_one_finding() -> None:
    decided = decide(LockTable(), "me", [f"core.{n}" for n in range(MAX_LOCKS + 1)])
    assert decided.findings == ["files_locked: 501 files changed: is something missing in .gitignore?"]


def test_more_files_than_can_be_meant_are_one_finding() -> None:
    names = [f"node_modules/{n % 100}/{n}.js" for n in range(MAX_FILES + 1)]
    assert decide(LockTable(), "me", names).findings == [
        "files_locked: 10,001 files changed: is something missing in .gitignore?"
    ]
    assert decide(LockTable(), "me", names[:-1]).to_lock == sorted({f"node_modules/{n}/" for n in range(100)})


@pytest.mark.django_db
def test_what_others_locked_a_moment_before_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = an_entry(a_workspace(), files=["a"])
    other = an_entry(entry.workspace)

    def lost(*_: object) -> list[tuple[str, str]]:
        FileLock.objects.create(workspace=entry.workspace, path="b", entry=other)
        return [("b", other.pk)]

    monkeypatch.setattr(undeclared.locks, "extend", lost)
    assert undeclared.check(entry, ["b", "c"]).of_others == {"b": ("b", other.pk)}


@pytest.mark.django_db
def test_locks_in_another_workspace_are_in_nobodys_way() -> None:
    entry, theirs = an_entry(a_workspace()), an_entry(a_workspace(name="Other"))
    FileLock.objects.create(workspace=theirs.workspace, path="b", entry=theirs)
    assert undeclared.check(entry, ["b"]).to_lock == ["b"]
    assert FileLock.objects.filter(entry=entry, path="b", workspace=entry.workspace).exists()


@pytest.mark.django_db
def test_files_of_unproven_work_that_it_contains_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = an_entry(a_workspace())
    below, other = an_entry(entry.workspace), an_entry(entry.workspace)
    for path, holder in (("b", below), ("c", other)):
        FileLock.objects.create(workspace=entry.workspace, path=path, entry=holder)
    landing = Landing(workspace=entry.workspace, entry=below, commit="c" * 40)
    monkeypatch.setattr(undeclared.unproven, "below", lambda _: [landing])
    assert undeclared.check(entry, ["b"]) == undeclared.Undeclared()
    assert undeclared.check(entry, ["b", "c"]).of_others == {"c": ("c", other.pk)}


class CountingTable(LockTable):
    looked_up = 0

    def blocker(self, path: str, owner: str) -> tuple[str, str] | None:
        self.looked_up += 1
        return super().blocker(path, owner)

    def allows(self, path: str, owner: str) -> bool:
        self.looked_up += 1
        return super().allows(path, owner)


def look_ups(files: int, locks: int) -> int:
    table = CountingTable([(f"src/d{n}/f.py", "other") for n in range(locks)])
    assert decide(table, "me", [f"out/{n % 400}/{n}.o" for n in range(files)]).to_lock
    return table.looked_up


def test_the_work_grows_with_the_files_and_not_with_the_locks_of_others() -> None:
    assert look_ups(1000, 10) == look_ups(1000, 1000)
    assert look_ups(10_000, 1000) <= 12 * look_ups(1000, 1000)


@pytest.mark.django_db
def test_ten_thousand_files_are_a_handful_of_statements_and_few_rows() -> None:
    entry = an_entry(a_workspace())
    other = an_entry(entry.workspace)
    FileLock.objects.bulk_create(FileLock(workspace=entry.workspace, entry=other, path=f"src/d{n}/f.py") for n in range(1000))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert undeclared.check(entry, [f"out/{n % 400}/{n}.o" for n in range(MAX_FILES)]).of_others == {}
    assert FileLock.objects.filter(entry=entry).count() == 400
    assert len(queries) < 15


def test_every_file_is_covered_by_what_is_locked_for_it() -> None:
    names = [f"{'/'.join(str(n // 3**k % 3) for k in range(n % 5))}/x{n}".lstrip("/") for n in range(2000)]
    chosen = folders(names, LockTable(), "me", most=900)
    assert chosen is not None and len(chosen) <= 900
    held = {path.rstrip("/") for path in chosen}
    assert all(name in held or held & set(ancestors(name)) for name in names)
    assert not any(covers(first, second) for first in chosen[:50] for second in chosen if first != second and first < second)
