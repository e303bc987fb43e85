"""A search for a secret that leaked: every column of the database, and every line of the logs, in both forms."""

import base64
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from django.apps import apps
from django.db import connection, models

from config.system import logs

ADDRESSES = {("workspaces_channel", "target"), ("workspaces_workspace", "origin")}
"""What a person typed, and which may be a secret as a whole: shown to nobody without it being cut."""
TEXTS = (models.CharField, models.TextField, models.JSONField)


def forms(secret: str) -> set[str]:
    """The forms of a secret: as it is, quoted, its ends, and what any base64 of it contains."""
    cores = {base64.b64encode(b"u" * n + secret.encode()).decode()[4:-4] for n in range(3)}
    return {secret, quote(secret, safe=""), secret[:12], secret[-12:], *cores}


def parts_in(text: str, secret: str) -> list[str]:
    return [form for form in forms(secret) if form in text]


def columns_with(secret: str) -> list[str]:
    """The columns that have it, or a part of it."""
    columns = []
    for model in apps.get_models():
        table = model._meta.db_table
        for field in model._meta.local_concrete_fields:
            if isinstance(field, TEXTS) and (table, field.column) not in ADDRESSES:
                with connection.cursor() as cursor:
                    cursor.execute(f'SELECT CAST("{field.column}" AS text) FROM "{table}"')
                    if any(parts_in(str(value), secret) for (value,) in cursor.fetchall()):
                        columns.append(f"{table}.{field.column}")
    return columns


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """The lines that the processes would write, as text and as JSON."""
    written, handlers = io.StringIO(), []
    for kind in ("text", "json"):
        formatter = dict(logs.configure("DEBUG", kind)["formatters"]["line"])
        format_ = formatter.pop("()")(**formatter)
        handler = logging.StreamHandler(written)
        handler.setFormatter(format_)
        handlers.append(handler)
        logging.getLogger().addHandler(handler)
    try:
        yield written
    finally:
        for handler in handlers:
            logging.getLogger().removeHandler(handler)


def in_log(secret: str, written: io.StringIO) -> list[str]:
    return [line for line in written.getvalue().splitlines() if parts_in(line, secret)]
