"""Logins and the like that a browser has begun. Each lies in its session, is used once, and ends after ten minutes."""

import time
from typing import Any

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest

LASTS_S = 600
MAX_OPEN = 5
"""As many tabs of one browser may have begun something."""


def begin(request: HttpRequest, kind: str, name: str, details: dict[str, Any]) -> None:
    """Keep it under a random name. The oldest makes place for it."""
    pending = sorted(request.session.get(kind, {}).items(), key=lambda item: item[1]["at"])[1 - MAX_OPEN :]
    request.session[kind] = {**dict(pending), name: {**details, "at": time.time()}}


def take(request: HttpRequest, kind: str, name: str) -> dict[str, Any] | None:
    """Get what was begun under the name, which no other request gets then; None if there is nothing. Of two requests at once, one is first."""
    with transaction.atomic():
        list(Session.objects.select_for_update().filter(pk=request.session.session_key))
        stored = SessionStore(request.session.session_key)
        pending = dict(stored.get(kind, {}))
        mine = pending.pop(name, None)
        if mine is None:
            return None
        stored[kind] = pending
        stored.save()
    request.session[kind] = pending
    return dict(mine) if time.time() - mine["at"] <= LASTS_S else None
