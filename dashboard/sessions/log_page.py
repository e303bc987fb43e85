"""A session's log: a window of lines around any position, and live updates.

The number of lines is `MAX_LINES` in `orchestration/sessions/logs/windows.py`; the script keeps twice as many on the page (`MOST_SHOWN` in
`static/js/log.js`).

The page without script and the script use the same URLs: `?before=`, `?after=`, `?at=`, `?line=`, `?q=`, `?level=` (docs/reference/logs.md).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import now

from dashboard.sessions import log_lines, requests
from dashboard.sessions.filters import LEVELS, LogFilter
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest, Region, render_page
from orchestration.edge import queries
from orchestration.messaging import wake_ups
from orchestration.models import LogChunk, Session
from orchestration.sessions.logs import search as log_search
from orchestration.sessions.logs import sentences
from orchestration.sessions.logs import windows as log_windows
from orchestration.sessions.logs.chunks import Line, plain
from orchestration.sessions.logs.levels import MARKERS
from orchestration.sessions.logs.windows import MAX_LINES, Window
from workspaces.errors import NotFound


@dataclass(frozen=True)
class View:
    """The visible part of a log. `last`: the last line that was read; with a filter this may be beyond the last line shown."""

    window: Window
    last: int
    cut: bool = False


@in_workspace()
def page(page_request: PageRequest, session_id: str) -> HttpResponse:
    session = queries.session_for(page_request.workspace.pk, session_id)
    chosen, _ = filters.read(LogFilter, page_request)
    if chosen["line"] and not page_request.request.GET.get("fragment"):
        return render_page(
            page_request,
            "sessions/log_line.html",
            HEADER,
            **log_context(page_request, session),
            **full_line(session, chosen["line"]),
        )
    return render_page(
        page_request,
        "sessions/log.html",
        HEADER | regions(page_request, session),
        where="log",
        **log_context(page_request, session),
    )


def log_context(page_request: PageRequest, session: Session) -> dict[str, Any]:
    return {
        "session": session,
        "entry": session.entry,
        "log_url": reverse("session-log", args=[page_request.workspace.pk, session.pk]),
        "log_topic": wake_ups.log_topic(session.pk),
        "has_requests": requests.has_any(session),
        "over": session.status == Session.Status.ENDED,
    }


def regions(page_request: PageRequest, session: Session) -> dict[str, Region]:
    """Regions of a page with this log. `log`: its lines. Only the script requests `hits` (positions of matches) and `whole` (one line
    in full), so they are not part of a page.
    """
    lazy_regions = {"hits": hits, "whole": full_line_region}
    name = page_request.request.GET.get("fragment", "")
    page_regions = {"log": Region("sessions/log_viewer.html#batch", lambda page_request: batch(page_request, session))}
    if build := lazy_regions.get(name):
        page_regions[name] = Region(f"sessions/log_viewer.html#{name}", lambda page_request: build(page_request, session))
    return page_regions


def batch(page_request: PageRequest, session: Session) -> dict[str, Any]:
    chosen, ignored = _chosen(page_request)
    base = reverse("session-log", args=[page_request.workspace.pk, session.pk])
    search_result = _search(session, chosen) if chosen["q"] and not _is_part(page_request) else None
    view = _view(session, chosen, search_result)
    window = view.window
    previous = 0 if chosen["level"] else chosen["after"] or (window.first - 1 if window.lines else 0)
    return {
        "lines": log_lines.html([] if chosen["count"] else window.lines, base=base, previous=previous, words=chosen["q"]),
        "window": window,
        "last": view.last,
        "newest": _newest(session) if window.later or chosen["count"] else view.last,
        "over": session.status == Session.Status.ENDED,
        "removed_after": settings.KEEP_LOGS_DAYS if _is_old(session) else None,
        "first_error": _first_error(session),
        "chosen": chosen,
        "ignored": ignored,
        "levels": list(LEVELS.items()),
        "level_cut": view.cut,
        "base": base,
        "kept": filters.query(page_request, "at", "line", "count"),
        "most": MAX_LINES,
    } | _search_context(search_result, chosen)


def _chosen(page_request: PageRequest) -> tuple[dict[str, Any], list[str]]:
    """The filter that the address selects; for a page that stays open, the lines after the last one that it shows."""
    if not page_request.live:
        return filters.read(LogFilter, page_request)
    named = {name: page_request.request.GET.get(f"log_{name}", "") for name in ("after", "level", "count")}
    bound = LogFilter(named)
    bound.is_valid()
    return {name: bound.cleaned_data.get(name) or "" for name in bound.fields}, []


def _is_old(session: Session) -> bool:
    """True if the session's log is no longer kept."""
    return session.ended_at is not None and session.ended_at < now() - timedelta(days=settings.KEEP_LOGS_DAYS)


