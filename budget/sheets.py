"""Tables for spreadsheets: CSV with raw decimals, ISO times in UTC, and cells that a spreadsheet would run made harmless."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import HttpResponse


class _Echo:
    """What `csv.writer` writes to: gives each line back."""

    def write(self, line: str) -> str:
        return line


def answer(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """A download called `name`.csv, made whole: for tables that are bounded. The ledger streams its own."""
    writer = csv.writer(_Echo())

    def lines() -> Iterator[str]:
        yield writer.writerow(columns)
        for row in rows:
            yield writer.writerow([cell(value) for value in row])

    response = HttpResponse("".join(lines()), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def cell(value: Any) -> str:
    """One value as text. Text that a spreadsheet would take for a formula gets an apostrophe in front."""
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else text
