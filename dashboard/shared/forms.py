"""Form fields and forms that several pages share. Amounts are typed in USD and validated to micro-USD."""

from typing import Any

from django import forms

from budget import amounts
from workspaces.errors import Invalid


class AmountField(forms.CharField):
    """An amount in USD as a person types it (`amounts.parse_usd`), cleaned to micro-USD; None where it is not required and empty."""

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


class RequiredReasonForm(forms.Form):
    reason = forms.CharField(max_length=500, error_messages={"required": "Enter a reason"})


def validated(form: forms.Form) -> dict[str, Any]:
    """The cleaned values. Raises Invalid with the first error."""
    if form.is_valid():
        return form.cleaned_data
    name, problems = next(iter(form.errors.items()))
    raise Invalid(str(problems[0]), name)
