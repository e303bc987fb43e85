from decimal import Decimal, InvalidOperation


def parse(text: str) -> int:
    """`12.30` is 1230 cents. Raises ValueError for what is no amount."""
    try:
        return int(Decimal(text.strip()) * 100)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount") from None
