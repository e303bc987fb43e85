"""All sessions that ended, in pages by when they were claimed: by the last row's time and id, never by a count of rows."""

from datetime import UTC, datetime, timedelta

from django.db.models import Q, QuerySet

from dashboard.shared.lists.paging import A_PAGE, Page
from dashboard.shared.page_request import PageRequest
from orchestration.models import Session
from workspaces import ids

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def cut(found: QuerySet[Session], page_request: PageRequest) -> Page:
    """Newest first. A cursor that is none is the first page."""
    after, before = (page_request.request.GET.get(name, "") for name in ("after", "before"))
    cursor = _position(before or after)
    forward = not (before and cursor)
    if cursor:
        at, id_ = cursor
        way = "lt" if forward else "gt"
        found = found.filter(Q(**{f"claimed_at__{way}": at}) | Q(**{"claimed_at": at, f"id__{way}": id_}))
    sign = "-" if forward else ""
    rows = list(found.order_by(f"{sign}claimed_at", f"{sign}id")[: A_PAGE + 1])
    more, rows = len(rows) > A_PAGE, rows[:A_PAGE]
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
