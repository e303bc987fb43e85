"""Amounts. Micro-USD as integers inside, `Decimal` at the edge, JSON numbers out, one formatter for people (docs/explanation/money.md). Pure."""

from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

MICRO = 1_000_000
MOST_USD = Decimal(1000000000)


class NotMoney(ValueError):
    """The value is not an amount of USD that Muster takes; the message says why, for the caller."""


def from_json(value: Any) -> int:
    """Micro-USD from a JSON number (int or Decimal). Raises NotMoney for strings, bools, NaN, negatives, more than 6 decimals."""
    amount = signed_from_json(value)
    if amount < 0:
        raise NotMoney("must be 0 or more")
    return amount


def signed_from_json(value: Any) -> int:
    """The same, and a minus may stand before it: a refund."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise NotMoney("must be a number")
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise NotMoney("must be a number") from None
    if not amount.is_finite():
        raise NotMoney("must be a finite number")
    if amount.copy_abs() > MOST_USD:  # abs() rounds, and 1E999999999 is more than it can hold
        raise NotMoney(f"must be at most {MOST_USD}" if amount > 0 else f"must be at least -{MOST_USD}")
    places = amount.as_tuple().exponent
    if isinstance(places, int) and places < -6 and any(amount.as_tuple().digits[6 + places :]):
        raise NotMoney("has more than 6 decimals")  # counted on the digits: multiplying first would round them away
    return int(amount.scaleb(6))


def usd(amount: str | int | float) -> int:
    """Micro-USD from a literal in code or a setting: `usd("0.25")`."""
    return int(Decimal(str(amount)) * MICRO)


def round_up(amount: Decimal) -> int:
    """Micro-USD of a computed price, rounded up so that the ledger never understates."""
    return int((amount * MICRO).to_integral_value(rounding=ROUND_CEILING))


def number(micro: int) -> int | float:
    """The JSON number for micro-USD: exact up to $9 billion; whole dollars as integers."""
    whole, rest = divmod(micro, MICRO)
    return whole if rest == 0 else micro / MICRO


def format_usd(micro: int | None, *, estimate: bool = False, places: int | None = None, exact: bool = False) -> str:
    """The one way an amount is written for people: `$0.0032`, `$1,234.50`, `—` for unknown, `≈` for estimates.

    `places`: the decimals of a column that has one precision (columns.py). `exact`: up to four decimals where cents would hide them,
    for sentences that compare two amounts.
    """
    if micro is None:
        return "—"
    sign, size = ("−" if micro < 0 else ""), abs(micro)
    if places is not None:
        shown = f"${Decimal(size) / MICRO:,.{places}f}"
    elif size == 0:
        shown = "$0.00"
    elif size < 100:
        shown = "<$0.0001"
    elif exact and size % 10_000:
        shown = f"${Decimal(size) / MICRO:,.4f}".rstrip("0").rstrip(".")
    elif size < 10_000:
        shown = f"${Decimal(size) / MICRO:,.4f}"
    else:
        shown = f"${Decimal(size) / MICRO:,.2f}"
    return f"{'≈ ' if estimate else ''}{sign}{shown}"


def exact_usd(micro: int) -> str:
    return format_usd(micro, exact=True)
