"""Tables as CSV: streamed, raw decimals, ISO times in UTC, formulas escaped."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.timezone import now


class _Echo:
    """A file for `csv.writer` that returns each line."""

    def write(self, line: str) -> str:
        return line


def lines(head: Sequence[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """A header and a line for each row."""
    writer = csv.writer(_Echo())
    yield writer.writerow(head)
    for row in rows:
        yield writer.writerow([cell(value) for value in row])


def respond(name: str, head: Sequence[str], rows: Iterable[Iterable[Any]]) -> StreamingHttpResponse:
    """A download; `name` is the list and its filter, and the time is added."""
    response = StreamingHttpResponse(lines(head, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}-{now():%Y%m%dT%H%M%SZ}.csv"'
    return response


def cell(value: Any) -> str:
    """A number stays a number, even below zero; text that starts like a formula gets a leading quote."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else text
