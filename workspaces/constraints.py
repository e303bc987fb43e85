"""CHECK constraints on tables that are in use: on PostgreSQL they are added without a look at the rows, and validated in a later migration,
which keeps nobody from reading or writing.
"""

from collections.abc import Sequence

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddConstraint
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from workspaces.triggers import sql


class AddCheck(AddConstraint):
    """New rows are checked at once."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        statement = self.constraint.create_sql(model, schema_editor)
        schema_editor.execute(f"{statement} NOT VALID", params=None)  # None: a `%` is a `%`


def validate(*constraints: tuple[str, str]) -> Sequence[Operation]:
    """Check the rows that were there before. `constraints`: table and name of each."""
    return [sql(postgresql=[f'ALTER TABLE {table} VALIDATE CONSTRAINT "{name}"' for table, name in constraints], sqlite=[])]
