"""Amounts. Micro-USD as integers inside, `Decimal` at the edge, JSON numbers out, one formatter and one parser for people. Pure."""

import re
from decimal import ROUND_CEILING, Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

MICRO = 1_000_000
MAX_USD = Decimal(1000000000)
_AS_FLOAT = Context(prec=15)  # so many digits of a binary fraction are exact
_NOISE = Decimal("1e-12")  # USD: sums of binary fractions differ by less, prices of a token by more
_TYPED = re.compile(r"([0-9]+|[1-9][0-9]{0,2}(,[0-9]{3})+)?(\.[0-9]*)?", re.ASCII)


class NotMoney(ValueError):
    """The value is not an amount of USD that Muster takes. The message continues "The amount ..."."""


class NotReadable(NotMoney):
    """The text is not a number."""


def from_json(value: Any) -> int:
    """Micro-USD from a JSON number (int or Decimal). Raises NotMoney for strings, bools, NaN, negatives, more than 6 decimals."""
    amount = signed_from_json(value)
    if amount < 0:
        raise NotMoney("must be 0 or more")
    return amount


def signed_from_json(value: Any) -> int:
    """Like `from_json`, for amounts that may be negative, such as a refund."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise NotMoney("must be a number")
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise NotMoney("must be a number") from None
    if not amount.is_finite():
        raise NotMoney("must be a finite number")
    if amount.copy_abs() > MAX_USD:  # abs() rounds, and 1E999999999 is more than it can hold
        raise NotMoney(f"must be at most {MAX_USD}" if amount > 0 else f"must be at least -{MAX_USD}")
    places = amount.as_tuple().exponent
    if isinstance(places, int) and places < -6 and any(amount.as_tuple().digits[6 + places :]):
        raise NotMoney("has more than 6 decimals")  # counted on the digits: multiplying first would round them away
    return int(amount.scaleb(6))


def parse_usd(text: str, *, signed: bool = False) -> int:
    """Micro-USD from text that a person typed, such as `$1,234.50`. Raises NotMoney."""
    bare = text.strip()
    negative = bare[:1] in ("-", "−")
    digits = bare.removeprefix("-").removeprefix("−").strip().removeprefix("$").strip()
    if not _TYPED.fullmatch(digits) or not any(c.isdigit() for c in digits):
        if "," in digits:  # in half of the world 12,50 is twelve and a half, not 1250
            raise NotMoney("needs a point before the cents, such as 12.50")
        raise NotReadable("must be a number, such as 12.50")
    amount = Decimal(digits.replace(",", "")) * (-1 if negative else 1)
    return signed_from_json(amount) if signed else from_json(amount)


def usd(amount: str | int | float) -> int:
    """Micro-USD from a literal in code or a setting: `usd("0.25")`."""
    return int(Decimal(str(amount)) * MICRO)


def round_up(amount: Decimal) -> int:
    """Micro-USD of a price, computed or read from JSON, rounded up so that the ledger never understates. The noise of binary fractions is no
    part of it: 0.013000000000000001 is 0.013."""
    exact = _AS_FLOAT.plus(amount).quantize(_NOISE)
    return int((exact * MICRO).to_integral_value(rounding=ROUND_CEILING))


def number(micro: int) -> int | float:
    """The JSON number for micro-USD: exact up to $9 billion; whole dollars as integers."""
    whole, fraction = divmod(micro, MICRO)
    return whole if fraction == 0 else micro / MICRO


def format_usd(micro: int | None, *, estimate: bool = False, places: int | None = None, exact: bool = False) -> str:
    """An amount as people read it: `$0.0032`, `$1,234.50`, `—` for unknown, `≈` for estimates.

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


@lru_cache(maxsize=1024)  # a cycle writes the same few amounts for thousands of entries
def exact_usd(micro: int) -> str:
    return format_usd(micro, exact=True)


def plain_usd(micro: int) -> str:
    """Every digit, at least cents, without sign of currency or grouping, for inputs: `1234.5` becomes `1234.50`."""
    text = f"{Decimal(micro) / MICRO:.6f}"
    return text[:-4] + text[-4:].rstrip("0")


def full_usd(micro: int) -> str:
    """Every digit, for comparisons in which nothing may be rounded away: `−$0.000001`."""
    return f"{'−' if micro < 0 else ''}${plain_usd(abs(micro))}"
