"""Spending over the months."""

from datetime import date


def monthly(spent: list[tuple[date, int]]) -> dict[str, int]:
    """The cents of each month, from the first to the last; a month without any has 0."""
    raise NotImplementedError


def average(values: list[int]) -> int:
    """The mean, rounded to whole cents; of nothing it is 0."""
    return sum(values) // len(values)


def direction(values: list[int]) -> str:
    """`rising`, `falling` or `steady`: the newest value against the average of those before."""
    return "steady"
