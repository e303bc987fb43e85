"""The session list: running sessions and those that ended within the hour, the most urgent first; or all ended sessions in pages."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import OuterRef, QuerySet
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.timezone import now

from budget import amounts
from budget.reads import csv_export, gateway_requests
from dashboard.proposals import goals
from dashboard.sessions import fleet, history, log_lines, timeline
from dashboard.sessions.filters import OUTCOMES, STATES, WorkersFilter
from dashboard.sessions.rows import Row, build_row
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters
from dashboard.shared.lists.paging import PAGE_SIZE, Page
from dashboard.shared.page_request import PageRequest, Region, render_page
from orchestration import configuration
from orchestration.edge.queries import session_for
from orchestration.lists import sessions as lists
from orchestration.lists.sessions import SORTS
from orchestration.models import Session
from orchestration.proposals import reads
from orchestration.sessions.logs import windows as log_windows
from workspaces.errors import NotFound

RECENT = timedelta(minutes=60)
MAX_COUNTED = 10_000
PEEK_LINES = 8
LINES = "lines-"  # before a session's id, the name of the region with its last lines
HEAD = [
    "session_id",
    "state",
    "entry_id",
    "number",
    "title",
    "phase",
    "round",
    "attempt",
    "round_usd",
    "entry_usd",
    "claimed_at",
    "started_at",
    "ended_at",
    "last_output_at",
    "worker",
    "host",
    "waiting_for",
    "message",
]


@in_workspace()
def page(page_request: PageRequest) -> HttpResponseBase:
    if page_request.request.GET.get("format") == "csv":
        return _csv(page_request)
    regions = HEADER | {
        "headline": Region("sessions/list.html#headline", headline),
        "workers": Region("sessions/list.html#workers", workers),
        "runs": Region("sessions/list.html#runs", runs),
    }
    if page_request.request.GET.get("fragment") == "peek":
        regions["peek"] = _peek_region(page_request.request.GET.get("session", ""))
    elif (opened := page_request.request.GET.get("session", "")) and page_request.request.GET.get("view") == "grid":
        regions["last-lines"] = Region("sessions/list.html#peek", partial(_peek_if_known, session_id=opened))
    for name in page_request.live:  # those that are open refresh themselves
        if name.startswith(LINES):
            regions[name] = _peek_region(name.removeprefix(LINES))
    return render_page(page_request, "sessions/list.html", regions)


def headline(page_request: PageRequest) -> dict[str, Any]:
    """The numbers of those at work and of the quiet ones, without a query more than the list's."""
    most, at_work = configuration.load(page_request.executor.config).max_workers, page_request.at_work
    return {
        "executor": page_request.executor,
        "at_work": at_work,
        "max_workers": most,
        "free": max(most - at_work, 0),
        "quiet": sum(bool(row.quiet) and not row.over for row in _recent(page_request)),
        "query": filters.query(page_request, "session"),
    }


def workers(page_request: PageRequest) -> dict[str, Any]:
    chosen, ignored = filters.read(WorkersFilter, page_request)
    recent = _recent(page_request)
    if chosen["ended"]:
        cut = history.paginate(_ended(page_request, chosen), page_request)
        rows = _rows(page_request, cut.rows)
    else:
        by_default = "output" if chosen["view"] == "grid" else ""
        shown = _one_page([row for row in recent if _fits(row, chosen)], with_ended=chosen["view"] != "grid")
        rows = _sorted(shown, chosen["sort"] or by_default)
        cut = Page([])
    older = Session.objects.filter(workspace=page_request.workspace, status=Session.Status.ENDED, ended_at__lte=now() - RECENT)
    name, down = chosen["sort"].removeprefix("-"), chosen["sort"].startswith("-")
    view = "" if chosen["ended"] else chosen["view"]
    drawn = timeline.draw(rows, now()) if view == "timeline" else _grid(page_request, rows, chosen) if view == "grid" else {}
    return (
        drawn
        | {
            "rows": rows,
            "cut": cut,
            "chosen": chosen,
            "ignored": ignored,
            "filtered": any(chosen[key] for key in ("state", "phase", "q")),
            "executor": page_request.executor,
            "chips": _chips(page_request, chosen, recent),
            "phases": WorkersFilter.base_fields["phase"].choices,  # type: ignore[attr-defined]
            "older": older[: MAX_COUNTED + 1].count(),
            "most_counted": MAX_COUNTED,
            "sorts": {key: filters.head(page_request, key, (name, down), ("entry", "output")) for key in SORTS},
            "query": filters.query(page_request, "session"),
            "with_ended": filters.query(page_request, "state", "phase", "sort", "view", ended="1"),
            "without_ended": filters.query(page_request, "ended", "state"),
            "as_table": filters.query(page_request, "view"),
            "as_grid": filters.query(page_request, "ended", "sort", view="grid"),
            "as_timeline": filters.query(page_request, "ended", "sort", view="timeline"),
            "kept": [(key, chosen[key]) for key in ("state", "sort", "ended", "view") if chosen[key]],
        }
    )


def _grid(page_request: PageRequest, rows: list[Row], chosen: dict[str, Any]) -> dict[str, Any]:
    """`orders`: (query, words, is chosen)."""
    orders = [(filters.query(page_request, "sort", sort=key), words, chosen["sort"] == key) for key, words in fleet.SORTS.items()]
    return {"tiles": fleet.tiles(rows, now()), "orders": orders}


def runs(page_request: PageRequest) -> dict[str, Any]:
    """Open runs of agents that propose: they take a worker's slot, and are no sessions."""
    return {"runs": goals.rows(reads.open_runs(page_request.workspace.pk))}


