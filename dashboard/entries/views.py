"""The page of entries: rail, search, table or outline, and CSV."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase

from dashboard.entries import board, csv_rows, headings, outline, rail, rows, saved_views
from dashboard.entries import filters as entries_filters
from dashboard.shared import counts
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters, paging
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.texts import agent_choices
from orchestration.backlog.tree import reads as tree
from orchestration.executor.plan import Check
from orchestration.facts.reasons import Reason
from orchestration.lists import entries as lists
from orchestration.models import Entry

GOOD_NEWS = {
    "blocked": "No blocked entries.",
    "failed": "No failed entries.",
    "review": "Nothing waits for an approval or an answer.",
    "waiting": "No entries wait for another entry, a file or a provider.",
}
ALL_DONE = "All entries are done."


@in_workspace()
def page(page_request: PageRequest) -> HttpResponseBase:
    seen = Listing(page_request)
    if page_request.request.GET.get("format") == "csv":
        return csv_rows.export(page_request, seen.query)
    return render_page(
        page_request,
        "entries/list.html",
        HEADER
        | {
            "headline": Region("entries/list.html#headline", lambda page_request: seen.built),
            "entries": Region("entries/list.html#entries", lambda page_request: seen.built),
            "views": Region("entries/list.html#views", saved_views.region),
        },
    )


def _common_reason(common: Sequence[Check], agent_problem: str) -> str:
    """The reasons why no entry starts at all. A missing slot is left out if another reason applies: where the agent is missing, hosts have none."""
    if agent_problem and all(check.code == Reason.CONCURRENCY_LIMIT for check in common):
        return f"the agent cannot start: {agent_problem.rstrip('.')}"
    checks = [check for check in common if check.code != Reason.CONCURRENCY_LIMIT] or common
    return "; ".join(f"{check.message[:1].lower()}{check.message[1:].rstrip('.')}" for check in checks)


def _with_account_and_session(entries: QuerySet[Entry]) -> QuerySet[Entry]:
    return rows.with_sessions(entries.select_related("account"))


class Listing:
    """The list of one request; its filters are parsed once."""

    def __init__(self, page_request: PageRequest) -> None:
        self.page_request = page_request

    @cached_property
    def query(self) -> lists.EntryQuery:
        query = entries_filters.read(self.page_request)
        return query.of_any_status if query.chosen["view"] == "board" else query

    @cached_property
    def built(self) -> dict[str, Any]:
        """The context of the page's headline and of the list, which show the same figures."""
        page_request, query, chosen = self.page_request, self.query, self.query.chosen
        known = rail.count(page_request, query)
        entries = lists.matching(page_request.workspace.pk, query)
        number = known.matching(query.status, chosen["reason"])
        matching = entries[: counts.COUNTED_TO + 1].count() if number is None else number
        view = chosen["view"] if chosen["view"] in ("graph", "board") else ""
        groups = rail.groups(page_request, query) if view != "board" else []
        if view == "board":
            body = board.build(page_request, query, known)
        else:
            body = outline.build(page_request, entries, matching) if view else self._table(entries, groups)
        return body | {
            "rail": rail.build(page_request, query, known),
            "groups": groups,
            "chosen": chosen,
            "ignored": query.ignored,
            "filtered": query.filtered,
            "matching": matching,
            "matching_shown": counts.text(matching),
            "filter_text": query.sentence,
            "announce": f"{counts.text(matching)} {'entry matches' if matching == 1 else 'entries match'}",
            "empty": self._empty(known, matching),
            "open_entries": page_request.counted("open_entries"),
            "good_news": GOOD_NEWS.get(chosen["status"], ALL_DONE),
            "done": known.by_kind["done"],
            "done_query": filters.query(page_request, done="" if chosen["done"] else "hide"),
            "query": filters.query(page_request),
            "kept": [
                (name, chosen[name]) for name in ("status", "reason", "locked", "group", "done", "view", "sort") if chosen[name]
            ],
            "agents": agent_choices.of(page_request.executor.config),
            "view": view,
            "views": [
                (word, self._in_view(name), view == name) for word, name in (("List", ""), ("Board", "board"), ("Graph", "graph"))
            ],
        }

    def _in_view(self, view: str) -> str:
        """The query of the same entries in another view. A board has all states."""
        without = ("status", "reason", "sort") if view == "board" else ()
        return filters.query(self.page_request, *without, view=view)

    def _table(self, entries: Any, groups: list[dict[str, Any]]) -> dict[str, Any]:
        page_request, query = self.page_request, self.query
        name, descending = query.order
        cursor = {key: page_request.request.GET.get(key, "") for key in ("after", "before")}
        ordered = lists.ordered(entries, name)
        within = "workspace" if name in lists.IN_GROUPS else ""
        read = _with_account_and_session
        cut = paging.paginate(ordered, "place", "seq", read, within=within, descending=descending, **cursor)
        tree.make_whole(cut.rows)
        shown, common = rows.rows_with_common_checks(page_request, cut.rows, own_first=True)
        counted = {group["word"]: group["n"] for group in groups}
        if grouped := name in lists.IN_GROUPS:
            sections = headings.split(page_request, rows.below_parents(shown), counted)
        else:
            sections = [headings.Section("", "", "", shown)]
        return {
            "rows": shown,
            "sections": sections,
            "has_headings": grouped and any(section.heading for section in sections),
            "cut": cut,
            "heads": [self._head(name, word) for name, word in entries_filters.HEADS],
            "more_sorts": [self._head(name, word) for name, word in entries_filters.MORE_SORTS],
            "common_reason": _common_reason(common, page_request.agent_problem),
        }

    def _head(self, name: str, word: str) -> dict[str, str]:
        head = filters.head(self.page_request, name, self.query.order, entries_filters.UPWARD_FIRST)
        return head | {"word": word, "name": name}

    def _empty(self, known: rail.Counts, matching: int) -> str:
        """`none` (no entries yet), `filtered` (nothing matches), `good` (an empty status that is good news), or empty if there are rows."""
        if matching:
            return ""
        chosen = self.query.chosen
        if not self.query.filtered:
            return "good" if known.total else "none"
        only_status = not (chosen["reason"] or self.query.filtered_apart_from_status)
        return "good" if only_status and chosen["status"] in GOOD_NEWS and known.total else "filtered"