def hits(page_request: PageRequest, session: Session) -> dict[str, Any]:
    chosen, _ = filters.read(LogFilter, page_request)
    search_result = _search(session, chosen) if chosen["q"].strip() else log_search.SearchResult()
    return _search_context(search_result, chosen)


def full_line_region(page_request: PageRequest, session: Session) -> dict[str, Any]:
    chosen, _ = filters.read(LogFilter, page_request)
    return full_line(session, chosen["line"] or 0)


def full_line(session: Session, seq: int) -> dict[str, Any]:
    """A line in full. Raises NotFound if it is not stored."""
    line = log_windows.find_line(session, seq)
    if line is None:
        raise NotFound(f"Line {seq} is not in the log: not written yet, or not kept")
    return {"line": line, "row": log_lines.full_line(line)}


def _view(session: Session, chosen: dict[str, Any], search_result: log_search.SearchResult | None) -> View:
    """The part of the log that the URL selects: around, before or after a line, or its end."""
    at = chosen["at"] or (_current(search_result, chosen) if search_result else 0)
    if at:
        window = log_windows.around(session, at)
        return View(window, window.last)
    fits = log_search.line_filter(chosen["level"])
    if chosen["after"]:
        window = log_windows.after(session, chosen["after"])
        shown = Window([line for line in window.lines if fits is None or fits(line)], window.earlier, window.later)
        return View(shown, window.last or chosen["after"])
    if fits is not None:
        newest = _newest(session)
        shown, cut = log_search.before(
            session,
            chosen["before"] or None,
            fits,
            limit=MAX_LINES,
            markers=MARKERS if chosen["level"] in ("error", "warn") else (),
        )
        return View(shown, max(newest, shown.last), cut)
    window = log_windows.before(session, chosen["before"] or None)
    return View(window, window.last)


def _search(session: Session, chosen: dict[str, Any]) -> log_search.SearchResult:
    return log_search.find_text(session, chosen["q"])


def _current(search_result: log_search.SearchResult, chosen: dict[str, Any]) -> int:
    return search_result.hits[search_result.nearest(chosen["at"] or 0) - 1] if search_result.hits else 0


def _search_context(search_result: log_search.SearchResult | None, chosen: dict[str, Any]) -> dict[str, Any]:
    """The current match, the previous and the next one."""
    if search_result is None:
        return {"search_result": None}
    n = search_result.nearest(chosen["at"] or 0)
    at = search_result.hits[n - 1] if n else 0
    before, after = (
        (search_result.hits[n - 2] if n > 1 else 0),
        (search_result.hits[n] if n and n < len(search_result.hits) else 0),
    )
    return {"search_result": search_result, "hit": n, "hit_at": at, "hit_before": before, "hit_after": after}


def _first_error(session: Session) -> tuple[Line, str] | None:
    """The first line with an error, if it is still stored."""
    line = log_windows.find_line(session, session.first_error) if session.first_error else None
    if line is None:
        return None
    words = plain(line.text)
    known = sentences.read(words)
    return line, known.summary if known else words[:200]


def _newest(session: Session) -> int:
    """The number of the last line."""
    chunk = LogChunk.objects.filter(session=session).order_by("-first_seq").first()
    return chunk.first_seq + len(chunk.lines) - 1 if chunk else 0


def _is_part(page_request: PageRequest) -> bool:
    """True if the script requests lines; it searches separately."""
    return page_request.asks_for("log")
