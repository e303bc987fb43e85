"""Money. Counters are kept by triggers from the ledger and the holds (sql/): no code can forget them.

`Project.held == sum of what open holds have left`, `Account.spent == sum of its ledger == sum of its rounds' cost`, at every commit.
Opening or growing a hold past a cap is refused by the database, whoever asks.
"""

from budget.models.accounts import Account, Category, Project, RoundSpend
from budget.models.changes import BudgetChange
from budget.models.ledger import Hold, LedgerEntry
from budget.models.limits import DaySpend, Limit, ThresholdCrossing
from budget.models.reviews import Comment, Decision, Proposal, Review, ReviewLine

__all__ = [
    "Account",
    "BudgetChange",
    "Category",
    "Comment",
    "DaySpend",
    "Decision",
    "Hold",
    "LedgerEntry",
    "Limit",
    "Project",
    "Proposal",
    "Review",
    "ReviewLine",
    "RoundSpend",
    "ThresholdCrossing",
]
