"""Amounts: micro-USD as integers inside, USD at the edge.

`format` is pure and is what this package exports; `money` is the model field; `columns` rounds tables so that they add up.
"""

from budget.amounts.format import (
    MICRO,
    MOST_USD,
    NotMoney,
    exact_usd,
    format_usd,
    from_json,
    number,
    round_up,
    signed_from_json,
    usd,
)

__all__ = [
    "MICRO",
    "MOST_USD",
    "NotMoney",
    "exact_usd",
    "format_usd",
    "from_json",
    "number",
    "round_up",
    "signed_from_json",
    "usd",
]
