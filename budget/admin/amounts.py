"""Micro-USD on the admin site: shown as on pages, typed in USD."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.utils.html import format_html
from django.utils.safestring import SafeString

from budget import amounts
from budget.amounts.money import MoneyField
from workspaces.admin import base


def format_amount(micro: int | None) -> SafeString | str:
    """An amount as on pages, with every digit in its title."""
    if micro is None:
        return amounts.format_usd(None)
    return format_html('<span title="{}">{}</span>', amounts.plain_usd(micro), amounts.format_usd(micro))


def column(path: str, label: str = "") -> Any:  # a callable; Django's stubs know only names in fieldsets
    """A column of a list, or a read-only field of a page: the amount at `path` (`account__spent`)."""

    @admin.display(description=label or path.rpartition("__")[2].replace("_", " "), ordering=path)
    def amount(obj: Any) -> Any:
        for name in path.split("__"):
            obj = getattr(obj, name, None)
        return format_amount(obj)

    amount.__name__ = f"{path}_usd"
    return amount


def columns(model: type[Model], names: str) -> list[Any]:
    """Fields with spaces between them, those of money as amounts. Commas put fields of a page on one line."""
    money = {field.name for field in model._meta.fields if isinstance(field, MoneyField)}
    return [column(name) if name in money else tuple(name.split(",")) if "," in name else name for name in names.split()]


def readonly(model: type[Model], names: str, *texts: Any, fields: str = "", **options: Any) -> None:
    """`base.readonly` with amounts as such, and no further fields on a row's page than the list has, unless named."""
    base.readonly(model, columns(model, names), *texts, fields=columns(model, fields or names), **options)


class USDField(forms.Field):
    """USD in the form, micro-USD inside: up to 6 decimals, exactly."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "size": 18})

    def __init__(self, *, signed: bool = False, **kwargs: Any) -> None:
        kwargs.pop("min_value", None)  # the bounds of the model's field are in micro-USD
        kwargs.pop("max_value", None)
        self.signed = signed
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return amounts.plain_usd(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:
        text = str(value if value is not None else "").strip()
        if not text:
            return None
        try:
            return amounts.parse_usd(text, signed=self.signed)
        except amounts.NotReadable:
            raise forms.ValidationError("Write USD with at most 6 decimals, like 12.50") from None
        except amounts.NotMoney as error:
            raise forms.ValidationError(f"The amount {error}") from None
