from calendar import monthrange
from datetime import date


def pace(cents: int, day: date) -> int:
    """The cents that may be spent on this day and each later one of its month."""
    days = monthrange(day.year, day.month)[1] - day.day + 1
    return max(cents, 0) // days
