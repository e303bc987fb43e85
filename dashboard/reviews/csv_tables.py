"""The tables of reviews as CSV."""

from collections.abc import Callable

from django.http import StreamingHttpResponse

from budget import amounts
from budget.models import Review
from budget.reads import csv_export
from budget.reviews import reading
from budget.reviews.reading import ReviewDetail
from budget.schemas import reviews as shapes

MAX_ROWS = 10_000


def reviews(workspace_id: str) -> StreamingHttpResponse:
    rows, _ = reading.page(workspace_id, limit=MAX_ROWS)
    columns = list(shapes.ReviewOut.model_fields)
    summaries = (shapes.summary(row, row.approved) for row in rows)  # type: ignore[attr-defined]
    return csv_export.respond("reviews", columns, ([summary[name] for name in columns] for summary in summaries))


def lines(whole: ReviewDetail) -> StreamingHttpResponse:
    columns = list(shapes.ReviewLineOut.model_fields)
    return csv_export.respond(_name(whole.review, "lines"), columns, (list(shapes.line(row).values()) for row in whole.lines))


def proposals(whole: ReviewDetail) -> StreamingHttpResponse:
    columns = ["entry_id", "field", "before_usd", "after_usd", "lock", "reason"]
    rows = ([p.account_id, p.field, amounts.number(p.before), amounts.number(p.after), p.lock, p.reason] for p in whole.proposals)
    return csv_export.respond(_name(whole.review, "proposals"), columns, rows)


def comments(whole: ReviewDetail) -> StreamingHttpResponse:
    rows = ([c.at, c.author, c.line.account_id if c.line else None, c.text] for c in whole.comments)
    return csv_export.respond(_name(whole.review, "comments"), ["at", "author", "entry_id", "text"], rows)


def decisions(whole: ReviewDetail) -> StreamingHttpResponse:
    rows = ([d.at, d.reviewer, d.version, d.verdict, d.note] for d in whole.decisions)
    return csv_export.respond(_name(whole.review, "decisions"), ["at", "reviewer", "version", "decision", "note"], rows)


TABLES: dict[str, Callable[[ReviewDetail], StreamingHttpResponse]] = {
    "lines": lines,
    "proposals": proposals,
    "comments": comments,
    "decisions": decisions,
}


def _name(review: Review, what: str) -> str:
    return f"review-{review.number}-{what}"
