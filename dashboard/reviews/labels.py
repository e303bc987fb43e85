"""How a review says where it stands. Pure."""

from budget import amounts
from budget.models import Review
from budget.reviews.reading import ReviewDetail

MOVED = {"total_spent": "spend", "max_project_spend": "the cap", "total_budget": "the total budget"}
ONLY = {"": "All entries", "over": "Only entries over their plan", "proposed": "Only entries with a proposed change"}


def outcome(found: ReviewDetail) -> str:
    """One sentence: what came of it, or what it waits for."""
    review, n = found.review, len(found.proposals)
    changes = "no change" if n == 0 else f"{n} {'change' if n == 1 else 'changes'}"
    if review.state == Review.State.DRAFT:
        return f"A draft by {review.author}, with {changes} proposed; nobody was asked yet."
    if review.state == Review.State.OPEN:
        left = review.required_approvals - found.approvals
        return f"{review.author} proposes {changes}; {left} more {'approval' if left == 1 else 'approvals'} will apply them."
    if review.state == Review.State.APPROVED:
        names = " and ".join(one.reviewer for one in found.decisions if one.version == review.version)
        applied = "nothing was to be changed" if n == 0 else f"{changes} {'was' if n == 1 else 'were'} applied"
        return f"Approved by {names}: {applied}."
    if review.state == Review.State.SUPERSEDED:
        return f"Set aside: {review.state_reason[:1].lower()}{review.state_reason[1:]}."
    return f"{review.state_reason}. {review.author} may change it and ask again."


def moved(found: list[tuple[str, int, int]]) -> str:
    """What is not any more as the figures say; empty when nothing moved."""
    parts = [f"{MOVED[name]} is {amounts.format_usd(now)} now, it was {amounts.format_usd(then)}" for name, then, now in found]
    return f"Figures have moved since: {'; '.join(parts)}." if parts else ""
