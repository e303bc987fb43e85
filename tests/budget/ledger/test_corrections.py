"""Corrections by people: the preview says what the correction then does, and each is on record with who and why."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from budget import ledger
from budget.amounts import usd
from budget.ledger import corrections
from budget.limits import caps
from budget.models import Account, Hold, LedgerEntry, RoundSpend
from tests.factories import ANA, a_charge, an_entry, project
from workspaces.errors import Invalid
from workspaces.models import Event, Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.shop(cap="10")]


def spent(shop: Workspace, amount: str, category: str = "entry") -> LedgerEntry:
    """A charge, for an entry with a budget of $4 where its category is of entries."""
    of_entries = category in ("entry", "interceptor")
    a_charge(an_entry(shop, budget="4") if of_entries else None, amount, category=category, in_=shop, model="gpt-5")
    return LedgerEntry.objects.latest("id")


def test_the_preview_of_a_correction_is_what_it_then_does(shop: Workspace) -> None:
    spent(shop, "2")
    row = spent(shop, "3")
    reserved = {"session_ref": "s", "amount": usd("0.25")}
    Hold.objects.create(project=project(shop), account_id=row.account_id, **reserved)
    shown = corrections.effect(row, -usd(1))
    left = (usd("4.75"), usd("5.75"))
    assert (shown.row, shown.project_spent, shown.project_headroom) == ((usd(3), usd(2)), (usd(5), usd(4)), left)
    assert (shown.account_spent, shown.account_headroom) == ((usd(3), usd(2)), (usd("0.75"), usd("1.75")))
    corrections.correct(row, -usd(1), by=ANA, reason="counted twice", key="k")
    account, whole = Account.objects.get(pk=row.account_id), project(shop)
    assert (account.spent, account.headroom, whole.total_spent, whole.headroom) == (usd(2), usd("1.75"), usd(4), left[1])
    assert corrections.effect(row, usd(1)).row == (usd(2), usd(3))


@pytest.mark.parametrize("category", ["interceptor", "orchestrator"])
def test_a_correction_of_other_spend_leaves_the_entrys_budget_as_it_is(shop: Workspace, category: str) -> None:
    shown = corrections.effect(spent(shop, "3", category), -usd(1))
    assert (shown.account_spent, shown.account_headroom) == (None, None)


def test_a_row_can_be_taken_back_whole_and_not_further(shop: Workspace) -> None:
    row = spent(shop, "3")
    corrections.correct(row, -usd(1), by=ANA, reason="r", key="a")
    spent(shop, "3")
    with pytest.raises(Invalid, match=r"Of this row \$2\.00 is left"):
        corrections.effect(row, -usd(2) - 1)
    with pytest.raises(Invalid, match="more than was booked"):
        corrections.correct(row, -usd(2) - 1, by=ANA, reason="r", key="b")
    assert corrections.effect(row, -usd(2)).row == (usd(2), 0)
    assert corrections.correct(row, -usd(2), by=ANA, reason="r", key="b") and project(shop).total_spent == usd(3)


@pytest.mark.parametrize("ask", [corrections.effect, lambda row, n: corrections.correct(row, n, by=ANA, reason="r", key="x")])
def test_neither_zero_nor_a_correction_is_corrected(shop: Workspace, ask: Callable[[LedgerEntry, int], Any]) -> None:
    row = spent(shop, "3")
    corrections.correct(row, 1, by=ANA, reason="r", key="k")
    with pytest.raises(Invalid, match="of zero"):
        ask(row, 0)
    with pytest.raises(Invalid, match=f"correct row {row.pk}"):
        ask(LedgerEntry.objects.get(corrects=row), 1)


@pytest.mark.parametrize("category", ["entry", "orchestrator"])
def test_a_correction_is_on_record_where_the_money_was_spent_and_who_waits_for_money_learns_of_it(
    shop: Workspace, category: str, django_capture_on_commit_callbacks: Any
) -> None:
    row, received = spent(shop, "3", category), []
    receiver = lambda **message: received.append((message["workspace_id"], message["entry_id"]))  # noqa: E731
    caps.changed.connect(receiver, weak=False)
    with django_capture_on_commit_callbacks(execute=True):
        assert corrections.correct(row, -usd(1), by=ANA, reason="counted twice", key="k")
        assert not corrections.correct(row, -usd(1), by=ANA, reason="counted twice", key="k")
    caps.changed.disconnect(receiver)
    [event] = Event.objects.filter(verb="spend.corrected")
    assert (event.object_id, event.actor, event.reason) == (row.account_id or shop.pk, "ana", "counted twice")
    assert event.data == {"ledger": row.pk, "amount_usd": -1, "session": row.session_ref}
    assert received == [(shop.pk, row.account_id)]


def test_a_corrections_row_is_like_the_row_that_it_corrects(shop: Workspace) -> None:
    entry = an_entry(shop, budget="4")
    source = LedgerEntry.PriceSource.COMPUTED
    item = ledger.Charge("c", usd(1), source, model="gpt-5", at=datetime(2026, 8, 4, 12, tzinfo=UTC))
    ledger.charge(project(shop), item, account=entry.account, session_ref="session_1", round_number=3, actor="agent")
    a_charge(entry, "1", round=4)  # an older round's cost is corrected there, and not in the newest
    row = LedgerEntry.objects.get(event_key="c")
    ledger.adjust(row, 5, reason="more", actor="ana", key="fix", at=row.at)
    fix = LedgerEntry.objects.get(event_key="fix")
    same = ("project_id", "account_id", "category", "session_ref", "round", "model", "at")
    assert [getattr(fix, name) for name in same] == [getattr(row, name) for name in same]
    assert (fix.corrects_id, fix.amount, fix.price_source, fix.actor, fix.reason) == (row.pk, 5, "manual", "ana", "more")
    assert dict(RoundSpend.objects.values_list("number", "cost")) == {3: usd(1) + 5, 4: usd(1)}


def test_a_callers_key_is_one_correction_of_one_row(shop: Workspace) -> None:
    row, other, why = spent(shop, "3"), spent(shop, "3"), "y" * 501
    ask = {"by": ANA, "key": "k"}
    first = corrections.correct_once(row, -1, reason=why, **ask)  # type: ignore[arg-type]
    assert corrections.correct_once(row, -1, reason=why, **ask) == first and first.reason == "y" * 500  # type: ignore[arg-type]
    for where, amount, reason in ((other, -1, why), (row, -2, why), (row, -1, "another")):
        with pytest.raises(Invalid, match="used for another correction"):
            corrections.correct_once(where, amount, reason=reason, **ask)  # type: ignore[arg-type]
    assert LedgerEntry.objects.filter(corrects__isnull=False).count() == 1
