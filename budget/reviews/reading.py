"""Reads of reviews: one, and the list, each a fixed number of queries."""

from dataclasses import dataclass

from django.db.models import Count, F, Q

from budget.models import Comment, Decision, Proposal, Review, ReviewLine
from budget.reviews import variance
from workspaces import ids
from workspaces.errors import NotFound


@dataclass(frozen=True)
class Whole:
    """A review with all that belongs to it. `lines` are ranked: farthest from the plan first."""

    review: Review
    lines: list[ReviewLine]
    proposals: list[Proposal]
    comments: list[Comment]
    decisions: list[Decision]

    @property
    def approvals(self) -> int:
        mine = [one for one in self.decisions if one.version == self.review.version]
        return sum(one.verdict == Decision.Verdict.APPROVE for one in mine)


def review_for(workspace_id: str, review_id: str) -> Review:
    """Raises NotFound."""
    if ids.looks_like_one(review_id):
        found = Review.objects.select_related("project").filter(project_id=workspace_id, pk=review_id).first()
        if found:
            return found
    raise NotFound("Review not found")


def whole(review: Review) -> Whole:
    """Four queries."""
    return Whole(
        review,
        variance.ranked(review.lines.order_by("position")),
        list(review.proposals.select_related("account__entry").order_by(F("account__entry__seq").asc(nulls_first=True), "field")),
        list(review.comments.select_related("line").order_by("id")),
        list(review.decisions.order_by("id")),
    )


def page(workspace_id: str, *, limit: int, before: int | None = None) -> tuple[list[Review], int | None]:
    """The newest reviews with `approved`, the approvals of their present version; the number to go on from."""
    approved = Q(decisions__version=F("version"), decisions__verdict=Decision.Verdict.APPROVE)
    found = (
        Review.objects.filter(project_id=workspace_id).annotate(approved=Count("decisions", filter=approved)).order_by("-number")
    )
    if before is not None:
        found = found.filter(number__lt=before)
    rows: list[Review] = list(found[: limit + 1])
    return rows[:limit], rows[limit - 1].number if len(rows) > limit else None


def overall(review: Review) -> variance.Variance:
    """All of its lines against their plan."""
    return variance.against(review.planned, review.expected)
