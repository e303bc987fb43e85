"""Entries by status and reason. Large backlogs are counted after a scrape, for the next one: 100,000 rows take a database 30 ms or more."""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import connections
from django.db.models import Count, Min, QuerySet

from orchestration.backlog.rules import status_groups
from orchestration.models import Entry

log = structlog.get_logger(__name__)

LARGE = 10_000  # entries; fewer are counted at once
KEEP_S = 60.0  # a count that is older is not shown


@dataclass(frozen=True, slots=True)
class Group:
    workspace: str
    status: str
    reason: str
    number: int
    changed_at: datetime
    """When the entry of the group that changed longest ago did."""


@dataclass(frozen=True, slots=True)
class Counted:
    groups: list[Group]
    at: float = field(default_factory=time.monotonic)


_kept: dict[str, Counted] = {}
_counting: set[str] = set()


def of(entries: QuerySet[Entry], key: str) -> list[Group]:
    """The groups of these entries. `key` names the selection: a large one is at most KEEP_S old."""
    kept = _kept.get(key)
    if kept is None or time.monotonic() - kept.at > KEEP_S:
        return _count(entries, key).groups
    if key not in _counting:
        _counting.add(key)
        threading.Thread(target=_count_again, args=(entries, key), name="entry-counts", daemon=True).start()
    return kept.groups


def _count(entries: QuerySet[Entry], key: str) -> Counted:
    rows = entries.order_by().annotate(reason=status_groups.REASON).values_list("workspace", "status", "reason")
    counted = Counted([Group(*row) for row in rows.annotate(n=Count("*"), changed_at=Min("updated_at"))])
    if sum(group.number for group in counted.groups) > LARGE:
        _kept[key] = counted
    else:
        _kept.pop(key, None)
    return counted


def _count_again(entries: QuerySet[Entry], key: str) -> None:
    try:
        _count(entries.all(), key)
    except Exception:
        log.exception("metrics.entries_not_counted")  # the next scrape shows the error, once what is kept is too old
    finally:
        _counting.discard(key)
        connections.close_all()
