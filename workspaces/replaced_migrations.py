"""Squashed migrations that others have replaced: databases have them on record, though no file has them any more."""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import StateApps

from workspaces.triggers import Statements

REPLACED = frozenset(
    [
        ("workspaces", "0001_squashed_0016_digests"),
        ("budget", "0001_squashed_0027_usage_totals"),
        ("orchestration", "0001_squashed_0056_outcome_counts"),
    ]
)


def record() -> Statements:
    """A migration step that puts them on record in an empty database: workers of the release before work with none that lacks them."""

    def forwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        recorder = MigrationRecorder(schema_editor.connection)
        for app, name in sorted(REPLACED):
            recorder.record_applied(app, name)

    return Statements(forwards, Statements.noop)
