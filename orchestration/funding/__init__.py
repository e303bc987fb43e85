"""Money for entries without their own budget.

- `shares` gives out and refills shares of the plan
- `first_rounds` takes from shares that pay for several rounds, so that each entry gets one
- `raising` lets a share follow what its entry reserves, and takes it back from entries that do not go on
- `expectations` estimates of agents beside what happened, scored by `calibration`
- `pool` what the plan still has
- `unblocking` entries that waited for money, and entries that have none
- `changes` budgets raised and lowered, on record
"""

from orchestration.funding.pool import plan, spare
from orchestration.funding.raising import give_back, raise_shares
from orchestration.funding.shares import (
    give_again,
    mark_due,
    on_budget_change,
    policy_for,
    read_policy,
    share_out,
    share_out_all_due,
    shares_for_new,
)
from orchestration.funding.unblocking import pending_without_money_or_rounds, unblock_affordable

__all__ = [
    "give_again",
    "give_back",
    "mark_due",
    "on_budget_change",
    "pending_without_money_or_rounds",
    "plan",
    "policy_for",
    "raise_shares",
    "read_policy",
    "share_out",
    "share_out_all_due",
    "shares_for_new",
    "spare",
    "unblock_affordable",
]
