"""Frequent statements: they write what the models would."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from budget.amounts import usd
from budget.ledger import requests
from budget.models import Category, GatewayRequest, Hold
from tests.factories import a_workspace, an_entry, project
from workspaces.values import frequent
from workspaces.values.frequent import Clock

pytestmark = pytest.mark.django_db


def columns() -> dict[str, Any]:
    entry = an_entry(a_workspace(), budget="5")
    hold = Hold.objects.create(project=project(entry.workspace), account=entry.account, session_ref="s", amount=usd("1"))
    access = requests.open_access(hold, role="implement", category=Category.ENTRY, upstreams={})
    of_access = {"access_id": access.pk, "hold_id": hold.pk, "session_ref": "s"}
    return {**of_access, "state": "sent", "gateway": "g", "api": "anthropic", "model": "50 % of it", "bound": usd("0.1")}


def test_a_row_is_as_its_model_would_insert_it() -> None:
    given = columns() | {"is_exact": False}
    usual = GatewayRequest.objects.create(**given, key="1")
    frequently = GatewayRequest.objects.get(pk=frequent.insert(GatewayRequest, given | {"key": "2"}))
    for field in GatewayRequest._meta.concrete_fields:
        if field.name not in ("id", "key", "created_at"):
            assert getattr(usual, field.attname) == getattr(frequently, field.attname), field.name
    assert frequently.created_at - usual.created_at < timedelta(minutes=1)


def test_the_clock_is_that_of_the_database_and_a_given_time_stays() -> None:
    at = datetime(2026, 7, 1, 12, 30, 0, 250_000, tzinfo=UTC)
    row = GatewayRequest.objects.get(pk=frequent.insert(GatewayRequest, columns() | {"sent_at": Clock.NOW, "first_byte_at": at}))
    assert row.first_byte_at == at
    assert row.sent_at is not None and abs(row.sent_at - row.created_at) < timedelta(minutes=1)


def test_a_row_changes_only_while_it_is_as_it_was_read() -> None:
    row = frequent.insert(GatewayRequest, columns())
    assert not frequent.update(GatewayRequest, {"state": "settled"}, where={"id": row, "state": "waiting"})
    assert GatewayRequest.objects.get().state == "sent"
    assert frequent.update(GatewayRequest, {"state": "settled", "ended_at": Clock.NOW}, where={"id": row, "state": "sent"})
    changed = GatewayRequest.objects.get()
    assert changed.state == "settled" and changed.ended_at is not None


def test_what_the_database_refuses_is_refused() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        frequent.insert(GatewayRequest, columns() | {"bound": -1})
