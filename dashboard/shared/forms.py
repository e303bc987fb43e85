"""What the pages' forms take. Money comes as text in USD and leaves as micro-USD."""

import re
from typing import Any

from django import forms

from budget.amounts import money
from budget.limits import caps, thresholds
from budget.models import Limit
from workspaces.errors import Invalid

GROUPED = re.compile(r"[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?")


class AmountField(forms.DecimalField):
    """USD from a person: `$` and commas between thousands are forgiven; a comma anywhere else is not, nor more than six decimals."""

    def to_python(self, value: Any) -> Any:
        text = value.strip().removeprefix("$").strip() if isinstance(value, str) else value
        if isinstance(text, str) and "," in text:
            if not GROUPED.fullmatch(text):  # in half of the world 12,50 is twelve and a half: not to be taken for 1250
                raise forms.ValidationError("Write an amount in USD with a point before the cents, such as 12.50")
            text = text.replace(",", "")
        return super().to_python(text)

    def clean(self, value: Any) -> Any:
        amount = super().clean(value)
        if amount is None and not self.required:
            return None
        try:
            return money.from_json(amount)
        except money.NotMoney as error:
            raise forms.ValidationError(f"The amount {error}") from None


class BudgetForm(forms.Form):
    amount = AmountField(
        error_messages={"required": "Write an amount in USD", "invalid": "Write an amount in USD, such as 12.50"}
    )
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
    amount = AmountField(
        required=False, error_messages={"invalid": "Write an amount in USD, such as 12.50, or nothing for no limit"}
    )

    def seen(self) -> int | None:
        """What the page showed of the chosen limit, in micro-USD: `seen.<limit>`, empty for none. caps.UNSEEN: the sender does not say."""
        raw = self.data.get(f"seen.{self.cleaned_data['limit']}")
        if raw == "":
            return None
        return int(raw) if raw and re.fullmatch(r"[0-9]{1,18}", raw) else caps.UNSEEN

    reason = forms.CharField(max_length=500, required=False)


class ThresholdsForm(forms.Form):
    """Percents of the cap with commas or spaces between them: `50, 75, 90 %`. None: nobody is warned."""

    percents = forms.CharField(max_length=200, required=False)
    reason = forms.CharField(max_length=500, required=False)

    def clean_percents(self) -> list[int]:
        words = self.cleaned_data["percents"].replace("%", " ").replace(",", " ").split()
        if not all(word.isascii() and word.isdigit() and 1 <= int(word[:9]) <= thresholds.HIGHEST for word in words):
            raise forms.ValidationError(f"Write whole percents from 1 to {thresholds.HIGHEST}, such as 50, 75, 90")
        if len(set(words)) > thresholds.MOST:
            raise forms.ValidationError(f"At most {thresholds.MOST} warnings")
        return sorted(set(map(int, words)))


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
        cleaned, do = self.cleaned_data, self.cleaned_data.get("do")
        if do == "set":
            cleaned["amount"] = AmountField(
                error_messages={"required": "Write an amount in USD", "invalid": "Write an amount in USD"}
            ).clean(cleaned.get("value", ""))
        if do == "percent":
            percent = cleaned.get("value", "").replace("%", "").replace("−", "-").strip()
            cleaned["percent"] = forms.DecimalField(
                min_value=-100,
                max_value=1000,
                max_digits=7,
                decimal_places=2,
                error_messages={
                    "required": "Write a percentage, such as 10 or -10",
                    "invalid": "Write a percentage, such as 10 or -10",
                },
            ).clean(percent)
        return cleaned


class CorrectionForm(forms.Form):
    """A correction of a ledger row: which way, and how much."""

    way = forms.ChoiceField(choices=[("back", "Take back"), ("more", "Add")])
    amount = AmountField(
        error_messages={"required": "Write an amount in USD", "invalid": "Write an amount in USD, such as 12.50"}
    )
    reason = forms.CharField(max_length=500, error_messages={"required": "Say why: a correction needs a reason"})


class VersionForm(forms.Form):
    """The version that the page showed. None: whoever sends it does not care what changed meanwhile."""

    version = forms.IntegerField(required=False, min_value=0, max_value=2**62)


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=500, required=False)


class RequiredReasonForm(forms.Form):
    reason = forms.CharField(max_length=500, error_messages={"required": "Say why: this needs a reason"})


class WorkersForm(forms.Form):
    workers = forms.IntegerField(min_value=1, max_value=500, error_messages={"required": "Write a number of workers"})


class RoundsForm(forms.Form):
    rounds = forms.IntegerField(min_value=1, max_value=1000, error_messages={"required": "Write a number of rounds"})


class SecretForm(forms.Form):
    name = forms.CharField(max_length=100, error_messages={"required": "Write the variable's name"})
    value = forms.CharField(max_length=16_000, strip=False, error_messages={"required": "Write its value"})


def validated(form: forms.Form) -> dict[str, Any]:
    """The form's values. Raises Invalid with the first thing that does not fit."""
    if form.is_valid():
        return form.cleaned_data
    name, problems = next(iter(form.errors.items()))
    raise Invalid(str(problems[0]), name)
