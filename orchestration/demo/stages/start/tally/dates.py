"""Days and months. A month is a text such as `2024-03`."""

from datetime import date


def parse(text: str) -> date:
    """`2024-03-05` or `5 Mar 2024`. Raises ValueError for what is no day."""
    year, month, day = text.split("-")
    return date(int(year), int(month), int(day))


def month(day: date) -> str:
    """The month of a day."""
    return f"{day.year}-{day.month}"


def months(first: str, last: str) -> list[str]:
    """Every month from the first to the last, both included."""
    raise NotImplementedError


def last_day(of_month: str) -> date:
    """The last day of a month."""
    year, number = of_month.split("-")
    return date(int(year), int(number), 30)
