"""What the pages' forms take. Money comes as text in USD and leaves as micro-USD."""

import re
from typing import Any

from django import forms

from budget import amounts
from budget.limits import caps, thresholds
from budget.models import Limit
from workspaces.errors import Invalid


class Amount(forms.CharField):
    """USD as a person types it (`amounts.parse_usd`); micro-USD, or None where it is not required and empty."""

    default_error_messages = {"invalid": "Write an amount in USD, such as 12.50"}

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return amounts.parse_usd(text)
        except amounts.NotReadable:
            raise forms.ValidationError(self.error_messages["invalid"]) from None
        except amounts.NotMoney as error:
            raise forms.ValidationError(f"The amount {error}") from None


class BudgetForm(forms.Form):
    amount = Amount(error_messages={"required": "Write an amount in USD", "invalid": "Write an amount in USD, such as 12.50"})
    reason = forms.CharField(max_length=500, required=False)
    seen = forms.IntegerField(required=False, min_value=0, max_value=2**62)  # micro-USD: what the page showed


class LimitForm(forms.Form):
    """One limit beside the cap, `category.period`. No amount: there is none any more."""

    limit = forms.ChoiceField(
        choices=[
            (name, "")
            for category in Limit.Scope.values
            for name in (f"{category}.all", f"{category}.day")
            if name != "total.all"
        ],
        error_messages={"required": "Choose a limit", "invalid_choice": "There is no such limit"},
    )
    amount = Amount(required=False, error_messages={"invalid": "Write an amount in USD, such as 12.50, or nothing for no limit"})

    def seen(self) -> int | None:
        """What the page showed of the chosen limit, in micro-USD: `seen.<limit>`, empty for none. caps.UNSEEN: the sender does not say."""
        told = self.data.get(f"seen.{self.cleaned_data['limit']}")
        if told == "":
            return None
        return int(told) if told and re.fullmatch(r"[0-9]{1,18}", told) else caps.UNSEEN

    reason = forms.CharField(max_length=500, required=False)


class ThresholdsForm(forms.Form):
    """Percents of the cap with commas or spaces between them: `50, 75, 90 %`. None: nobody is warned."""

    percents = forms.CharField(max_length=200, required=False)
    reason = forms.CharField(max_length=500, required=False)

    def clean_percents(self) -> list[int]:
        said = self.cleaned_data["percents"].replace("%", " ").replace(",", " ").split()
        if not all(word.isascii() and word.isdigit() and 1 <= int(word[:9]) <= thresholds.MAX_PERCENT for word in said):
            raise forms.ValidationError(f"Write whole percents from 1 to {thresholds.MAX_PERCENT}, such as 50, 75, 90")
        if len(set(said)) > thresholds.MAX_COUNT:
            raise forms.ValidationError(f"At most {thresholds.MAX_COUNT} warnings")
        return sorted(set(map(int, said)))


class LockForm(forms.Form):
    """The wanted state, not a toggle: a form sent twice does no harm. Locking takes a click; releasing a lock takes a reason."""

    locked = forms.TypedChoiceField(choices=[("1", "locked"), ("0", "unlocked")], coerce=lambda value: value == "1")
    reason = forms.CharField(max_length=500, required=False)

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"]
        if self.cleaned_data.get("locked") is False and not reason.strip():
            raise forms.ValidationError("Say why: releasing a lock needs a reason")
        return reason


class BulkForm(forms.Form):
    """One order for the selected entries. `value`: USD for set, a signed number for percent."""

    do = forms.ChoiceField(choices=[(name, name) for name in ("set", "percent", "lock", "unlock")])
    value = forms.CharField(max_length=40, required=False)
    reason = forms.CharField(max_length=500, required=False)

    def clean(self) -> dict[str, Any]:
        said, do = self.cleaned_data, self.cleaned_data.get("do")
        if do == "set":
            said["amount"] = Amount(
                error_messages={"required": "Write an amount in USD", "invalid": "Write an amount in USD"}
            ).clean(said.get("value", ""))
        if do == "percent":
            percent = said.get("value", "").replace("%", "").replace("−", "-").strip()
            said["percent"] = forms.DecimalField(
                min_value=-100,
                max_value=1000,
                max_digits=7,
                decimal_places=2,
                error_messages={
                    "required": "Write a percentage, such as 10 or -10",
                    "invalid": "Write a percentage, such as 10 or -10",
                },
            ).clean(percent)
        return said


class CorrectionForm(forms.Form):
    """A correction of a ledger row: which way, and how much."""

    way = forms.ChoiceField(choices=[("back", "Take back"), ("more", "Add")])
    amount = Amount(error_messages={"required": "Write an amount in USD", "invalid": "Write an amount in USD, such as 12.50"})
    reason = forms.CharField(max_length=500, error_messages={"required": "Say why: a correction needs a reason"})


class VersionForm(forms.Form):
    """The version that the page showed. None: whoever sends it does not care what changed meanwhile."""

    version = forms.IntegerField(required=False, min_value=0, max_value=2**62)


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=500, required=False)


class WhyForm(forms.Form):
    reason = forms.CharField(max_length=500, error_messages={"required": "Say why: this needs a reason"})


class WorkersForm(forms.Form):
    workers = forms.IntegerField(min_value=1, max_value=500, error_messages={"required": "Write a number of workers"})


class RoundsForm(forms.Form):
    rounds = forms.IntegerField(min_value=1, max_value=1000, error_messages={"required": "Write a number of rounds"})


class SecretForm(forms.Form):
    name = forms.CharField(max_length=100, error_messages={"required": "Write the variable's name"})
    value = forms.CharField(max_length=16_000, strip=False, error_messages={"required": "Write its value"})


def checked(form: forms.Form) -> dict[str, Any]:
    """The form's values. Raises Invalid with the first thing that does not fit."""
    if form.is_valid():
        return form.cleaned_data
    name, problems = next(iter(form.errors.items()))
    raise Invalid(str(problems[0]), name)
