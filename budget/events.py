"""Events of the activity log about money and its reviews. Amounts in USD, as JSON numbers."""

from typing import Any

from budget import amounts
from workspaces.activity.events import ActivityEvent, formats, plain

PERIODS = {"day": "today", "all": "over the whole life"}


def amount(value: Any) -> str:
    """`$1.80`; a dash for None."""
    return amounts.format_usd(amounts.usd(value)) if isinstance(value, (int, float)) else plain(value)


formats["usd"] = amount


class BudgetEvent(ActivityEvent, page="budget"):
    pass


class AmountSet(BudgetEvent):
    before_usd: float | None
    after_usd: float | None
    field: str


EntryBudgetSet = AmountSet.define("budget.budget", "set the budget of {subject} from {before_usd:usd} to {after_usd:usd}")
CapSet = AmountSet.define("budget.max_project_spend", "set the cap from {before_usd:usd} to {after_usd:usd}")
TotalBudgetSet = AmountSet.define("budget.total_budget", "set the total budget from {before_usd:usd} to {after_usd:usd}")
LimitSet = AmountSet.define("budget.limit_set", "set a limit ({field}) from {before_usd:usd} to {after_usd:usd}")


class EntryBudgetLocked(BudgetEvent, verb="budget.human_locked", sentence="{locked} the budget of {subject}"):
    before: int
    after: int
    field: str

    def words(self) -> dict[str, str]:
        return super().words() | {"locked": "locked" if self.after else "unlocked"}


class BudgetsReallocated(
    BudgetEvent, verb="budget.reallocated", sentence="reallocated budgets: {changed:entry/entries} changed, {skipped} skipped"
):
    changed: int
    skipped: int
    pool_usd: float
    unallocated_usd: float


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


class CountersRebuilt(
    BudgetEvent, verb="budget.rebuilt", sentence="rebuilt {count:counter/counters} of the budget from the ledger"
):
    count: int
    micro_usd: list[Any]


class PermitOpened(ActivityEvent, verb="permit.opened", sentence="opened a permit: {category}, {amount_usd:usd}"):
    category: str
    amount_usd: float
    minutes: int


class PermitClosed(ActivityEvent, verb="permit.closed", sentence="closed a permit: {category}, {freed_usd:usd} released"):
    category: str
    freed_usd: float


class SpendCorrected(ActivityEvent, verb="spend.corrected", sentence="booked a correction of {amount_usd:usd}"):
    ledger: int
    amount_usd: float
    session: str


class UnknownSettled(
    ActivityEvent,
    verb="spend.unknown_settled",
    sentence="settled {requests:request/requests} without a known answer at an estimate: {booked_usd:usd} booked, {freed_usd:usd} released",
):
    requests: int
    booked_usd: float
    freed_usd: float


class SpendReconciled(
    ActivityEvent,
    verb="spend.reconciled",
    sentence="reconciled the ledger with {provider}: {lines:difference/differences} booked, {amount_usd:usd}",
):
    provider: str
    lines: int
    amount_usd: float


class ReviewEvent(ActivityEvent, page="review"):
    number: int
    title: str


ReviewOpened = ReviewEvent.define("review.opened", "opened {subject}")


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


class ReviewApplied(ReviewEvent, verb="review.applied", sentence="applied {subject}: {changes:change/changes}"):
    changes: int


ReviewSuperseded = ReviewEvent.define("review.superseded", "superseded {subject}")
