"""What an upgrade says before it changes anything."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from tests.factories import a_session, a_workspace, an_entry

pytestmark = pytest.mark.django_db


def checked() -> str:
    out = StringIO()
    call_command("upgrade", "--check", stdout=out)
    return out.getvalue()


def test_a_database_of_this_version_needs_nothing() -> None:
    assert "database: as this version needs it" in checked() and "none is at work" in checked()


def test_missing_migrations_and_sessions_at_work_are_named() -> None:
    a_session(an_entry(a_workspace()))
    MigrationRecorder(connection).migration_qs.filter(app="workspaces", name="0016_digests").delete()
    assert "1 migration is missing" in checked() and "workspaces 0016_digests" in checked()
    assert "sessions: 1 at work" in checked()


def test_a_database_of_a_newer_version_is_left_alone() -> None:
    MigrationRecorder(connection).record_applied("orchestration", "9999_of_tomorrow")
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("upgrade", stdout=StringIO())
