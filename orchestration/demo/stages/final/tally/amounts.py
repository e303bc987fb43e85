import re
from decimal import Decimal

AMOUNT = re.compile(r"-?(\d+|\d{1,3}(,\d{3})+)(\.\d{1,2})?")


def parse(text: str) -> int:
    """`12.30` and `1,234.50` are amounts, `(4.00)` is a negative one. Raises ValueError for what is no amount."""
    stripped = text.strip()
    negative = stripped.startswith("(") and stripped.endswith(")")
    number = stripped[1:-1] if negative else stripped
    if not AMOUNT.fullmatch(number) or (negative and number.startswith("-")):
        raise ValueError(f"{text!r} is not an amount")
    cents = int(Decimal(number.replace(",", "")) * 100)
    return -cents if negative else cents


def show(cents: int) -> str:
    """1230 cents are `12.30`; thousands are set apart by commas."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}.{rest:02}"


def share(cents: int, parts: int) -> list[int]:
    """An amount in nearly equal parts that add up to it exactly, the bigger ones first."""
    if parts < 1:
        raise ValueError("an amount is shared by one or more")
    each, rest = divmod(cents, parts)
    return [each + 1] * rest + [each] * (parts - rest)
