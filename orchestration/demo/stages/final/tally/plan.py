from decimal import Decimal, InvalidOperation


def parse(text: str) -> dict[str, int]:
    """The planned cents of each account: a line names an account and an amount; `;` begins a comment."""
    planned = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition(";")[0].split()
        if not words:
            continue
        try:
            account, amount = words
            planned[account] = int(Decimal(amount) * 100)
        except (ValueError, InvalidOperation):
            raise ValueError(f"line {number} does not name an account and an amount") from None
    return planned
