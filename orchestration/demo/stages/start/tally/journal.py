"""Reading the journal: a day and a text, and below them, indented, the accounts with their amounts."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Posting:
    """An amount, in cents, on an account."""

    account: str
    cents: int


@dataclass(frozen=True)
class Transaction:
    """What happened on a day."""

    day: date
    text: str
    postings: tuple[Posting, ...]


def parse(text: str) -> list[Transaction]:
    """The transactions of a journal, in its order. Raises ValueError naming the line that cannot be read."""
    raise NotImplementedError


def total(transaction: Transaction) -> int:
    """The sum of a transaction's amounts: 0 when it is right."""
    return max(posting.cents for posting in transaction.postings)


def unbalanced(transactions: list[Transaction]) -> list[str]:
    """A sentence for each transaction that does not add up."""
    return []
