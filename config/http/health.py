"""Health checks of this process, and of the whole, for load balancers and orchestrators. They show no versions: anyone may ask."""

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now

from orchestration.executor import stats
from orchestration.hosts import problems
from orchestration.models import Worker

LATE_TICKS = 3
HEADERS = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff"}
"""Plain text that nothing embeds: the middleware that sets the headers of pages comes after these answers."""


def livez(request: HttpRequest) -> HttpResponse:
    """200 when this process answers. It asks no database: a restart of this process would not bring one back."""
    return _answer("ok", 200)


def healthz(request: HttpRequest) -> HttpResponse:
    """200 when this process can read the database."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return _answer("the database does not answer", 503)
    return _answer("ok", 200)


def readyz(request: HttpRequest) -> HttpResponse:
    """200 when pages can be served: the database answers and has this version's tables. What only delays work is named, and keeps nobody
    out."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if problems.is_newer():
            return _answer("the database has not this version's tables: run ./muster manage migrate", 503)
        notes = [*_broker(), *_tick()]
    except DatabaseError:
        return _answer("the database does not answer", 503)
    return _answer("\n".join(["ok", *notes]), 200)


PATHS = {"/livez": livez, "/healthz": healthz, "/readyz": readyz}


def answered_first(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer these paths before anything looks at the request: probes come with any Host, and need no session."""

    def middleware(request: HttpRequest) -> HttpResponse:
        view = PATHS.get(request.path)
        return view(request) if view else get_response(request)

    return middleware


def _broker() -> list[str]:
    return [] if stats.ticks() is not None else ["the message broker does not answer: work goes on with each tick"]


def _tick() -> list[str]:
    late = now() - timedelta(seconds=LATE_TICKS * settings.TICK_S + settings.LEASE_S)
    is_ticking = Worker.objects.filter(ticked_at__gt=late).exists()
    return [] if is_ticking else ["no control worker has ticked for a while: nothing new starts"]


def _answer(text: str, status: int) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain", headers=HEADERS)
