"""The outcome of a review in a sentence: of its present version alone, with names, numbers and what changed since."""

from types import SimpleNamespace as Like
from typing import Any

import pytest

from budget.amounts import usd
from dashboard.reviews import labels


def outcome(state: str, *, proposals: int = 0, required: int = 2, reason: str = "", decisions: Any = ()) -> str:
    """`decisions`: (reviewer, version, verdict); the present version is 2."""
    decided = [Like(reviewer=name, version=version, verdict=verdict) for name, version, verdict in decisions]
    approvals = sum(each.version == 2 and each.verdict == "approve" for each in decided)
    review = Like(state=state, author="bea", required_approvals=required, version=2, state_reason=reason)
    return labels.outcome(Like(review=review, proposals=[None] * proposals, approvals=approvals, decisions=decided))  # type: ignore[arg-type]


OLD = ("otto", 1, "approve")
NEW = ("ana", 2, "approve")


@pytest.mark.parametrize(
    ("state", "more", "sentence"),
    [
        ("draft", {}, "A draft by bea, with no change proposed; no approval requested yet."),
        ("draft", {"proposals": 1}, "A draft by bea, with 1 change proposed; no approval requested yet."),
        ("open", {"proposals": 2, "decisions": [OLD]}, "bea proposes 2 changes. 2 more approvals will apply them."),
        ("open", {"proposals": 2, "decisions": [OLD, NEW]}, "bea proposes 2 changes. 1 more approval will apply them."),
        ("open", {"decisions": [OLD, NEW]}, "bea proposes no change. 1 more approval will confirm the figures."),
        ("approved", {"decisions": [OLD, NEW]}, "Approved by ana: no changes proposed."),
        ("approved", {"proposals": 1, "decisions": [NEW, ("vi", 2, "approve")]}, "Approved by ana and vi: 1 change was applied."),
        ("approved", {"proposals": 3, "decisions": [OLD, NEW]}, "Approved by ana: 3 changes were applied."),
        ("superseded", {"reason": "Review #3 was approved"}, "Superseded: review #3 was approved."),
        ("changes_requested", {"reason": "ana asks for changes"}, "ana asks for changes. bea may change it and request approval again."),
    ],
)  # fmt: skip
def test_the_outcome_is_of_the_present_version(state: str, more: dict[str, Any], sentence: str) -> None:
    assert outcome(state, **more) == sentence


def test_what_changed_since_is_named_with_now_and_then() -> None:
    assert labels.moved([]) == ""
    assert labels.moved([("total_spent", usd(1), usd(2)), ("max_project_spend", usd(9), usd("8.5"))]) == (
        "Figures have changed since: spend is now $2.00, was $1.00; the cap is now $8.50, was $9.00."
    )
