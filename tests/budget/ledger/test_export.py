"""The ledger's rows as JSON and CSV: one shape, whole, also where there are none."""

import csv
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from budget import ledger
from budget.amounts import usd
from budget.ledger import export
from budget.models import LedgerEntry
from tests.factories import a_charge, a_workspace, an_entry, project

pytestmark = pytest.mark.django_db

AT = datetime(2026, 8, 4, 12, tzinfo=UTC)


@pytest.fixture
def expected() -> dict[str, Any]:
    """One row of a session, as it is exported."""
    entry = an_entry(a_workspace())
    tokens = {"input_tokens": 1, "output_tokens": 2, "cache_read_tokens": 3, "cache_write_tokens": 5, "cache_write_1h_tokens": 4}
    source = LedgerEntry.PriceSource.REPORTED
    item = ledger.Charge("k", usd("0.25"), source, model="gpt-5", reason="work", at=AT, **tokens)  # type: ignore[arg-type]
    ledger.charge(project(entry.workspace), item, account=entry.account, session_ref="session_1", round_number=7, actor="agent")
    named = {"category": "entry", "entry_id": entry.pk, "session_id": "session_1", "round": 7, "amount_usd": 0.25}
    by = {"price_source": "reported", "model": "gpt-5", "actor": "agent", "reason": "work"}
    return {"id": LedgerEntry.objects.get().pk, "at": AT.isoformat()} | named | by | tokens


def test_a_row_is_exported_with_all_that_it_shows(expected: dict[str, Any]) -> None:
    rows = LedgerEntry.objects.all()
    assert json.loads("".join(export.json_lines(rows))) == [expected]
    [line] = csv.DictReader(export.csv_lines(rows))
    assert line == {name: str(value) for name, value in expected.items()} | {"at": line["at"]}
    assert datetime.fromisoformat(line["at"]) == AT


def test_what_a_row_does_not_name_is_null() -> None:
    a_charge(None, "1", category="orchestrator", round=None, in_=a_workspace())
    row = export.row(LedgerEntry.objects.get())
    assert [row[name] for name in ("entry_id", "session_id", "round", "model")] == [None] * 4


@pytest.mark.parametrize("number", [0, 1, 3])
def test_any_number_of_rows_is_one_array_with_a_row_on_each_line(number: int) -> None:
    workspace = a_workspace()
    for cents in range(number):
        a_charge(None, f"0.0{cents + 1}", category="expansion", round=None, in_=workspace)
    text = "".join(export.json_lines(LedgerEntry.objects.order_by("id")))
    assert [row["amount_usd"] for row in json.loads(text)] == [(cents + 1) / 100 for cents in range(number)]
    assert text.endswith("]\n") and text.count("\n") == (number + 2 if number else 1)
