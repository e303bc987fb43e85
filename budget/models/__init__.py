"""Money. Triggers keep the counters equal to the ledger and the reservations (sql/), so no code can forget them.

`Project.held == sum of the remainders of open holds`, `Account.spent == sum of its ledger == sum of its rounds' cost`, at every commit.
The database refuses every reservation beyond a cap.

- `accounts`: the counters of projects, entries, rounds and models
- `ledger`: reservations (`Hold`) and the ledger
- `limits`: limits, spend by day, crossed thresholds
- `gateway`: requests of agents, each reserved before it is sent
- `changes`: who changed which amount
- `forecasts`: the newest forecast of each project
- `reviews`: reviews of the budget
"""

from budget.categories import Category
from budget.models.accounts import Account, ModelSpend, Project, RoundSpend, UsageTotal
from budget.models.changes import BudgetChange
from budget.models.forecasts import ForecastRecord
from budget.models.gateway import GatewayAccess, GatewayRequest
from budget.models.ledger import Hold, LedgerEntry
from budget.models.limits import DaySpend, Limit, ThresholdCrossing
from budget.models.reviews import Comment, Decision, Proposal, Review, ReviewLine
from workspaces.models import known_words

__all__ = [
    "Account",
    "BudgetChange",
    "Category",
    "Comment",
    "DaySpend",
    "Decision",
    "ForecastRecord",
    "GatewayAccess",
    "GatewayRequest",
    "Hold",
    "LedgerEntry",
    "Limit",
    "ModelSpend",
    "Project",
    "Proposal",
    "Review",
    "ReviewLine",
    "RoundSpend",
    "ThresholdCrossing",
    "UsageTotal",
]

known_words.keep(Decision, GatewayRequest, Hold, Review)
