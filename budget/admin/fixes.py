"""Fixes of money: correct what was booked, rebuild counters. Both with a dry run."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms

from budget import amounts
from budget.admin.amounts import USDField
from budget.ledger import corrections, rebuild
from budget.models import Account, LedgerEntry, Project
from workspaces.access import Caller
from workspaces.admin.fixes import Fix, FixForm, Line, Outlook
from workspaces.errors import Invalid


class CorrectionForm(FixForm):
    amount = USDField(signed=True, label="Amount (USD)", help_text="What to add to this row; a minus takes back: -0.25")
    key = forms.CharField(max_length=60, widget=forms.HiddenInput, initial=lambda: uuid.uuid4().hex)
    """Made with the form: one form books once, however often it is sent."""
    field_order = ["amount", "reason"]

    def clean_amount(self) -> int:
        amount: int = self.cleaned_data["amount"]
        if amount == 0:
            raise forms.ValidationError("A correction of nothing corrects nothing")
        return amount


class Correct(Fix):
    name = "correct"
    title = "Correct spend by an adjustment"
    button = "Book the correction"
    counts = False
    explains = "The ledger is never edited: the correction is another row beside this one, and every counter follows."
    form = CorrectionForm
    asks_first = True
    most = 1

    def lock(self, found: Sequence[LedgerEntry]) -> None:
        for row in LedgerEntry.objects.select_for_update(of=("self",)).filter(pk__in=[one.pk for one in found]):
            # The account first, as every charge: the project's row is the last.
            list(Account.objects.select_for_update(no_key=True).filter(pk=row.account_id).values_list("pk"))
            rebuild.hold_still(row.project_id)

    def foresee(self, found: Sequence[LedgerEntry], answers: dict[str, Any]) -> Outlook:
        if not found:
            return Outlook([])
        effect = corrections.effect(found[0], answers["amount"])
        told = {
            f"Ledger row {found[0].pk} with its corrections": effect.row,
            "Spent by the project": effect.project_spent,
            "Headroom of the project": effect.project_headroom,
            "Spent by the entry": effect.account_spent,
            "Headroom of the entry": effect.account_headroom,
        }
        return Outlook([Line(what, amounts.full_usd(p[0]), amounts.full_usd(p[1])) for what, p in told.items() if p])

    def done_before(self, answers: dict[str, Any]) -> str:
        return "This correction was booked already, once." if corrections.is_booked(_key(answers)) else ""

    def apply(self, found: Sequence[LedgerEntry], answers: dict[str, Any], *, by: Caller, reason: str) -> str:
        if not corrections.correct(found[0], answers["amount"], by=by, reason=reason, key=_key(answers)):
            raise Invalid("this correction was booked already, once")
        return f"Booked a correction of {amounts.format_usd(answers['amount'])} to row {found[0].pk}"


def _key(answers: dict[str, Any]) -> str:
    return f"admin:{answers['key']}"


class RebuildMoney(Fix):
    name = "rebuild_money"
    title = "Check and rebuild counters from the ledger"
    button = "Rebuild counters"
    explains = (
        "Compares what projects, entries, rounds and holds count with the ledger and the open holds. "
        "Triggers keep them equal, so normally there is nothing to change."
    )
    most = 20

    def lock(self, found: Sequence[Project]) -> None:
        for project in found:
            rebuild.lock(project.pk)

    def foresee(self, found: Sequence[Project], answers: dict[str, Any]) -> Outlook:
        return Outlook(
            [
                Line(f"{drift.kind} {drift.id}: {drift.field}", amounts.full_usd(drift.found), amounts.full_usd(drift.should))
                for project in found
                for drift in rebuild.find(project.pk)
            ]
        )

    def apply(self, found: Sequence[Project], answers: dict[str, Any], *, by: Caller, reason: str) -> str:
        mended = sum(len(rebuild.mend(project.pk, by=by, reason=reason)) for project in found)
        return f"Rebuilt counters: {mended}"
