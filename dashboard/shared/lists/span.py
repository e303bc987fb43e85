"""The range of time that a page shows: `?range=24h|7d|all`, or `?from=&to=` in UTC after a zoom into a chart."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest
from workspaces import times

RANGES = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "all": None}
WORDS = {"24h": "24 hours", "7d": "7 days", "all": "All"}
USUAL = "24h"
SHORTEST = timedelta(minutes=1)


@dataclass(frozen=True)
class Span:
    """`name`: one of RANGES; empty after a zoom. `since` None: from the beginning. `until` is not after `now`."""

    name: str
    since: datetime | None
    until: datetime
    now: datetime

    @property
    def is_zoomed(self) -> bool:
        return not self.name

    @property
    def before(self) -> datetime | None:
        """The start of the period of equal length that ends where this one starts. None: there is none."""
        return self.since - (self.until - self.since) if self.since else None

    def words(self, zone: tzinfo) -> str:
        """`in the last 7 days`, `from 27 Nov 10:30 to 28 Nov 09:00`."""
        if self.since is None:
            return "since the beginning"
        if self.name:
            return f"in the last {WORDS[self.name]}"
        return f"from {times.brief(self.since, zone)} to {times.brief(self.until, zone)}"


def read(parameters: Mapping[str, str], now: datetime) -> Span:
    """Anything invalid is the usual range."""
    since, until = times.parse_minute(parameters.get("from", "")), times.parse_minute(parameters.get("to", ""))
    if since and until and since + SHORTEST <= min(until, now):
        return Span("", since, min(until, now), now)
    name = parameters.get("range", "")
    span = RANGES[name] if name in RANGES else RANGES[USUAL]
    return Span(name if name in RANGES else USUAL, now - span if span else None, now, now)


def context(page_request: PageRequest, span: Span) -> dict[str, Any]:
    """For `shared/ranges.html`: the links of the ranges (label, query, is chosen), and the range from which a zoom began."""
    queries = {name: filters.query(page_request, "from", "to", range="" if name == USUAL else name) for name in RANGES}
    ranges = [(WORDS[name], query, name == span.name) for name, query in queries.items()]
    return {"span": span, "ranges": ranges, "whole": filters.query(page_request, "from", "to")}
