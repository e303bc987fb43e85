"""Money on the admin site. The ledger is read-only; caps and budgets change by the functions of `budget.limits.caps`."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from budget import amounts
from budget.admin.amounts import USDField, column, format_amount
from budget.admin.fixes import RebuildMoney
from budget.amounts.money import MoneyField
from budget.categories import COLUMNS
from budget.limits import caps
from budget.models import Account, BudgetChange, Project
from workspaces.access import Caller
from workspaces.admin.base import Editable, ReadOnly

ADMIN = BudgetChange.Source.ADMIN
SPENT = [column(name) for name in COLUMNS]


@admin.register(Project)
class ProjectAdmin(Editable):
    list_display = [
        "workspace",
        column("max_project_spend", "cap"),
        column("total_budget", "planned"),
        column("total_spent", "spent"),
        column("held"),
        "headroom_usd",
    ]
    list_select_related = ["workspace"]
    search_fields = ["workspace__name", "=workspace__id"]
    ordering = ["workspace__name", "pk"]
    formfield_overrides = {MoneyField: {"form_class": USDField}}
    fieldsets = [
        (None, {"fields": ["workspace", "max_project_spend", "total_budget"]}),
        ("Kept by the database", {"fields": [column("total_spent"), *SPENT, column("held"), "headroom_usd", "allocation_due"]}),
    ]
    editable = ["max_project_spend", "total_budget"]
    actions = [RebuildMoney()]

    @admin.display(description="headroom")
    def headroom_usd(self, project: Project) -> Any:
        return format_amount(project.headroom)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or obj.workspace.deleted_at is None

    def carry_out(self, obj: Project, form: Any, *, by: Caller, reason: str) -> None:
        for field in ("max_project_spend", "total_budget"):
            if field in form.changed_data:
                caps.set_project(obj, field, form.cleaned_data[field], by=by, reason=reason, source=ADMIN)


@admin.register(Account)
class AccountAdmin(Editable):
    list_display = [
        "id",
        "project",
        column("budget"),
        "human_locked",
        column("spent"),
        column("interceptor_spent"),
        column("held"),
        "headroom_usd",
    ]
    list_filter = ["human_locked", "project"]
    list_select_related = ["project"]
    search_fields = ["=id", "=project__workspace__id", "locked_by"]
    search_help_text = "An entry's id, a workspace's id, or who locked it."
    formfield_overrides = {MoneyField: {"form_class": USDField}}
    fieldsets = [
        (None, {"fields": ["id", "project", "budget", "own_budget", "human_locked"]}),
        ("Locked by a person", {"fields": ["locked_by", "locked_at", "locked_reason"]}),
        ("Kept by the database", {"fields": [column("spent"), column("interceptor_spent"), column("held"), "headroom_usd"]}),
    ]
    editable = ["budget", "human_locked"]

    @admin.display(description="headroom")
    def headroom_usd(self, account: Account) -> Any:
        return format_amount(account.headroom)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or obj.project.workspace.deleted_at is None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The budget of a split entry is set as a whole, with its children's, on its page; this form has its own part alone."""
        fields = super().get_readonly_fields(request, obj)
        return [*fields, "budget"] if obj is not None and obj.entry.is_container else fields

    def carry_out(self, obj: Account, form: Any, *, by: Caller, reason: str) -> None:
        if "budget" in form.changed_data:
            caps.edit(obj, form.cleaned_data["budget"], by=by, reason=reason, source=ADMIN)  # also locks it
        if "human_locked" in form.changed_data:
            row = Account.objects.select_for_update(no_key=True, of=("self",)).get(pk=obj.pk)
            if row.human_locked != form.cleaned_data["human_locked"]:
                caps.toggle_lock(row, by=by, reason=reason, source=ADMIN)


@admin.register(BudgetChange)
class BudgetChangeAdmin(ReadOnly):
    list_display = ["at", "project", "account", "field", "was", "became", "source", "actor", "reason"]
    list_filter = ["source", "field", "at", "project"]
    list_select_related = ["project", "account"]
    search_fields = ["=account__id", "=actor", "=project__workspace__id"]
    search_help_text = "An entry's id, a workspace's id, or who did it."
    date_hierarchy = "at"
    ordering = ["-id"]
    fields = ["at", "project", "account", "field", "was", "became", "source", "actor", "reason"]

    @admin.display(description="before")
    def was(self, change: BudgetChange) -> str:
        return _value(change.field, change.before)

    @admin.display(description="after")
    def became(self, change: BudgetChange) -> str:
        return _value(change.field, change.after)


def _value(field: str, value: int | None) -> str:
    if value is None:
        return "no limit"
    if field == "human_locked":
        return "locked" if value else "open"
    return amounts.full_usd(value)
