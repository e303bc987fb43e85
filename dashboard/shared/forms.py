"""Form fields and forms that several pages share. Amounts are typed in USD and validated to micro-USD."""

import re
from typing import Any

from django import forms

from budget.amounts import money
from workspaces.errors import Invalid

GROUPED = re.compile(r"[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?")


class AmountField(forms.DecimalField):
    """An amount in USD, cleaned to micro-USD. Accepts `$` and thousands separators; rejects a comma elsewhere and more than six decimals."""

    def to_python(self, value: Any) -> Any:
        text = value.strip().removeprefix("$").strip() if isinstance(value, str) else value
        if isinstance(text, str) and "," in text:
            if not GROUPED.fullmatch(text):  # 12,50 means twelve and a half in many countries and must not become 1250
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


class RequiredReasonForm(forms.Form):
    reason = forms.CharField(max_length=500, error_messages={"required": "Enter a reason"})


def validated(form: forms.Form) -> dict[str, Any]:
    """The cleaned values. Raises Invalid with the first error."""
    if form.is_valid():
        return form.cleaned_data
    name, problems = next(iter(form.errors.items()))
    raise Invalid(str(problems[0]), name)
