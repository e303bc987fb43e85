"""A session's log: a window of a thousand lines of it, wherever one looks, and what came since.

The page without script and the script ask the same addresses: `?before=`, `?after=`, `?at=`, `?line=`, `?q=`, `?level=` (docs/logs.md).
"""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from dashboard.sessions import agent_log_lines, log_lines
from dashboard.sessions.filters import LEVELS, LogFilter
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest, Region, show
from orchestration import queries
from orchestration.messaging import wake_ups
from orchestration.models import LogChunk, Session
from orchestration.sessions.logs import search as log_search
from orchestration.sessions.logs import windows as log_windows
from orchestration.sessions.logs.chunks import Line, plain
from orchestration.sessions.logs.levels import MARKERS
from orchestration.sessions.logs.windows import MAX_LINES, Window
from workspaces.errors import NotFound


@dataclass(frozen=True)
class View:
    """What is looked at. `last`: up to where the log was read, which with a filter is beyond the last line shown."""

    window: Window
    last: int
    cut: bool = False


@in_workspace()
def page(page_request: PageRequest, session_id: str) -> HttpResponse:
    session = queries.session_for(page_request.workspace.pk, session_id)
    chosen, _ = filters.read(LogFilter, page_request)
    if chosen["line"] and not page_request.request.GET.get("fragment"):
        return show(
            page_request, "sessions/log_line.html", HEADER, **common(page_request, session), **whole(session, chosen["line"])
        )
    return show(
        page_request, "sessions/log.html", HEADER | regions(page_request, session), where="log", **common(page_request, session)
    )


def common(page_request: PageRequest, session: Session) -> dict[str, Any]:
    return {
        "session": session,
        "entry": session.entry,
        "log_url": reverse("session-log", args=[page_request.workspace.pk, session.pk]),
        "log_topic": wake_ups.log_topic(session.pk),
        "over": session.status == Session.Status.ENDED,
    }


def regions(page_request: PageRequest, session: Session) -> dict[str, Region]:
    """Of any page with this log. `log`: its lines. What only the script asks for is no part of a page: `hits`, where words are, and
    `whole`, a line in full.
    """
    asked = {"hits": hits, "whole": whole_of}
    name = page_request.request.GET.get("fragment", "")
    found = {"log": Region("sessions/log_viewer.html#batch", lambda page_request: batch(page_request, session))}
    if build := asked.get(name):
        found[name] = Region(f"sessions/log_viewer.html#{name}", lambda page_request: build(page_request, session))
    return found


def batch(page_request: PageRequest, session: Session) -> dict[str, Any]:
    chosen, ignored = filters.read(LogFilter, page_request)
    base = reverse("session-log", args=[page_request.workspace.pk, session.pk])
    found = _found(session, chosen) if chosen["q"] and not _is_part(page_request) else None
    view = _view(session, chosen, found)
    window = view.window
    previous = 0 if chosen["level"] else chosen["after"] or (window.first - 1 if window.lines else 0)
    return {
        "lines": log_lines.html([] if chosen["count"] else window.lines, base=base, previous=previous, words=chosen["q"]),
        "window": window,
        "last": view.last,
        "newest": _newest(session) if window.later or chosen["count"] else view.last,
        "over": session.status == Session.Status.ENDED,
        "first_error": _first_error(session),
        "chosen": chosen,
        "ignored": ignored,
        "levels": list(LEVELS.items()),
        "level_cut": view.cut,
        "base": base,
        "kept": filters.query(page_request, "at", "line", "count"),
        "most": MAX_LINES,
    } | _found_words(found, chosen)


def hits(page_request: PageRequest, session: Session) -> dict[str, Any]:
    chosen, _ = filters.read(LogFilter, page_request)
    found = _found(session, chosen) if chosen["q"].strip() else log_search.SearchResult()
    return _found_words(found, chosen)


def whole_of(page_request: PageRequest, session: Session) -> dict[str, Any]:
    chosen, _ = filters.read(LogFilter, page_request)
    return whole(session, chosen["line"] or 0)


def whole(session: Session, seq: int) -> dict[str, Any]:
    """A line in full. Raises NotFound for one that is not kept."""
    line = log_windows.find_line(session, seq)
    if line is None:
        raise NotFound(f"Line {seq} is not in the log: it was not written yet, or not kept")
    return {"line": line, "row": log_lines.whole(line)}


def _view(session: Session, chosen: dict[str, Any], found: log_search.SearchResult | None) -> View:
    """The part of the log that the address asks for: around a line, before or after one, or its end."""
    at = chosen["at"] or (_current(found, chosen) if found else 0)
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


def _found(session: Session, chosen: dict[str, Any]) -> log_search.SearchResult:
    return log_search.find_text(session, chosen["q"])


def _current(found: log_search.SearchResult, chosen: dict[str, Any]) -> int:
    return found.hits[found.nearest(chosen["at"] or 0) - 1] if found.hits else 0


def _found_words(found: log_search.SearchResult | None, chosen: dict[str, Any]) -> dict[str, Any]:
    """Which of the hits one is at, and the two beside it."""
    if found is None:
        return {"found": None}
    n = found.nearest(chosen["at"] or 0)
    at = found.hits[n - 1] if n else 0
    before, after = (found.hits[n - 2] if n > 1 else 0), (found.hits[n] if n and n < len(found.hits) else 0)
    return {"found": found, "hit": n, "hit_at": at, "hit_before": before, "hit_after": after}


def _first_error(session: Session) -> tuple[Line, str] | None:
    """The first line that told of an error, if it is still there."""
    line = log_windows.find_line(session, session.first_error) if session.first_error else None
    if line is None:
        return None
    words = plain(line.text)
    known = agent_log_lines.read(words)
    return line, known.summary if known else words[:200]


def _newest(session: Session) -> int:
    """The number of the last line."""
    chunk = LogChunk.objects.filter(session=session).order_by("-first_seq").first()
    return chunk.first_seq + len(chunk.lines) - 1 if chunk else 0


def _is_part(page_request: PageRequest) -> bool:
    """The script searches by itself: what it asks for are lines."""
    return page_request.request.GET.get("fragment") == "log"
