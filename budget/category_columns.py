"""The steps of a migration that adds a category to the database. CONTRIBUTING.md has the recipe."""

from typing import Any

from django.apps import apps as registry
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddField, AlterField, RemoveField, RunPython
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import StateApps
from django.db.models import GeneratedField

from budget.amounts.money import MoneyField
from budget.categories import CATEGORIES, sum_of
from workspaces.triggers import keeping_triggers, reinstall

COUNTED_BY = ("hold", "ledgerentry", "dayspend", "usagetotal", "limit")
"""The models whose rows name a category."""


def add(name: str) -> list[Operation]:
    """A column of this name for projects and reviews, the sum anew, and the triggers that keep them. Categories after this one are for
    later migrations."""
    column = f"{name}_spent"
    total = sum_of(CATEGORIES[: CATEGORIES.index(name) + 1])
    columns = [
        RemoveField("project", "total_spent"),
        AddField("project", column, MoneyField(default=0)),
        AddField("project", "total_spent", GeneratedField(expression=total, output_field=MoneyField(), db_persist=True)),
        AddField("review", column, MoneyField(default=0)),
    ]
    choices = [AlterField(model, "category", _category_of(model)) for model in COUNTED_BY]
    return [*keeping_triggers(columns), *choices, RunPython(_triggers, RunPython.noop)]


def _category_of(model: str) -> Any:
    return registry.get_model("budget", model)._meta.get_field("category").clone()


def _triggers(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    reinstall("budget", schema_editor)
