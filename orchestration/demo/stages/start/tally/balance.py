"""What is on each account."""

from datetime import date

from tally.journal import Transaction


def between(transactions: list[Transaction], first: date, last: date) -> list[Transaction]:
    """Those from the first day to the last, both included."""
    return [each for each in transactions if first < each.day < last]


def balances(transactions: list[Transaction]) -> dict[str, int]:
    """The cents on each account that was used."""
    return {posting.account: posting.cents for each in transactions for posting in each.postings}


def rolled_up(amounts: dict[str, int]) -> dict[str, int]:
    """With the accounts above: `assets` holds all that is in `assets:bank` and `assets:cash`."""
    raise NotImplementedError
