"""Events of the activity log about money and its reviews. Amounts in USD, as JSON numbers."""

from typing import Any

from budget import amounts
from workspaces.activity.events import ActivityEvent, counted, plain

PERIODS = {"day": "today", "all": "over the whole life"}


def amount(value: Any) -> str:
    """`$1.80`; a dash for None."""
    return amounts.format_usd(amounts.usd(value)) if isinstance(value, (int, float)) else plain(value)


class BudgetEvent(ActivityEvent, page="budget"):
    pass


class AmountSet(BudgetEvent):
    before_usd: float | None
    after_usd: float | None
    field: str

    def words(self) -> dict[str, str]:
        return super().words() | {"before": amount(self.before_usd), "after": amount(self.after_usd)}


class EntryBudgetSet(AmountSet, verb="budget.budget", sentence="set the budget of {subject} from {before} to {after}"):
    pass


class CapSet(AmountSet, verb="budget.max_project_spend", sentence="set the cap from {before} to {after}"):
    pass


class TotalBudgetSet(AmountSet, verb="budget.total_budget", sentence="set the total budget from {before} to {after}"):
    pass


class LimitSet(AmountSet, verb="budget.limit_set", sentence="set a limit ({field}) from {before} to {after}"):
    pass


class EntryBudgetLocked(BudgetEvent, verb="budget.human_locked", sentence="{locked} the budget of {subject}"):
    before: int
    after: int
    field: str

    def words(self) -> dict[str, str]:
        return super().words() | {"locked": "locked" if self.after else "unlocked"}


class BudgetsReallocated(
    BudgetEvent, verb="budget.reallocated", sentence="reallocated budgets: {changed} changed, {skipped} skipped"
):
    changed: int
    skipped: int
    pool_usd: float
    unallocated_usd: float

    def words(self) -> dict[str, str]:
        return super().words() | {"changed": counted(self.changed, "entry", "entries")}


class CapThresholdPassed(
    BudgetEvent,
    verb="budget.threshold",
    sentence="warned that {percent} % of the cap is spent",
    notice="Spend passed a warning threshold",
):
    """Written by a trigger of the database."""

    percent: int
    spent_usd: float
    cap_usd: float


class LimitReached(
    BudgetEvent,
    verb="budget.limit",
    sentence="reported a limit as reached: {category}, {period}",
    notice="A budget limit is reached",
):
    """Written by a trigger of the database."""

    category: str
    period: str
    limit_usd: float

    def words(self) -> dict[str, str]:
        return super().words() | {"period": PERIODS.get(str(self.period), str(self.period))}


class ThresholdsSet(BudgetEvent, verb="budget.thresholds", sentence="set the warnings to {after} percent of the cap"):
    before: list[int]
    after: list[int]


class CountersRebuilt(BudgetEvent, verb="budget.rebuilt", sentence="rebuilt {count} of the budget from the ledger"):
    count: int
    micro_usd: list[Any]

    def words(self) -> dict[str, str]:
        return super().words() | {"count": counted(self.count, "counter", "counters")}


class PermitOpened(ActivityEvent, verb="permit.opened", sentence="opened a permit: {category}, {amount}"):
    category: str
    amount_usd: float
    minutes: int

    def words(self) -> dict[str, str]:
        return super().words() | {"amount": amount(self.amount_usd)}


class PermitClosed(ActivityEvent, verb="permit.closed", sentence="closed a permit: {category}, {freed} released"):
    category: str
    freed_usd: float

    def words(self) -> dict[str, str]:
        return super().words() | {"freed": amount(self.freed_usd)}


class SpendCorrected(ActivityEvent, verb="spend.corrected", sentence="booked a correction of {amount}"):
    ledger: int
    amount_usd: float
    session: str

    def words(self) -> dict[str, str]:
        return super().words() | {"amount": amount(self.amount_usd)}


class UnknownSettled(
    ActivityEvent,
    verb="spend.unknown_settled",
    sentence="settled {requests} without a known answer at an estimate: {booked} booked, {freed} released",
):
    requests: int
    booked_usd: float
    freed_usd: float

    def words(self) -> dict[str, str]:
        shown = {
            "requests": counted(self.requests, "request", "requests"),
            "booked": amount(self.booked_usd),
            "freed": amount(self.freed_usd),
        }
        return super().words() | shown


class SpendReconciled(
    ActivityEvent, verb="spend.reconciled", sentence="reconciled the ledger with {provider}: {lines} booked, {amount}"
):
    provider: str
    lines: int
    amount_usd: float

    def words(self) -> dict[str, str]:
        return super().words() | {"lines": counted(self.lines, "difference", "differences"), "amount": amount(self.amount_usd)}


class ReviewEvent(ActivityEvent, page="review"):
    number: int
    title: str


class ReviewOpened(ReviewEvent, verb="review.opened", sentence="opened {subject}"):
    pass


class ReviewChanged(ReviewEvent, verb="review.changed", sentence="changed {subject}"):
    proposals: int
    required_approvals: int


class ReviewRequested(
    ReviewEvent,
    verb="review.requested",
    sentence="requested a decision on {subject}",
    notice="A budget review needs a decision",
):
    author: str
    required_approvals: int
    proposals: int
    due: str | None


class ReviewCommented(ReviewEvent, verb="review.commented", sentence="commented on {subject}"):
    entry: str


class ReviewDecided(
    ReviewEvent, verb="review.decided", sentence="decided on {subject}: {verdict}", notice="A budget review was decided"
):
    verdict: str
    state: str
    why: str
    approvals: int
    required_approvals: int

    def words(self) -> dict[str, str]:
        return super().words() | {"verdict": "approved" if self.verdict == "approve" else "changes requested"}


class ReviewApplied(ReviewEvent, verb="review.applied", sentence="applied {subject}: {changes}"):
    changes: int

    def words(self) -> dict[str, str]:
        return super().words() | {"changes": counted(self.changes, "change", "changes")}


class ReviewSuperseded(ReviewEvent, verb="review.superseded", sentence="superseded {subject}"):
    pass
