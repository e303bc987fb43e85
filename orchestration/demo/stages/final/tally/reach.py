from datetime import date, timedelta


def reach(cents: int, each_day: int, day: date) -> date | None:
    """The day on which the money is gone, at so many cents a day from this day on; None: it lasts."""
    if each_day <= 0:
        return None
    return day + timedelta(days=max(cents, 0) // each_day)
