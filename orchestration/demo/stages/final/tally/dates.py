from datetime import date, datetime, timedelta

FORMATS = ("%Y-%m-%d", "%d %b %Y", "%d %B %Y")


def parse(text: str) -> date:
    """`2024-03-05`, `5 Mar 2024` or `5 March 2024`. Raises ValueError for what is no day."""
    for form in FORMATS:
        try:
            return datetime.strptime(text.strip(), form).date()
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a day")


def month(day: date) -> str:
    """The month of a day."""
    return f"{day.year:04}-{day.month:02}"


def months(first: str, last: str) -> list[str]:
    """Every month from the first to the last, both included."""
    year, number = (int(part) for part in first.split("-"))
    found = []
    while f"{year:04}-{number:02}" <= last:
        found.append(f"{year:04}-{number:02}")
        year, number = (year, number + 1) if number < 12 else (year + 1, 1)
    return found


def last_day(of_month: str) -> date:
    """The last day of a month."""
    year, number = (int(part) for part in of_month.split("-"))
    following = date(year + number // 12, number % 12 + 1, 1)
    return following - timedelta(days=1)
