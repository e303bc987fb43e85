"""Fixes of money: correct booked spend, rebuild counters. Both with a dry run."""

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
    amount = USDField(signed=True, label="Amount (USD)", help_text="The amount to add to this row; negative takes back: -0.25")
    key = forms.CharField(max_length=60, widget=forms.HiddenInput, initial=lambda: uuid.uuid4().hex)
    """Created with the form: a form that is sent twice books once."""
    field_order = ["amount", "reason"]

    def clean_amount(self) -> int:
        amount: int = self.cleaned_data["amount"]
        if amount == 0:
            raise forms.ValidationError("A correction of zero corrects nothing")
        return amount


class Correct(Fix):
    name = "correct"
    title = "Correct spend by an adjustment"
    button = "Book the correction"
    counts = False
    explains = "The ledger is never edited: the correction is another row, and every counter follows."
    form = CorrectionForm
    asks_first = True
    most = 1

    def lock(self, selected: Sequence[LedgerEntry]) -> None:
        for row in LedgerEntry.objects.select_for_update(of=("self",)).filter(pk__in=[entry.pk for entry in selected]):
            # The account first and the project's row last, as in every charge.
            list(Account.objects.select_for_update(no_key=True).filter(pk=row.account_id).values_list("pk"))
            rebuild.lock_project(row.project_id)

    def foresee(self, selected: Sequence[LedgerEntry], form_data: dict[str, Any]) -> Outlook:
        if not selected:
            return Outlook([])
        effect = corrections.effect(selected[0], form_data["amount"])
        effects = {
            f"Ledger row {selected[0].pk} with its corrections": effect.row,
            "Spent by the project": effect.project_spent,
            "Headroom of the project": effect.project_headroom,
            "Spent by the entry": effect.account_spent,
            "Headroom of the entry": effect.account_headroom,
        }
        return Outlook([Line(what, amounts.full_usd(p[0]), amounts.full_usd(p[1])) for what, p in effects.items() if p])

    def done_before(self, form_data: dict[str, Any]) -> str:
        return "This correction is booked already." if corrections.is_booked(_key(form_data)) else ""

    def apply(self, selected: Sequence[LedgerEntry], form_data: dict[str, Any], *, by: Caller, reason: str) -> str:
        if not corrections.correct(selected[0], form_data["amount"], by=by, reason=reason, key=_key(form_data)):
            raise Invalid("this correction is booked already")
        return f"Booked a correction of {amounts.format_usd(form_data['amount'])} to row {selected[0].pk}"


def _key(form_data: dict[str, Any]) -> str:
    return f"admin:{form_data['key']}"


class RebuildMoney(Fix):
    name = "rebuild_money"
    title = "Check and rebuild counters from the ledger"
    button = "Rebuild counters"
    explains = (
        "Compares the counters of projects, entries, rounds and reservations with the ledger and the open reservations. "
        "Triggers keep them equal, so normally there is nothing to change."
    )
    most = 20

    def lock(self, selected: Sequence[Project]) -> None:
        for project in selected:
            rebuild.lock(project.pk)

    def foresee(self, selected: Sequence[Project], form_data: dict[str, Any]) -> Outlook:
        return Outlook(
            [
                Line(f"{drift.kind} {drift.id}: {drift.field}", amounts.full_usd(drift.stored), amounts.full_usd(drift.expected))
                for project in selected
                for drift in rebuild.find(project.pk)
            ]
        )

    def apply(self, selected: Sequence[Project], form_data: dict[str, Any], *, by: Caller, reason: str) -> str:
        repaired = sum(len(rebuild.repair(project.pk, by=by, reason=reason)) for project in selected)
        return f"Rebuilt counters: {repaired}"
