"""Money for entries without their own budget.

`shares` gives out and refills shares of the plan. `first_rounds` takes from shares that pay for several rounds, so that each entry gets one.
"""

from orchestration.funding.shares import (
    mark_due,
    on_budget_change,
    policy_for,
    read_policy,
    share_out,
    share_out_all_due,
    shares_for_new,
    spare,
    unblock_affordable,
)

__all__ = [
    "mark_due",
    "on_budget_change",
    "policy_for",
    "read_policy",
    "share_out",
    "share_out_all_due",
    "shares_for_new",
    "spare",
    "unblock_affordable",
]
