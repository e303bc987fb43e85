from datetime import date

from tally import dates


def monthly(spent: list[tuple[date, int]]) -> dict[str, int]:
    """The cents of each month, from the first to the last; a month without any has 0."""
    found: dict[str, int] = {}
    for day, cents in spent:
        found[dates.month(day)] = found.get(dates.month(day), 0) + cents
    return found


def average(values: list[int]) -> int:
    """The mean, rounded to whole cents; of nothing it is 0."""
    return round(sum(values) / len(values)) if values else 0


def direction(values: list[int]) -> str:
    """`rising`, `falling` or `steady`: the newest value against the average of those before."""
    if values[-1] > values[0]:
        return "rising"
    return "falling" if values[-1] < values[0] else "steady"
