"""The column of amounts, and `budget.amounts` under the name that pages and models call."""

from django.db import models

from budget.amounts.format import MICRO, MOST_USD, NotMoney, format_usd, from_json, number, round_up, signed_from_json, usd

__all__ = [
    "MICRO",
    "MOST_USD",
    "MoneyField",
    "NotMoney",
    "format_usd",
    "from_json",
    "number",
    "round_up",
    "signed_from_json",
    "text",
    "usd",
]

text = format_usd


class MoneyField(models.BigIntegerField):
    """Micro-USD."""
