"""Micro-USD on the admin site: shown as pages show it, typed in USD."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from budget.amounts import money

_SHAPE = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,6})?", re.ASCII)


def exact(micro: int) -> str:
    """Every digit, as it can be typed again: at least cents."""
    text = f"{Decimal(micro) / money.MICRO:.6f}"
    return text[:-4] + text[-4:].rstrip("0")


def exact_text(micro: int) -> str:
    """Every digit, for a comparison in which nothing may be rounded away."""
    return f"{'−' if micro < 0 else ''}${exact(abs(micro))}"


def shown(micro: int | None) -> SafeString | str:
    """An amount as pages write it, with every digit as its title."""
    if micro is None:
        return money.text(None)
    return format_html('<span title="{}">{}</span>', exact(micro), money.text(micro))


def column(path: str, label: str = "") -> Any:  # a callable; Django's stubs know only names in fieldsets
    """A column of a list, or a fact of a page: the amount at `path` (`account__spent`)."""

    @admin.display(description=label or path.rpartition("__")[2].replace("_", " "), ordering=path)
    def amount(obj: Any) -> Any:
        for name in path.split("__"):
            obj = getattr(obj, name, None)
        return shown(obj)

    amount.__name__ = f"{path}_usd"
    return amount


class USDField(forms.Field):
    """USD in the form, micro-USD inside: up to 6 decimals, exactly."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "size": 18})

    def __init__(self, *, signed: bool = False, **kwargs: Any) -> None:
        kwargs.pop("min_value", None)  # what the model's field would say of micro-USD
        kwargs.pop("max_value", None)
        self.signed = signed
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return exact(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:
        text = str(value if value is not None else "").strip()
        if not text:
            return None
        if not _SHAPE.fullmatch(text):
            raise forms.ValidationError("Write USD with at most 6 decimals, like 12.50")
        amount = Decimal(text)
        if amount < 0 and not self.signed:
            raise forms.ValidationError("It must be 0 or more")
        if abs(amount) > money.MOST_USD:
            raise forms.ValidationError(f"It must be at most {money.MOST_USD} USD")
        return int(amount * money.MICRO)
