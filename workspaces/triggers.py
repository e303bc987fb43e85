"""Promises that the database keeps by triggers, written once for each of the two databases."""

from collections.abc import Sequence

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import StateApps


def sql(*, postgresql: Sequence[str], sqlite: Sequence[str]) -> RunPython:
    """A migration step that runs the statements of the database at hand."""
    statements = {"postgresql": postgresql, "sqlite": sqlite}

    def forwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement)

    return RunPython(forwards, RunPython.noop)


def insert_only(table: str, sentence: str) -> RunPython:
    """Refuse to change or delete a row of `table`, with IntegrityError, whoever asks."""
    return sql(
        postgresql=[
            f"""CREATE FUNCTION {table}_is_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE EXCEPTION 'muster: {sentence}' USING ERRCODE = '23514'; END $$""",
            f"""CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
                FOR EACH ROW EXECUTE FUNCTION {table}_is_insert_only()""",
            f"""CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_insert_only()""",
        ],
        sqlite=[
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'muster: {sentence}'); END"
            for verb in ("UPDATE", "DELETE")
        ],
    )


def without_like_indexes(app: str) -> RunPython:
    """Drop the second index that Django gives every text key on PostgreSQL, for `LIKE 'prefix%'`: nobody asks that of an id, and
    each makes every write dearer.
    """
    return sql(
        postgresql=[
            f"""DO $$ DECLARE found record; BEGIN
                FOR found IN SELECT schemaname, indexname FROM pg_indexes
                    WHERE tablename LIKE '{app}\\_%%' AND indexname LIKE '%%\\_like' AND schemaname = current_schema() LOOP
                    EXECUTE format('DROP INDEX %%I.%%I', found.schemaname, found.indexname);
                END LOOP;
            END $$"""
        ],
        sqlite=[],
    )


def keeping_triggers(operations: Sequence[Operation]) -> list[Operation]:
    """Operations that change tables with triggers. SQLite gets most changes by a new table under the old name, and Django forgets
    the triggers of the old one: all are taken away first and made again afterwards.
    """
    known: dict[str, str] = {}

    def triggers(schema_editor: BaseDatabaseSchemaEditor) -> dict[str, str]:
        if schema_editor.connection.vendor != "sqlite":
            return {}
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            return dict(cursor.fetchall())

    def remember(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        known.clear()
        known.update(triggers(schema_editor))
        for name in known:  # while a table has its other name, a trigger that speaks of it stops every rename
            schema_editor.execute(f'DROP TRIGGER "{name}"')

    def restore(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        present = triggers(schema_editor)
        for name, statement in known.items():
            if name not in present:
                schema_editor.execute(statement)

    return [RunPython(remember, RunPython.noop), *operations, RunPython(restore, remember)]
