"""The form of a trigger: its schedule, its budgets, and the entry that it adds, with an entry's own fields."""

from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.utils import timezone
from pydantic import ValidationError

from budget import amounts
from dashboard.new_entry import form as entry_form
from dashboard.shared.forms import AmountField
from orchestration import schemas
from orchestration.configuration.config import routes
from orchestration.models import Trigger
from orchestration.plans import importing
from orchestration.plans.readers.shared.items import Item, Plan
from orchestration.triggers import schedules

OWN = ("name", "schedule", "label", "ignored_accounts", "time_zone", "firing_budget", "month_budget", "overlap", "catch_up")
FIELD_OF = {"template": "content", "entry": "content", "spec": "modifies", "is_enabled": "name", "trigger": "name"}
"""Names of refusals that no field has."""
MONTHLY = "The month's budget is less than that of one entry"
OVERLAP = (("skip", "Add none"), ("queue", "Add another"))
CATCH_UP = (("none", "Add none"), ("one", "Add one for all of them"))
DEFAULTS = {"schedule": "0 3 * * 1", "label": "muster", "catch_up": "none", "priority": "medium"}
KINDS = {"schedule": "Schedule", "issue": "Label of an issue", "webhook": "Webhook"}
OF_KIND = {"schedule": ("schedule", "catch_up"), "issue": ("label", "ignored_accounts"), "webhook": ()}
"""The fields that the other kinds do not have."""
MAX_ACCOUNTS = 50


class TriggerForm(forms.Form):
    name = forms.CharField(max_length=100, error_messages={"required": "Name the trigger"})
    schedule = forms.CharField(max_length=100, error_messages={"required": "Write five fields of cron, such as 0 3 * * 1"})
    label = forms.CharField(max_length=100, error_messages={"required": "Name the label that people add to an issue"})
    ignored_accounts = forms.CharField(max_length=5_000, required=False)
    time_zone = forms.CharField(max_length=64, error_messages={"required": "Write a time zone, such as Europe/Berlin"})
    firing_budget = AmountField(max_length=40, error_messages={"required": "Each entry needs a budget"})
    month_budget = AmountField(max_length=40, required=False)
    overlap = forms.ChoiceField(choices=OVERLAP)
    catch_up = forms.ChoiceField(choices=CATCH_UP)

    def __init__(self, data: Any, kind: str) -> None:
        super().__init__(data)
        for name in {name for names in OF_KIND.values() for name in names} - set(OF_KIND[kind]):
            del self.fields[name]

    def clean_firing_budget(self) -> int:
        amount: int = self.cleaned_data["firing_budget"]
        if amount <= 0:
            raise forms.ValidationError("The budget of an entry must be more than nothing")
        return amount

    def clean_ignored_accounts(self) -> list[str]:
        names = [name for name in (part.strip() for part in self.cleaned_data["ignored_accounts"].split(",")) if name]
        if len(names) > MAX_ACCOUNTS or any(len(name) > 100 for name in names):
            raise forms.ValidationError(f"Name at most {MAX_ACCOUNTS} accounts, each with at most 100 characters")
        return names


@dataclass
class Read:
    """`values`: the columns of a trigger. `wrong`: a sentence for each field that is not valid."""

    values: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)


def submitted(post: Any) -> dict[str, str]:
    return {name: post.get(name, "") for name in OWN} | entry_form.submitted(post)


def first_values(kind: str) -> dict[str, str]:
    """Events of others are many at once: none of them is lost where its entry is added beside the last one."""
    empty = dict.fromkeys((*OWN, *entry_form.FIELDS), "")
    overlap = Trigger.Overlap.SKIP if kind == Trigger.Kind.SCHEDULE else Trigger.Overlap.QUEUE
    return empty | DEFAULTS | {"time_zone": str(timezone.get_current_timezone()), "overlap": str(overlap)}


