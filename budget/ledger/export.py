"""Ledger rows for export: one shape for the API and its CSV, and `./muster ledger export`. The page's CSV has columns of its own (dashboard)."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from budget import amounts
from budget.models import LedgerEntry
from budget.reads import csv_export

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
    "cache_write_1h_tokens",
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
        amounts.number(entry.amount),
        entry.price_source,
        entry.model or None,
        entry.input_tokens,
        entry.output_tokens,
        entry.cache_read_tokens,
        entry.cache_write_tokens,
        entry.cache_write_1h_tokens,
        entry.actor,
        entry.reason,
    )
    return dict(zip(COLUMNS, values, strict=True))


def csv_lines(rows: Iterable[LedgerEntry]) -> Iterator[str]:
    """A header, and a line per row: raw decimals, ISO times in UTC, formulas escaped."""
    return csv_export.lines(COLUMNS, (row(entry).values() for entry in rows))


def json_lines(rows: Iterable[LedgerEntry]) -> Iterator[str]:
    """One JSON array, with a row on each line."""
    before = "["
    for entry in rows:
        yield before + "\n" + json.dumps(row(entry) | {"at": entry.at.isoformat()})
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"
