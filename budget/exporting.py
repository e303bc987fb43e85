"""Ledger rows for outside: as the API, the CSV and `./muster ledger export` tell them. One shape for all."""

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any

from budget import money
from budget.models import LedgerEntry

COLUMNS = (
    "id",
    "at",
    "category",
    "entry_id",
    "session_id",
    "round",
    "amount_usd",
    "price_source",
    "model",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "actor",
    "reason",
)


def row(entry: LedgerEntry) -> dict[str, Any]:
    """A ledger row by `COLUMNS`."""
    values = (
        entry.pk,
        entry.at,
        entry.category,
        entry.account_id,
        entry.session_ref or None,
        entry.round,
        money.number(entry.amount),
        entry.price_source,
        entry.model or None,
        entry.input_tokens,
        entry.output_tokens,
        entry.cache_read_tokens,
        entry.cache_write_tokens,
        entry.actor,
        entry.reason,
    )
    return dict(zip(COLUMNS, values, strict=True))


def csv_lines(rows: Iterable[LedgerEntry]) -> Iterator[str]:
    """A header, and a line each: raw decimals, ISO times in UTC, cells that a spreadsheet would run made harmless."""
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for entry in rows:
        yield writer.writerow([_cell(value) for value in row(entry).values()])


def json_lines(rows: Iterable[LedgerEntry]) -> Iterator[str]:
    """One JSON array, a row a line."""
    before = "["
    for entry in rows:
        yield before + "\n" + json.dumps(row(entry) | {"at": entry.at.isoformat()})
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


class _Echo:
    """What `csv.writer` writes to: gives each line back."""

    def write(self, line: str) -> str:
        return line


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