def _peek_region(session_id: str) -> Region:
    return Region("sessions/list.html#peek", partial(peek, session_id=session_id))


def peek(page_request: PageRequest, *, session_id: str) -> dict[str, Any]:
    """The last lines of one session, fetched when its row is opened. Two queries."""
    session = session_for(page_request.workspace.pk, session_id)
    base = reverse("session-log", args=[page_request.workspace.pk, session.pk])
    window = log_windows.before(session, limit=PEEK_LINES)
    return {"peeked": session, "name": f"{LINES}{session.pk}", "lines": log_lines.html(window.lines, base=base, here=False)}


def _peek_if_known(page_request: PageRequest, *, session_id: str) -> dict[str, Any]:
    try:
        return peek(page_request, session_id=session_id)
    except NotFound:
        return {}


def _recent(page_request: PageRequest) -> list[Row]:
    """Running sessions, and the newest that ended within the hour. Cached for the regions of one page."""
    if "recent" not in page_request.memo:
        page_request.memo["recent"] = _read_recent(page_request)
    recent: list[Row] = page_request.memo["recent"]
    return recent


def _read_recent(page_request: PageRequest) -> list[Row]:
    sessions = Session.objects.filter(workspace=page_request.workspace).select_related("entry__account", "hold", "worker")
    waits = gateway_requests.oldest_wait(OuterRef("hold_id"))
    at_work = list(sessions.filter(status__in=Session.OPEN).annotate(**waits))
    ended = sessions.filter(status=Session.Status.ENDED, ended_at__gt=now() - RECENT)
    return _rows(page_request, [*at_work, *ended.order_by("-ended_at")[:PAGE_SIZE]])


def _one_page(rows: list[Row], *, with_ended: bool) -> list[Row]:
    """All sessions at work, however many, and the newest ended ones that still fit: cut before sorting, so that no order hides work."""
    at_work, ended = [row for row in rows if not row.over], [row for row in rows if row.over]
    return at_work + ended[: max(PAGE_SIZE - len(at_work), 0)] if with_ended else at_work


def _rows(page_request: PageRequest, sessions: list[Session]) -> list[Row]:
    config, at = configuration.load(page_request.executor.config), now()
    return [build_row(session, config, at) for session in sessions]


def _fits(row: Row, chosen: dict[str, Any]) -> bool:
    state = chosen["state"]
    states = {row.status, "quiet" if row.quiet else "", "waiting" if row.session.waiting_for and not row.over else ""}
    if state and state not in states:
        return False
    if chosen["phase"] and (row.over or row.session.phase != chosen["phase"]):
        return False
    return lists.has_words(row.session, chosen["q"])


def _sorted(rows: list[Row], sort: str) -> list[Row]:
    """By default the most urgent first, then the longest running. Ended sessions come last, the newest first."""
    if sort:
        at = now()
        return sorted(rows, key=lambda row: lists.place(row.session, sort, at), reverse=sort.startswith("-"))
    return sorted(
        rows, key=lambda row: (row.need, -_moment(row.session.ended_at) or _moment(row.session.claimed_at), row.session.pk)
    )


def _moment(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0


def _ended(page_request: PageRequest, chosen: dict[str, Any]) -> QuerySet[Session]:
    sessions = Session.objects.filter(workspace=page_request.workspace, status=Session.Status.ENDED)
    if chosen["state"]:
        sessions = sessions.filter(outcome=chosen["state"])
    if chosen["phase"]:
        sessions = sessions.filter(phase=chosen["phase"])
    if words := chosen["q"].strip():
        sessions = sessions.filter(lists.of_words(words))
    return sessions.select_related("entry__account", "hold", "worker")


def _chips(page_request: PageRequest, chosen: dict[str, Any], recent: list[Row]) -> list[tuple[str, str, bool, int | None]]:
    """(label, query, is chosen, count). The counts respect the other filters."""
    if chosen["ended"]:
        named = [("", "All"), *OUTCOMES]
        return [(word, filters.query(page_request, "session", state=key), chosen["state"] == key, None) for key, word in named]
    chips: list[tuple[str, str, bool, int | None]] = []
    for key, word in [("", "All"), *STATES.items()]:
        number = sum(_fits(row, chosen | {"state": key}) for row in recent)
        if number or key in ("", chosen["state"]):
            chips.append((word, filters.query(page_request, "session", state=key), chosen["state"] == key, number))
    return chips


def _csv(page_request: PageRequest) -> HttpResponseBase:
    chosen, _ = filters.read(WorkersFilter, page_request)
    name = "-".join(filter(None, ["workers", "ended" if chosen["ended"] else "", chosen["state"], chosen["phase"]]))
    if chosen["ended"]:
        config = configuration.load(page_request.executor.config)
        sessions = _ended(page_request, chosen).order_by("-claimed_at", "-id").iterator(chunk_size=500)
        return csv_export.respond(name, HEAD, (_line(build_row(session, config, now())) for session in sessions))
    rows = _sorted([row for row in _recent(page_request) if _fits(row, chosen)], chosen["sort"])
    return csv_export.respond(name, HEAD, map(_line, rows))


def _line(row: Row) -> Iterator[Any]:
    session = row.session
    yield from (
        session.pk,
        row.status,
        row.entry.pk,
        row.entry.seq,
        row.entry.title,
        session.phase,
        session.round_number or None,
        session.attempt,
    )
    yield from (None if row.round_cost is None else amounts.number(row.round_cost), amounts.number(row.entry_cost))
    yield from (
        session.claimed_at,
        session.started_at,
        session.ended_at,
        session.last_output_at,
        session.worker_id,
        session.host,
        session.waiting_for,
    )
    yield session.outcome_message
