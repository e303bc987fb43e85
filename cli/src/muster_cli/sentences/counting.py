"""Numbers with their noun."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 finding`, `2 findings`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