def from_trigger(row: Trigger) -> dict[str, str]:
    template = row.template
    spec = template.get("spec") or {}
    own = {name: str(getattr(row, name)) for name in ("name", "schedule", "label", "time_zone", "overlap", "catch_up")}
    own["ignored_accounts"] = ", ".join(row.ignored_accounts)
    budgets = {
        "firing_budget": amounts.plain_usd(row.firing_budget),
        "month_budget": "" if row.month_budget is None else amounts.plain_usd(row.month_budget),
    }
    of_spec = {name: entry_form.joined(spec.get(key)) for name, key in entry_form.SPEC_OF.items()}
    of_entry = {
        "content": template.get("content", ""),
        "priority": template.get("priority", "medium"),
        "heading": template.get("group", ""),
        "group": template.get("parallel_group", ""),
        "alone": "" if template.get("parallelizable", True) else "1",
        "labels": ", ".join(template.get("requires", [])),
        "agent": template.get("agent", ""),
        "route": routes.written([routes.Step.model_validate(step) for step in template.get("route") or []]),
        "rounds": str(template.get("budget_rounds") or ""),
    }
    return first_values(row.kind) | own | budgets | of_spec | of_entry


def read(workspace_id: str, form_data: dict[str, str], *, kind: str, before: Trigger | None = None) -> Read:
    """`before`: the trigger that is changed. What its entry has and the form does not stays."""
    form, result = TriggerForm(form_data, kind), Read()
    result.wrong = {} if form.is_valid() else {name: str(problems[0]) for name, problems in form.errors.items()}
    lines = {name: form.cleaned_data[name] for name in ("name", "schedule", "label", "time_zone") if name in form.cleaned_data}
    try:
        schemas.TriggerChange.model_validate(lines)
    except ValidationError as error:
        for detail in error.errors():
            result.wrong.setdefault(str(detail["loc"][0]), detail["msg"].removeprefix("Value error, ").capitalize())
    budgets = [form.cleaned_data.get(name) for name in ("firing_budget", "month_budget")]
    if budgets[0] is not None and budgets[1] is not None and budgets[1] < budgets[0]:
        result.wrong.setdefault("month_budget", MONTHLY)
    _check_times(form.cleaned_data, result.wrong)
    template = _entry(workspace_id, form_data, before.template if before else {}, result.wrong)
    result.values = form.cleaned_data | {"template": template}
    return result


def _check_times(values: dict[str, Any], wrong: dict[str, str]) -> None:
    name = "time_zone"
    try:
        schedules.zone(values.get("time_zone", "UTC"))
        if "schedule" in values:
            name = "schedule"
            schedules.check(values["schedule"], values.get("time_zone", "UTC"), timezone.now())
    except schedules.BadSchedule as problem:
        wrong.setdefault(name, str(problem))


def _entry(workspace_id: str, form_data: dict[str, str], before: dict[str, Any], wrong: dict[str, str]) -> dict[str, Any]:
    value = entry_form.written(form_data) | {
        "priority": form_data["priority"] or "medium",
        "parallelizable": not form_data["alone"],
        "parallel_group": form_data["group"].strip() or None,
        **entry_form.of_session(form_data),
    }
    del value["depends_on"]
    others = {key: item for key, item in (before.get("spec") or {}).items() if key not in entry_form.SPEC_OF.values()}
    value["spec"] = others | (value["spec"] or {}) or None
    if rounds := form_data["rounds"].strip():
        if rounds.isascii() and rounds.isdigit() and len(rounds) < 10:
            value["budget_rounds"] = int(rounds)
        else:
            wrong["rounds"] = "Write a whole number of rounds, or leave it empty for the default"
    checked = importing.check(workspace_id, Plan("form", (Item(0, value, entry_form.LINES),)))
    for problem in checked.problems:
        name = entry_form.FIELDS[problem.line - 1] if problem.line else "content"
        wrong.setdefault(name, entry_form.in_words(name, problem.message, form_data))
    if wrong:
        return {}
    return schemas.TriggerEntry.model_validate(value).model_dump(mode="json", exclude_none=True)
