from dataclasses import dataclass, replace
from datetime import date

from tally import accounts, amounts, dates


@dataclass(frozen=True)
class Posting:
    account: str
    cents: int


@dataclass(frozen=True)
class Transaction:
    day: date
    text: str
    postings: tuple[Posting, ...]


def parse(text: str) -> list[Transaction]:
    """The transactions of a journal, in its order; `;` begins a comment, and one amount may be left out: it is the rest.

    Raises ValueError naming the line that cannot be read.
    """
    found: list[Transaction] = []
    missing: dict[int, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.split(";")[0].rstrip()
        if not line:
            continue
        try:
            if not line[0].isspace():
                day, _, what = line.partition(" ")
                found.append(Transaction(dates.parse(day), what.strip(), ()))
            elif not found:
                raise ValueError("it belongs to no day")
            else:
                account, _, amount = line.strip().partition("  ")
                if not accounts.valid(account):
                    raise ValueError(f"{account!r} is not an account")
                if amount:
                    posting = Posting(account, amounts.parse(amount))
                    found[-1] = replace(found[-1], postings=(*found[-1].postings, posting))
                elif missing.setdefault(len(found) - 1, account) is not account:
                    raise ValueError("only one amount may be left out")
        except ValueError as problem:
            raise ValueError(f"line {number}: {problem}") from None
    for index, account in missing.items():
        rest = -sum(posting.cents for posting in found[index].postings)
        found[index] = replace(found[index], postings=(*found[index].postings, Posting(account, rest)))
    return found


def total(transaction: Transaction) -> int:
    """The sum of a transaction's amounts: 0 when it is right."""
    return sum(posting.cents for posting in transaction.postings)


def unbalanced(transactions: list[Transaction]) -> list[str]:
    """A sentence for each transaction that does not add up."""
    wrong = [transaction for transaction in transactions if total(transaction)]
    return [f"{each.day} {each.text} is off by {amounts.show(total(each))}" for each in wrong]
