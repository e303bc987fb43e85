"""Money for entries that have no budget of their own."""

from orchestration.funding.shares import (
    due,
    everything_due,
    for_new,
    on_money,
    read_terms,
    share_out,
    spare,
    terms_of,
    unblock_affordable,
)

__all__ = ["due", "everything_due", "for_new", "on_money", "read_terms", "share_out", "spare", "terms_of", "unblock_affordable"]
