"""Money as whole cents, so that nothing is lost in fractions."""


def parse(text: str) -> int:
    """`12.30` is 1230 cents. Raises ValueError for what is no amount."""
    return int(float(text) * 100)


def show(cents: int) -> str:
    """1230 cents are `12.30`."""
    return str(cents / 100)


def share(cents: int, parts: int) -> list[int]:
    """An amount in equal parts that add up to it."""
    return [cents // parts] * parts
