"""Columns of amounts that add up as they are shown: one precision, and what rounding takes goes to those who lost most."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from budget.amounts import money


def apportion(parts: Sequence[int], unit: int) -> list[int]:
    """Each part in whole units, so that they add up to the whole as it rounds: the largest remainders are rounded up."""
    whole = rounded(sum(parts), unit)
    units = [part // unit for part in parts]
    missing = whole - sum(units)
    by_remainder = sorted(range(len(parts)), key=lambda n: (-(parts[n] % unit), n))
    for n in by_remainder[: max(missing, 0)]:
        units[n] += 1
    return units


def rounded(amount: int, unit: int) -> int:
    """In whole units, halves to even: as `money.text` rounds."""
    return int((Decimal(amount) / unit).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def places(amounts: Sequence[int]) -> int:
    """The decimals that a column needs so that nothing in it reads as zero which is not."""
    smallest = min((abs(amount) for amount in amounts if amount), default=money.MICRO)
    return 6 if smallest < 100 else 4 if smallest < 10_000 else 2


def exact_places(amounts: Sequence[int]) -> int:
    """The decimals, two at least, with which nothing in a column is rounded."""
    return next(n for n in range(2, 7) if all(amount % 10 ** (6 - n) == 0 for amount in amounts) or n == 6)


def exact(amount: int, *beside: int) -> str:
    """An amount to its last micro-dollar, with the decimals of those beside it."""
    return money.text(amount, places=exact_places([amount, *beside]))


def texts(parts: Sequence[int]) -> tuple[list[str], str]:
    """The parts and their sum as a column shows them: what is shown adds up."""
    decimals = places(parts)
    unit = 10 ** (6 - decimals)
    shown = apportion(parts, unit)
    return [money.text(n * unit, places=decimals) for n in shown], money.text(sum(shown) * unit, places=decimals)


def shares(parts: Sequence[int]) -> list[str]:
    """Percentages of the sum, that add up to 100 %. More than nothing never reads as 0 %."""
    whole = sum(parts)
    if whole <= 0:
        return ["—"] * len(parts)
    percents = apportion([100 * part for part in parts], whole)
    return ["< 1 %" if part > 0 and percent == 0 else f"{percent} %" for part, percent in zip(parts, percents, strict=True)]
