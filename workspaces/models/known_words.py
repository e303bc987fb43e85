"""The database refuses any other word than a status column's choices, also from SQL: code that compares words never meets an unknown one."""

from typing import Any

from django.db import models
from django.db.models import Q

COLUMNS = ("status", "state", "outcome", "verdict", "phase", "work", "next_work", "kind", "role")


def keep(*tables: type[models.Model]) -> None:
    """Add the CHECK constraints of these models. A class's choices are out of reach in its own Meta: this is called after it."""
    for table in tables:
        for field in columns(table):
            words = [value for value, _ in field.flatchoices] + ([""] if field.blank else [])
            name = f"{table._meta.model_name}_{field.name}_known"
            constraint = models.CheckConstraint(condition=Q(**{f"{field.name}__in": words}), name=name)
            table._meta.constraints = [*table._meta.constraints, constraint]
            table._meta.original_attrs["constraints"] = table._meta.constraints  # where migrations look


def columns(table: type[models.Model]) -> list["models.Field[Any, Any]"]:
    return [field for field in table._meta.local_fields if field.name in COLUMNS and field.choices]
