"""The outcome of a review in words. Pure."""

from budget import amounts
from budget.models import Review
from budget.reviews.reading import ReviewDetail

MOVED = {"total_spent": "spend", "max_project_spend": "the cap", "total_budget": "the total budget"}
ONLY = {"": "All entries", "over": "Only entries over their plan", "proposed": "Only entries with a proposed change"}


def outcome(whole: ReviewDetail) -> str:
    """The result of a review, or what it waits for, in one sentence."""
    review, n = whole.review, len(whole.proposals)
    changes = "no change" if n == 0 else f"{n} {'change' if n == 1 else 'changes'}"
    if review.state == Review.State.DRAFT:
        return f"A draft by {review.author}, with {changes} proposed; no approval requested yet."
    if review.state == Review.State.OPEN:
        left = review.required_approvals - whole.approvals
        effect = "will apply them" if n else "will confirm the figures"
        return f"{review.author} proposes {changes}. {left} more {'approval' if left == 1 else 'approvals'} {effect}."
    if review.state == Review.State.APPROVED:
        names = " and ".join(decision.reviewer for decision in whole.decisions if decision.version == review.version)
        applied = "no changes proposed" if n == 0 else f"{changes} {'was' if n == 1 else 'were'} applied"
        return f"Approved by {names}: {applied}."
    if review.state == Review.State.SUPERSEDED:
        return f"Superseded: {review.state_reason[:1].lower()}{review.state_reason[1:]}."
    return f"{review.state_reason}. {review.author} may change it and request approval again."


def moved(moves: list[tuple[str, int, int]]) -> str:
    """The figures that changed since the snapshot; empty if none."""
    parts = [f"{MOVED[name]} is now {amounts.format_usd(now)}, was {amounts.format_usd(then)}" for name, then, now in moves]
    return f"Figures have changed since: {'; '.join(parts)}." if parts else ""
