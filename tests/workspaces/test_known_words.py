"""Status columns take their own words and no others, also from SQL; on both databases."""

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.utils.timezone import now

from workspaces.models.known_words import columns

Field = models.Field  # type: ignore[type-arg]
OURS = [model for app in ("workspaces", "oauth", "budget", "orchestration") for model in apps.get_app_config(app).get_models()]
STATUS = [(model, field) for model in OURS for field in columns(model)]
pytestmark = pytest.mark.django_db


def test_every_status_column_has_its_constraint() -> None:
    assert {f"{model._meta.model_name}.{field.name}" for model, field in STATUS} >= {
        "entry.status", "session.status", "session.outcome", "session.phase", "round.verdict", "executor.state", "landing.state",
        "integration.state", "integrationcommit.state", "treeverdict.kind", "hold.state", "review.state", "delivery.state", "apitoken.role",
    }  # fmt: skip
    for model, field in STATUS:
        assert f"{model._meta.model_name}_{field.name}_known" in {constraint.name for constraint in model._meta.constraints}


def test_the_database_has_them_validated() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT conname, convalidated FROM pg_constraint WHERE conname LIKE '%_known'")
            kept = dict(cursor.fetchall())
    else:
        with connection.cursor() as cursor:
            cursor.execute("SELECT group_concat(sql) FROM sqlite_master")
            text = cursor.fetchone()[0]
        kept = {name: name in text for name in (f"{model._meta.model_name}_{field.name}_known" for model, field in STATUS)}
    assert len(kept) == len(STATUS) and all(kept.values())


def test_sql_with_another_word_is_refused() -> None:
    for model, field in STATUS:
        assert inserted(model, field) == "refused", f"{model.__name__}.{field.name}"


def inserted(model: type[models.Model], field: Field) -> str:
    """A row whose other columns hold anything: foreign keys are looked at when a transaction ends. Another constraint may come first: then
    a row that leaves out what may be empty meets this one."""
    return min(_inserted(model, field, empty=empty) for empty in (True, False)) if model._meta.constraints else "taken"


def _inserted(model: type[models.Model], field: Field, *, empty: bool) -> str:
    row = {
        other.column: None if empty and other.null else filler(other)
        for other in model._meta.local_fields
        if "Auto" not in other.get_internal_type()
    }
    row |= {other.column: next(word for word, _ in other.flatchoices) for other in columns(model)} | {field.column: "odd"}
    names, places = ", ".join(f'"{name}"' for name in row), ", ".join(["%s"] * len(row))
    return outcome(f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({places})", list(row.values()))


def filler(field: Field) -> object:
    field = field.target_field if field.remote_field else field
    kind = field.get_internal_type()
    if "Text" in kind or "Char" in kind:
        return "x"
    if kind in ("BooleanField", "BinaryField"):
        return False if kind == "BooleanField" else b"x"
    return "{}" if kind == "JSONField" else now() if kind.startswith("Date") else 1


def outcome(statement: str, values: list[object]) -> str:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
    except IntegrityError as error:
        return "refused" if "check constraint" in str(error).lower() or "muster: " in str(error) else f"then {error}"
    return "taken"
