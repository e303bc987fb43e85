"""Ended sessions, paginated by claim time and id."""

from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet

from dashboard.shared.lists import paging
from dashboard.shared.lists.paging import Page
from dashboard.shared.page_request import PageRequest
from orchestration.models import Session
from workspaces.values import ids

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def paginate(queryset: QuerySet[Session], page_request: PageRequest) -> Page:
    """Newest first. An invalid cursor means the first page."""
    cursor = {name: page_request.request.GET.get(name, "") for name in ("after", "before")}
    return paging.paginate(queryset, "claimed_at", "id", None, (_cursor, _position), descending=True, **cursor)


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
