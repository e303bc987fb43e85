"""Rules that the database enforces by triggers: `<app>/sql/<vendor>/<promise>.sql` holds today's text for each of the two databases.

The newest migration that names an app in `install` creates everything in its files; in an empty database that is the squashed one of
`orchestration`. To change a trigger: edit its files, add a migration with `install`, and remove `install` from the earlier ones, since today's text may
name columns that they do not have yet.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps as registry
from django.db import router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState, StateApps

LIKE_INDEXES = """DO $$ DECLARE found record; BEGIN
    FOR found IN SELECT schemaname, indexname FROM pg_indexes
        WHERE tablename LIKE '{app}\\_%' AND indexname LIKE '%\\_like' AND schemaname = current_schema() LOOP
        EXECUTE format('DROP INDEX %I.%I', found.schemaname, found.indexname);
    END LOOP;
END $$"""
_PART = re.compile(r"\{\{(\w+)([^}]*)\}\}")


@dataclass(frozen=True)
class Installed:
    """A trigger, or a function of triggers, as the database describes it."""

    kind: str
    name: str
    table: str
    text: str


class Statements(RunPython):
    """A step whose code asks for no model. Django renders all models anew for one that may: half of the time of a first start."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if router.allow_migrate(schema_editor.connection.alias, app_label, **self.hints):
            self.code(StateApps([], {}), schema_editor)


def install(app: str, *, without: Sequence[str] = ()) -> Statements:
    """A migration step that replaces every trigger on the tables of `app` by those in its files. Tables and columns stay as they are.
    `without`: files about tables that a later migration makes."""

    def forwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        reinstall(app, schema_editor, without=without)

    return Statements(forwards, RunPython.noop)


def reinstall(app: str, schema_editor: BaseDatabaseSchemaEditor, *, without: Sequence[str] = ()) -> None:
    connection = schema_editor.connection
    for present in installed(app, connection):
        schema_editor.execute(_drop(present, connection.vendor), None)
    for text in _texts(app, connection, without):
        for statement in _statements(text, connection.vendor):
            schema_editor.execute(statement, None)  # None: a `%` is a `%`


def files(app: str, vendor: str) -> list[Path]:
    return sorted(Path(registry.get_app_config(app).path, "sql", vendor).glob("*.sql"))


def _texts(app: str, connection: BaseDatabaseWrapper, without: Sequence[str]) -> list[str]:
    """The files, with their parts filled in: `{{name argument}}` stands for what the method `name` of the app's `sql_parts` returns."""
    of_app = getattr(registry.get_app_config(app), "sql_parts", None)
    parts = of_app(connection) if of_app else None
    texts = [file.read_text() for file in files(app, connection.vendor) if file.stem not in without]
    return [_PART.sub(lambda match: getattr(parts, match[1])(*match[2].split()), text) for text in texts]


def installed(app: str, connection: BaseDatabaseWrapper) -> list[Installed]:
    """The triggers on the tables of `app`, and then the trigger functions with its prefix (PostgreSQL)."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
            triggers = [Installed("TRIGGER", *row) for row in cursor.fetchall()]
            return [trigger for trigger in triggers if trigger.table.startswith(f"{app}_")]
        cursor.execute(
            """SELECT 'TRIGGER', tgname, tgrelid::regclass::text, pg_get_triggerdef(pg_trigger.oid)
            FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
            WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace AND starts_with(relname, %s) ORDER BY tgname""",
            [f"{app}_"],
        )
        triggers = [Installed(*row) for row in cursor.fetchall()]
        cursor.execute(
            """SELECT 'FUNCTION', proname, '', pg_get_functiondef(oid) FROM pg_proc
            WHERE pronamespace = current_schema()::regnamespace AND prorettype = 'trigger'::regtype AND starts_with(proname, %s)
            ORDER BY proname""",
            [f"{app}_"],
        )
        return triggers + [Installed(*row) for row in cursor.fetchall()]


def _drop(present: Installed, vendor: str) -> str:
    on = f" ON {present.table}" if present.kind == "TRIGGER" and vendor == "postgresql" else ""
    return f"DROP {present.kind} {present.name}{on}"


def _statements(text: str, vendor: str) -> Iterator[str]:
    """PostgreSQL takes a whole file. SQLite takes one statement at a time: a trigger ends where `complete_statement` says so."""
    if vendor == "postgresql":
        yield text
        return
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        lines.append(line)
        if line.rstrip().endswith(";") and sqlite3.complete_statement("".join(lines)):
            yield "".join(lines).strip().removesuffix(";")
            lines = []


def sql(*, postgresql: Sequence[str], sqlite: Sequence[str]) -> Statements:
    """A migration step that runs the statements of the database at hand."""
    statements = {"postgresql": postgresql, "sqlite": sqlite}

    def forwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement)

    return Statements(forwards, RunPython.noop)


def without_like_indexes(app: str) -> Statements:
    """Drop the second index that Django gives every text key on PostgreSQL, for `LIKE 'prefix%'`: ids are never searched by
    prefix, and each index slows every write. Those of tables that the same migration makes are not created.
    """

    def forwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        schema_editor.deferred_sql = [each for each in schema_editor.deferred_sql if "_pattern_ops" not in str(each)]
        schema_editor.execute(LIKE_INDEXES.format(app=app), None)  # None: a `%` is a `%`

    return Statements(forwards, RunPython.noop)


def keeping_triggers(operations: Sequence[Operation]) -> list[Operation]:
    """Operations that change tables with triggers, or tables that triggers write to. SQLite gets most changes by a new table under
    the old name: it forgets the triggers of the old one, and refuses while other triggers refer to it. So all triggers are dropped meanwhile.
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
        for name in known:
            schema_editor.execute(f'DROP TRIGGER "{name}"')

    def restore(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        present = triggers(schema_editor)
        for name, statement in known.items():
            if name not in present:
                schema_editor.execute(statement)

    return [Statements(remember, restore), *operations, Statements(restore, remember)]
