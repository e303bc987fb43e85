"""Rows that every request needs, found by a statement that is written once: Django's own takes longer to write than to run."""

from functools import cache
from typing import Any, TypeVar

from django.db.models import Model

M = TypeVar("M", bound=Model)


def one(model: type[M], condition: str, *parameters: Any) -> M | None:
    """The row of the model that fits. `condition`: SQL with `%s`, from our code and never from a caller; true of one row at most."""
    return next(iter(model._default_manager.raw(_statement(model, condition), parameters)), None)


@cache
def _statement(model: type[Model], condition: str) -> str:
    columns = ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)
    return f'SELECT {columns} FROM "{model._meta.db_table}" WHERE {condition}'
