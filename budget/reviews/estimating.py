"""What an entry will have cost at its end. The one place that a review asks."""

from budget.models import Account

ENDED = ("done", "failed")


def estimate(account: Account) -> int | None:
    """Micro-USD, or None where nobody knows. An entry that ended costs what it cost."""
    return account.spent if account.entry.status in ENDED else None
