"""The fast look-ups of overlapping locks agree with the definition, in memory, in one statement, and in the trigger."""

import random

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.backlog.entries import Draft
from orchestration.backlog.files import locks
from orchestration.backlog.files.paths import LockTable, covers
from orchestration.models import Entry, FileLock
from tests.factories import a_workspace, some_entries
from tests.sampling import examples

NAMES = st.lists(st.sampled_from(["a", "b", "a-b", "a.b", "aa", 'q"', "é"]), min_size=1, max_size=4).map("/".join)
PATHS = st.builds(lambda name, folder: name + ("/" if folder else ""), NAMES, st.booleans())


def overlap(first: str, second: str) -> bool:
    """The definition, slowly."""
    return covers(first, second) or covers(second, first)


@settings(max_examples=examples(500))
@given(st.lists(st.tuples(PATHS, st.sampled_from(["ana", "bo"])), max_size=12), PATHS)
def test_the_table_finds_a_blocker_exactly_where_a_lock_of_others_overlaps(wished: list[tuple[str, str]], path: str) -> None:
    table, held = LockTable(), []
    for lock, owner in wished:
        if not any(overlap(lock, other) and owner != holder for other, holder in held):
            table.take(lock, owner)
            held.append((lock, owner))
    for owner in ("ana", "bo"):
        assert bool(table.blocker(path, owner)) == any(overlap(lock, path) for lock, holder in held if holder != owner)
        assert table.allows(path, owner) == any(covers(lock, path) for lock, holder in held if holder == owner)


def random_path(chance: random.Random) -> str:
    parts = [chance.choice(["a", "b", "a-b", "a0", 'q"', "é", "%"]) for _ in range(chance.randint(1, 4))]
    return "/".join(parts) + chance.choice(["", "/"])


@pytest.mark.django_db
def test_statement_and_trigger_agree_with_the_definition() -> None:
    workspace = a_workspace()
    entries = some_entries(workspace, Draft("a"), Draft("b"), Draft("c"))
    chance, refused = random.Random(12), 0
    for _ in range(300):
        path, entry = random_path(chance), chance.choice(entries)
        held = list(FileLock.objects.values_list("path", "entry_id"))
        assert sorted(locks.overlapping(workspace.pk, [path])) == sorted(row for row in held if overlap(row[0], path))
        may = not any(overlap(lock, path) for lock, holder in held if holder != entry.pk) and path not in dict(held)
        assert takes(entry, path) == may, (path, held)
        refused += not may
        if chance.random() < 0.2 and held:
            FileLock.objects.filter(path=chance.choice(held)[0]).delete()
    assert 50 < refused < 250


def takes(entry: Entry, path: str) -> bool:
    try:
        with transaction.atomic():
            FileLock.objects.create(workspace=entry.workspace, entry=entry, path=path)
    except IntegrityError:
        return False
    return True


@pytest.mark.django_db
def test_a_new_lock_costs_the_same_whatever_others_hold() -> None:
    """Counted in steps of SQLite's virtual machine, and in rows that PostgreSQL read."""
    entry, other = some_entries(a_workspace(), Draft("a"), Draft("b"))
    costs = []
    for held in (100, 3000):
        FileLock.objects.all().delete()
        FileLock.objects.bulk_create(FileLock(workspace=entry.workspace, entry=other, path=f"src/d{n}/f.py") for n in range(held))
        costs.append(steps(entry))
    assert costs[1] <= 1.2 * costs[0] + 1


def steps(entry: Entry) -> int:
    lock = FileLock(workspace=entry.workspace, entry=entry, path="out/a/b/c.o")
    if connection.vendor == "postgresql":
        before = rows_read()
        lock.save()
        return rows_read() - before
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection.connection.set_progress_handler(step, 10)
    try:
        lock.save()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return count


def rows_read() -> int:
    """The rows read of the table of locks, in this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'orchestration_filelock'"
        )
        return int(cursor.fetchone()[0] or 0)
