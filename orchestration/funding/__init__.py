"""Money for entries that have no budget of their own."""

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
