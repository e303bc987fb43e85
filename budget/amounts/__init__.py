"""Amounts: micro-USD as integers inside, USD at the edge.

- `format`: reading and writing of amounts (pure); this package exports it
- `columns`: rounding of tables, so that their columns add up (pure)
- `money`: the model field
"""

from budget.amounts.format import (
    MAX_USD,
    MICRO,
    NotMoney,
    NotReadable,
    exact_usd,
    format_usd,
    from_json,
    full_usd,
    number,
    parse_usd,
    plain_usd,
    round_up,
    signed_from_json,
    usd,
)

__all__ = [
    "MAX_USD",
    "MICRO",
    "NotMoney",
    "NotReadable",
    "exact_usd",
    "format_usd",
    "from_json",
    "full_usd",
    "number",
    "parse_usd",
    "plain_usd",
    "round_up",
    "signed_from_json",
    "usd",
]
