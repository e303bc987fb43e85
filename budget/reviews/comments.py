"""Comments on a review, or on the line of one entry."""

from django.db import transaction

from budget import events
from budget.models import Comment, Review
from budget.reviews.drafting import record
from workspaces.access import Caller
from workspaces.errors import NotFound


def add(review: Review, text: str, *, by: Caller, entry_id: str | None = None) -> Comment:
    """Add a comment, which stays. Raises NotFound for an entry that is not in the snapshot."""
    line = None
    if entry_id is not None:
        line = review.lines.filter(account_id=entry_id).first()
        if line is None:
            raise NotFound("Entry not found")
    with transaction.atomic():
        comment = Comment.objects.create(review=review, line=line, author=by.name, text=text)
        event = events.ReviewCommented(number=review.number, title=review.title, entry=entry_id or "")
        record(review, event, by=by, reason=text[:500])
    comment.refresh_from_db()
    return comment
