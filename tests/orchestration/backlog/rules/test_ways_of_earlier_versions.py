"""The migration that finds out how entries of earlier versions became done."""

from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.utils.timezone import now

from orchestration import migrations
from orchestration.models import Entry, IntegrationCommit, Landing, PullRequest, Round
from tests.factories import a_session, a_workspace, an_entry, ended, some_entries
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db

MIGRATION = next(Path(migrations.__path__[0]).glob("*_done_in_one_way.py")).stem
fill = import_module(f"orchestration.migrations.{MIGRATION}").fill
CHECKS = ("done_in_one_way", "each_way_has_its_parts")


@pytest.fixture
def shop() -> Iterator[Workspace]:
    """The constraints are away, as the migration finds the table."""
    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        for name in () if is_sqlite else CHECKS:
            cursor.execute(f"ALTER TABLE orchestration_entry DROP CONSTRAINT {name}")
        if is_sqlite:
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        yield a_workspace()
        if is_sqlite:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


def filled(entry: Entry) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        fill(apps, SimpleNamespace(connection=connection, execute=cursor.execute))
    entry.refresh_from_db()
    return entry.done_way, entry.done_commit, entry.done_round, entry.done_by


def done(entry: Entry, **fields: Any) -> Entry:
    Entry.objects.filter(pk=entry.pk).update(status="done", **fields)
    return entry


def landed(entry: Entry, *, days: int, new: str = "c" * 40, with_round: bool = True) -> Landing:
    session = a_session(entry)
    ended(session)
    intent = IntegrationCommit.objects.create(
        workspace_id=entry.workspace_id, old="a", new=new, tree="t", subject="s", state="done"
    )
    round_ = Round.objects.get(session=session) if with_round else None
    return Landing.objects.create(
        workspace_id=entry.workspace_id, entry=entry, commit="b" * 40, state="landed", intent=intent, round=round_,
        ended_at=now() - timedelta(days=days),
    )  # fmt: skip


def marked(entry: Entry, verb: str = "entry.marked_done") -> None:
    Event.objects.create(workspace_id=entry.workspace_id, actor="ana", actor_kind="human", verb=verb, object_id=entry.pk)


def test_landed_from_its_newest_landing(shop: Workspace) -> None:
    entry = an_entry(shop, budget="9")
    landed(entry, days=1)
    assert filled(done(entry)) == ("landed", "c" * 40, 1, "")


def test_landed_without_a_round_of_its_own_names_the_newest(shop: Workspace) -> None:
    entry = an_entry(shop, budget="9")
    landed(entry, days=1, with_round=False)
    assert filled(done(entry)) == ("landed", "c" * 40, 1, "")


def test_closed_by_a_person_after_it_landed(shop: Workspace) -> None:
    entry = an_entry(shop, budget="9")
    landed(entry, days=1)
    marked(entry)
    assert filled(done(entry)) == ("closed", "", None, "ana")


def test_one_that_was_reopened_since_is_not_closed(shop: Workspace) -> None:
    entry = an_entry(shop)
    marked(entry)
    marked(entry, "entry.reopened")
    assert filled(done(entry)) == ("unknown", "", None, "")


def test_merged_by_its_pull_request(shop: Workspace) -> None:
    entry = an_entry(shop)
    row = PullRequest.objects.create(
        workspace=shop, entry=entry, branch="b", base="main", head="a" * 40, number=1, forge_id="1", state="merged",
        merge_commit="c" * 40, ended_at=now(),
    )  # fmt: skip
    assert filled(done(entry))[0] == "merged"
    entry.refresh_from_db()
    assert entry.done_pull_request_id == row.pk


def test_children_and_what_nothing_is_known_of_and_what_is_not_done(shop: Workspace) -> None:
    split, unknown, opened = some_entries(shop, "split", "unknown", "open")
    assert filled(done(split, is_container=True))[0] == "children"
    assert filled(done(unknown))[0] == "unknown"
    assert filled(opened)[0] == ""
