"""The tables of reviews, for spreadsheets."""

from collections.abc import Callable

from django.http import StreamingHttpResponse

from budget import amounts
from budget.models import Review
from budget.reads import csv_export
from budget.reviews import reading
from budget.reviews.reading import ReviewDetail
from budget.schemas import reviews as shapes

MOST = 10_000


def reviews(workspace_id: str) -> StreamingHttpResponse:
    rows, _ = reading.page(workspace_id, limit=MOST)
    columns = [name for name in shapes.ReviewOut.model_fields]
    told = (shapes.summary(row, row.approved) for row in rows)  # type: ignore[attr-defined]
    return csv_export.respond("reviews", columns, ([one[name] for name in columns] for one in told))


def lines(found: ReviewDetail) -> StreamingHttpResponse:
    columns = list(shapes.ReviewLineOut.model_fields)
    return csv_export.respond(_name(found.review, "lines"), columns, (list(shapes.line(row).values()) for row in found.lines))


def proposals(found: ReviewDetail) -> StreamingHttpResponse:
    columns = ["entry_id", "field", "before_usd", "after_usd", "lock", "reason"]
    rows = ([p.account_id, p.field, amounts.number(p.before), amounts.number(p.after), p.lock, p.reason] for p in found.proposals)
    return csv_export.respond(_name(found.review, "proposals"), columns, rows)


def comments(found: ReviewDetail) -> StreamingHttpResponse:
    rows = ([c.at, c.author, c.line.account_id if c.line else None, c.text] for c in found.comments)
    return csv_export.respond(_name(found.review, "comments"), ["at", "author", "entry_id", "text"], rows)


def decisions(found: ReviewDetail) -> StreamingHttpResponse:
    rows = ([d.at, d.reviewer, d.version, d.verdict, d.note] for d in found.decisions)
    return csv_export.respond(_name(found.review, "decisions"), ["at", "reviewer", "version", "decision", "note"], rows)


SHEETS: dict[str, Callable[[ReviewDetail], StreamingHttpResponse]] = {
    "lines": lines,
    "proposals": proposals,
    "comments": comments,
    "decisions": decisions,
}


def _name(review: Review, what: str) -> str:
    return f"review-{review.number}-{what}"
