from collections import Counter
from datetime import date

from tally import dates


def monthly(spent: list[tuple[date, int]]) -> dict[str, int]:
    """The cents of each month, from the first to the last; a month without any has 0."""
    found: Counter[str] = Counter()
    for day, cents in spent:
        found[dates.month(day)] += cents
    if not found:
        return {}
    return {month: found[month] for month in dates.months(min(found), max(found))}


def average(values: list[int]) -> int:
    """The mean, rounded to whole cents; of nothing it is 0."""
    return round(sum(values) / len(values)) if values else 0


def direction(values: list[int]) -> str:
    """`rising`, `falling` or `steady`: the newest value against the average of those before."""
    if len(values) < 2:
        return "steady"
    usual, newest = average(values[:-1]), values[-1]
    if newest > usual:
        return "rising"
    return "falling" if newest < usual else "steady"
