"""The page of entries: the rail, the search, the table in pages of fifty or the outline, and its CSV."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.http.response import HttpResponseBase

from dashboard.entries import csv_rows, outline, rail, rows
from dashboard.entries import filters as entries_filters
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters, paging
from dashboard.shared.page_request import PageRequest, Region, show
from orchestration.executor.plan import Check
from orchestration.reasons import Reason

GOOD_NEWS = {
    "blocked": "No blocked entries.",
    "failed": "No failed entries.",
    "waiting": "Nothing waits for another entry, a file or a provider.",
}
HEADS = (
    ("seq", "Entry"),
    ("", "Status"),
    ("", "Why"),
    ("", "Needs"),
    ("rounds", "Rounds"),
    ("score", "Best score"),
    ("spent", "Spent of budget"),
    ("updated", "Updated"),
)


@in_workspace()
def page(page_request: PageRequest) -> HttpResponseBase:
    seen = Listing(page_request)
    if page_request.request.GET.get("format") == "csv":
        return csv_rows.answer(page_request, seen.wanted)
    return show(
        page_request,
        "entries/list.html",
        HEADER | {"entries": Region("entries/list.html#entries", lambda page_request: seen.build())},
    )


def _said(common: Sequence[Check]) -> str:
    """Why nothing starts, whatever it is. That no slot is free says nothing where there are none."""
    told = [check for check in common if check.code != Reason.CONCURRENCY_LIMIT] or common
    return "; ".join(f"{check.message[:1].lower()}{check.message[1:].rstrip('.')}" for check in told)


class Listing:
    """One request's look at the list: what is asked for is read once."""

    def __init__(self, page_request: PageRequest) -> None:
        self.page_request = page_request

    @cached_property
    def wanted(self) -> entries_filters.Wanted:
        return entries_filters.read(self.page_request)

    def build(self) -> dict[str, Any]:
        page_request, wanted, chosen = self.page_request, self.wanted, self.wanted.chosen
        counts = rail.count(page_request, wanted)
        found = entries_filters.matching(page_request.workspace.pk, wanted)
        known = counts.of(chosen["status"], chosen["reason"])
        matching = found.count() if known is None else known
        graph = chosen["view"] == "graph"
        body = outline.build(page_request, found, matching) if graph else self._table(found)
        return body | {
            "rail": rail.build(page_request, wanted, counts),
            "chosen": chosen,
            "ignored": wanted.ignored,
            "filtered": wanted.filtered,
            "matching": matching,
            "matching_shown": rail.shown(matching),
            "says": wanted.sentence,
            "announce": f"{rail.shown(matching)} {'entry matches' if matching == 1 else 'entries match'}",
            "empty": self._empty(counts, matching),
            "good_news": GOOD_NEWS.get(chosen["status"], ""),
            "query": filters.query(page_request),
            "kept": [(name, chosen[name]) for name in ("status", "reason", "locked", "view", "sort") if chosen[name]],
            "graph": graph,
            "views": [
                (word, filters.query(page_request, view=view), graph == bool(view))
                for word, view in (("Table", ""), ("Graph", "graph"))
            ],
        }

    def _table(self, found: Any) -> dict[str, Any]:
        page_request, wanted = self.page_request, self.wanted
        _, descending = wanted.order
        cursor = {key: page_request.request.GET.get(key, "") for key in ("after", "before")}
        ordered = entries_filters.ordered(found, wanted).select_related("account")
        cut = paging.cut(rows.with_sessions(ordered), "place", "seq", descending=descending, **cursor)
        shown, common = rows.told(page_request, cut.rows, own_first=True)
        return {
            "rows": shown,
            "cut": cut,
            "heads": [self._head(name, word) for name, word in HEADS],
            "by_priority": self._head("priority", "Priority"),
            "calm": [check.code for check in common] == [Reason.CONCURRENCY_LIMIT],
            "common_says": _said(common),
        }

    def _head(self, name: str, word: str) -> dict[str, str]:
        """Where the head of a column leads, and how it is sorted now: amounts begin with the most, numbers with the first."""
        by, descending = self.wanted.order
        now = ("descending" if descending else "ascending") if name == by else ""
        upward = name in entries_filters.UPWARD_FIRST
        wanted = f"-{name}" if (now == "ascending") or (not now and not upward) else name
        query = filters.query(self.page_request, sort="" if wanted == "seq" else wanted)
        return {"word": word, "name": name, "now": now, "query": query}

    def _empty(self, counts: rail.Counts, matching: int) -> str:
        """Which of the three: nothing yet, nothing left by the filters, or good news."""
        if matching:
            return ""
        chosen = self.wanted.chosen
        if not self.wanted.filtered:
            return "none"
        only_status = not (chosen["reason"] or chosen["locked"] or self.wanted.asked.anything)
        return "good" if only_status and chosen["status"] in GOOD_NEWS and counts.total else "filtered"
