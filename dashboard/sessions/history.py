"""Ended sessions, paginated by claim time and id."""

from datetime import UTC, datetime, timedelta

from django.db.models import Q, QuerySet

from dashboard.shared.lists.paging import PAGE_SIZE, Page
from dashboard.shared.page_request import PageRequest
from orchestration.models import Session
from workspaces.values import ids

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def paginate(queryset: QuerySet[Session], page_request: PageRequest) -> Page:
    """Newest first. An invalid cursor means the first page."""
    after, before = (page_request.request.GET.get(name, "") for name in ("after", "before"))
    cursor = _position(before or after)
    forward = not (before and cursor)
    if cursor:
        at, id_ = cursor
        comparison = "lt" if forward else "gt"
        queryset = queryset.filter(Q(**{f"claimed_at__{comparison}": at}) | Q(**{"claimed_at": at, f"id__{comparison}": id_}))
    sign = "-" if forward else ""
    rows = list(queryset.order_by(f"{sign}claimed_at", f"{sign}id")[: PAGE_SIZE + 1])
    more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    if not forward:
        rows.reverse()
    if not rows:
        return Page([])
    first, last = (_cursor(row) for row in (rows[0], rows[-1]))
    return Page(rows, after=last if more or not forward else "", before=first if cursor and (forward or more) else "")


def _cursor(row: Session) -> str:
    return f"{(row.claimed_at - EPOCH) // timedelta(microseconds=1)}.{row.pk}"


def _position(text: str) -> tuple[datetime, str] | None:
    at, _, id_ = text.partition(".")
    if not (at.isascii() and at.isdigit() and len(at) <= 17 and ids.is_id(id_)):
        return None
    try:
        return EPOCH + timedelta(microseconds=int(at)), id_
    except OverflowError:
        return None
