"""The reasons why a firing adds no entry, and why a label does not count. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

from orchestration.forges.shared.issues import Standing


@dataclass(frozen=True)
class Facts:
    """The trigger, and what its entries of the month may still cost. `committed`: spent and still to be spent, in micro-USD. `issue_entry`: the open entry of
    its issue."""

    is_enabled: bool
    skips_overlap: bool
    open_entry: int | None
    firing_budget: int
    month_budget: int | None
    committed: int
    issue_entry: int | None = None


def refusal(facts: Facts) -> tuple[str, str] | None:
    """The code and the sentence of why no entry is added. None: one is."""
    if not facts.is_enabled:
        return "disabled", "The trigger is disabled"
    if facts.issue_entry is not None:
        return "open", f"The issue's entry #{facts.issue_entry} is not finished"
    if facts.skips_overlap and facts.open_entry is not None:
        return "overlap", f"Its entry #{facts.open_entry} is not finished"
    if facts.month_budget is not None and facts.committed + facts.firing_budget > facts.month_budget:
        return "month_budget", "Its entries of this month may cost all of the month's budget"
    return None


def refused_account(login: str, standing: Standing, *, own: str, ignored: Collection[str]) -> tuple[str, str] | None:
    """The code and the sentence of why a label of this account does not count. None: it does. `own`: Muster's own account there. `ignored`: those of agents."""
    name = login.casefold()
    if standing == "bot" or (own and name == own.casefold()) or name in {each.casefold() for each in ignored}:
        return "agent", f"The label was added by {login}, which is an account of a program"
    if standing != "writer":
        return "stranger", f"The label was added by {login or 'a deleted account'}, who may not write to the repository"
    return None
