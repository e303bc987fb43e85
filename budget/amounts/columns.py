"""Columns of amounts that add up as they are shown: one precision, and the largest remainders are rounded up."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from budget.amounts.format import MICRO, format_usd


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
    """The number of whole units, halves to even, as `format_usd` rounds."""
    return int((Decimal(amount) / unit).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def places(amounts: Sequence[int]) -> int:
    """The decimals that a column needs so that no amount but zero reads as zero."""
    smallest = min((abs(amount) for amount in amounts if amount), default=MICRO)
    return 6 if smallest < 100 else 4 if smallest < 10_000 else 2


def exact_places(amounts: Sequence[int]) -> int:
    """The decimals, at least two, with which no amount of a column is rounded."""
    return next(n for n in range(2, 7) if all(amount % 10 ** (6 - n) == 0 for amount in amounts) or n == 6)


def exact(amount: int, *others: int) -> str:
    """An amount to its last micro-dollar, with the decimals that `others` of its column need."""
    return format_usd(amount, places=exact_places([amount, *others]))


def texts(parts: Sequence[int]) -> tuple[list[str], str]:
    """The parts and their sum as a column shows them: the rounded parts add up to the rounded sum."""
    decimals = places(parts)
    unit = 10 ** (6 - decimals)
    shown = apportion(parts, unit)
    return [format_usd(n * unit, places=decimals) for n in shown], format_usd(sum(shown) * unit, places=decimals)


def shares(parts: Sequence[int]) -> list[str]:
    """Percentages of the sum that add up to 100 %. A part above zero never reads as 0 %."""
    whole = sum(parts)
    if whole <= 0:
        return ["—"] * len(parts)
    percents = apportion([100 * part for part in parts], whole)
    return ["< 1 %" if part > 0 and percent == 0 else f"{percent} %" for part, percent in zip(parts, percents, strict=True)]
