"""Reads of one review and of the list, each a fixed number of queries."""

from dataclasses import dataclass

from django.db.models import Count, F, Q

from budget.models import Comment, Decision, Proposal, Review, ReviewLine
from budget.reviews import variance
from workspaces import paging
from workspaces.errors import NotFound
from workspaces.values import ids


@dataclass(frozen=True)
class ReviewDetail:
    """A review with its lines, proposals, comments and decisions. `lines` are ranked: farthest from the plan first."""

    review: Review
    lines: list[ReviewLine]
    proposals: list[Proposal]
    comments: list[Comment]
    decisions: list[Decision]

    @property
    def approvals(self) -> int:
        current = [decision for decision in self.decisions if decision.version == self.review.version]
        return sum(decision.verdict == Decision.Verdict.APPROVE for decision in current)


def review_for(workspace_id: str, review_id: str) -> Review:
    """Raises NotFound."""
    if ids.is_id(review_id):
        review = Review.objects.select_related("project").filter(project_id=workspace_id, pk=review_id).first()
        if review:
            return review
    raise NotFound("Review not found")


def load(review: Review) -> ReviewDetail:
    """Four queries."""
    return ReviewDetail(
        review,
        variance.rank(review.lines.order_by("position")),
        list(review.proposals.select_related("account__entry").order_by(F("account__entry__seq").asc(nulls_first=True), "field")),
        list(review.comments.select_related("line").order_by("id")),
        list(review.decisions.order_by("id")),
    )


def page(workspace_id: str, *, limit: int, cursor: str | None = None) -> tuple[list[Review], str | None]:
    """The newest reviews with `approved`, the approvals of their present version, and the next cursor."""
    approved = Q(decisions__version=F("version"), decisions__verdict=Decision.Verdict.APPROVE)
    rows = Review.objects.filter(project_id=workspace_id).annotate(approved=Count("decisions", filter=approved))
    return paging.page(rows, "-number", limit=limit, cursor=cursor)


def overall(review: Review) -> variance.Variance:
    """The variance of all lines together."""
    return variance.compare(review.planned, review.expected)
