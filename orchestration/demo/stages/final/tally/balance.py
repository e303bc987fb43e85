from collections import Counter
from datetime import date

from tally import accounts
from tally.journal import Transaction


def between(transactions: list[Transaction], first: date, last: date) -> list[Transaction]:
    """Those from the first day to the last, both included."""
    return [each for each in transactions if first <= each.day <= last]


def balances(transactions: list[Transaction]) -> dict[str, int]:
    """The cents on each account that was used."""
    found: Counter[str] = Counter()
    for each in transactions:
        for posting in each.postings:
            found[posting.account] += posting.cents
    return dict(found)


def rolled_up(amounts: dict[str, int]) -> dict[str, int]:
    """With the accounts above: `assets` holds all that is in `assets:bank` and `assets:cash`."""
    found: Counter[str] = Counter()
    for name, cents in amounts.items():
        for account in (name, *accounts.ancestors(name)):
            found[account] += cents
    return dict(found)
