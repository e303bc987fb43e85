"""Columns for text that others made: no secret that this process has used gets into them, whichever statement writes them. In the database and in
migrations they are plain columns."""

from typing import Any

from django.db import models

from workspaces.secrets import masking


class _Plain:
    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, _, args, kwargs = super().deconstruct()  # type: ignore[misc]
        return name, f"django.db.models.{type(self).__bases__[1].__name__}", args, kwargs


class ForeignChar(_Plain, models.CharField):
    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return masking.foreign(value, self.max_length) if isinstance(value, str) else value


class ForeignText(_Plain, models.TextField):
    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return masking.foreign(value) if isinstance(value, str) else value


class ForeignJSON(_Plain, models.JSONField):
    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if not hasattr(value, "resolve_expression"):
            value = masking.in_all(value)
        return super().get_db_prep_value(value, connection, prepared)
