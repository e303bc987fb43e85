"""Whether a firing adds an entry. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """What the trigger is, and what its entries of the month may still cost. `committed`: spent and still to be spent, in micro-USD."""

    is_enabled: bool
    skips_overlap: bool
    open_entry: int | None
    firing_budget: int
    month_budget: int | None
    committed: int


def refusal(facts: Facts) -> tuple[str, str] | None:
    """The code and the sentence of why no entry is added. None: one is."""
    if not facts.is_enabled:
        return "disabled", "The trigger is disabled"
    if facts.skips_overlap and facts.open_entry is not None:
        return "overlap", f"Its entry #{facts.open_entry} is not finished"
    if facts.month_budget is not None and facts.committed + facts.firing_budget > facts.month_budget:
        return "month_budget", "Its entries of this month may cost all of the month's budget"
    return None
