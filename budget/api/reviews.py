"""Reviews over the API. Everyone reads; budget managers write, comment and decide."""

from typing import Any, Literal

from ninja import Path, Router, Status

from budget.models import Decision
from budget.reads import csv_export
from budget.reviews import comments, deciding, drafting, reading
from budget.schemas import reviews
from workspaces import access
from workspaces.access import Need, Request
from workspaces.schemas import Cursor, Limit, extra_content, responses

router = Router()


@router.get(
    "/budget/reviews", response=responses(reviews.ReviewsOut), operation_id="agent.orchestration.reviewsList", tags=["budget"]
)
def reviews_list(request: Request, workspaceID: Path[str], limit: Limit = 100, cursor: Cursor = None) -> Any:
    """The reviews of this budget, newest first."""
    workspace = access.workspace_for(request.auth, workspaceID)
    rows, following = reading.page(workspace.pk, limit=limit, cursor=cursor)
    shown = [reviews.summary(row, row.approved) for row in rows]  # type: ignore[attr-defined]
    return {"reviews": shown, "next_cursor": following}


@router.post(
    "/budget/reviews",
    response=responses(reviews.ReviewWholeOut, status=201),
    operation_id="agent.orchestration.reviewsCreate",
    tags=["budget"],
)
def reviews_create(request: Request, workspaceID: Path[str], body: reviews.ReviewIn) -> Any:
    """Begin a review, as a draft. Its figures are frozen now."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    draft = drafting.Draft(body.title, body.period_from, body.period_to, body.due, body.required_approvals)
    review = drafting.create(workspace.pk, draft, [proposal.wish() for proposal in body.proposals], by=request.auth)
    return Status(201, reviews.detail(reading.load(review)))


@router.get(
    "/budget/reviews/{reviewID}",
    response=responses(reviews.ReviewWholeOut),
    operation_id="agent.orchestration.reviewsGet",
    tags=["budget"],
)
def reviews_get(request: Request, workspaceID: Path[str], reviewID: str) -> Any:
    """A review whole: the frozen figures, what is proposed, what was said and who decided."""
    workspace = access.workspace_for(request.auth, workspaceID)
    return reviews.detail(reading.load(reading.review_for(workspace.pk, reviewID)))


@router.patch(
    "/budget/reviews/{reviewID}",
    response=responses(reviews.ReviewWholeOut),
    operation_id="agent.orchestration.reviewsUpdate",
    tags=["budget"],
)
def reviews_update(request: Request, workspaceID: Path[str], reviewID: str, body: reviews.ReviewChangesIn) -> Any:
    """Change your own review while it is a draft or changes are requested. `proposals` replaces all of them."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    changes = drafting.Changes(
        title=body.title,
        due=body.due,
        clear_due="due" in body.model_fields_set and body.due is None,
        required_approvals=body.required_approvals,
        proposals=None if body.proposals is None else [proposal.wish() for proposal in body.proposals],
    )
    row = drafting.change(reading.review_for(workspace.pk, reviewID), changes, by=request.auth)
    return reviews.detail(reading.load(row))


@router.post(
    "/budget/reviews/{reviewID}/open",
    response=responses(reviews.ReviewWholeOut),
    operation_id="agent.orchestration.reviewsOpen",
    tags=["budget"],
)
def reviews_open(request: Request, workspaceID: Path[str], reviewID: str) -> Any:
    """Ask for a decision on your own review, as a new version."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    row = drafting.request(reading.review_for(workspace.pk, reviewID), by=request.auth)
    return reviews.detail(reading.load(row))


@router.post(
    "/budget/reviews/{reviewID}/comments",
    response=responses(reviews.CommentOut, status=201),
    operation_id="agent.orchestration.reviewsCommentCreate",
    tags=["budget"],
)
def reviews_comment(request: Request, workspaceID: Path[str], reviewID: str, body: reviews.CommentIn) -> Any:
    """Say something about the review, or about one entry in it."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    comment = comments.add(reading.review_for(workspace.pk, reviewID), body.text, by=request.auth, entry_id=body.entry_id)
    return Status(201, reviews.comment(comment))


@router.post(
    "/budget/reviews/{reviewID}/decision",
    response=responses(reviews.ReviewWholeOut),
    operation_id="agent.orchestration.reviewsDecide",
    tags=["budget"],
)
def reviews_decide(request: Request, workspaceID: Path[str], reviewID: str, body: reviews.DecisionIn) -> Any:
    """Approve a review, or request changes: a person, not its author, not by token. The last approval carries it out."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    review = reading.review_for(workspace.pk, reviewID)
    row = deciding.decide(review, Decision.Verdict(body.decision), body.note, version=body.version, by=request.auth)
    return reviews.detail(reading.load(row))


@router.get(
    "/budget/reviews/{reviewID}/lines",
    response=responses(reviews.ReviewLinesOut),
    operation_id="agent.orchestration.reviewsLines",
    tags=["budget"],
    openapi_extra=extra_content(**{"text/csv": {"type": "string"}}),
)
def reviews_lines(request: Request, workspaceID: Path[str], reviewID: str, format: Literal["json", "csv"] = "json") -> Any:
    """The frozen figures of each entry, farthest from the plan first; with `format=csv` for a spreadsheet."""
    workspace = access.workspace_for(request.auth, workspaceID)
    review = reading.review_for(workspace.pk, reviewID)
    rows = [reviews.line(row) for row in reading.load(review).lines]
    if format == "csv":
        columns = list(reviews.ReviewLineOut.model_fields)
        return csv_export.respond(f"review-{review.number}-lines", columns, (list(row.values()) for row in rows))
    return {"lines": rows}
