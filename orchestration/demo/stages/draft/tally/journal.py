from tally import amounts, dates
from tally.journal import Posting, Transaction


def parse(text: str) -> list[Transaction]:
    """The transactions of a journal, in its order. Raises ValueError naming the line that cannot be read."""
    found: list[Transaction] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        if line[0].isspace():
            account, amount = line.strip().rsplit(maxsplit=1)
            last = found[-1]
            posting = Posting(account.strip(), amounts.parse(amount))
            found[-1] = Transaction(last.day, last.text, (*last.postings, posting))
        else:
            day, _, what = line.partition(" ")
            found.append(Transaction(dates.parse(day), what.strip(), ()))
    return found
