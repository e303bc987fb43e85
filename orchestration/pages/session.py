"""The page of one session: facts, and its log while it grows."""

import re
from collections import deque
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.utils.timezone import get_current_timezone

from budget import queries as budget
from orchestration import logs, queries
from orchestration.models import Session
from orchestration.pages import wording
from orchestration.pages.scene import Region, Scene, in_workspace, show
from orchestration.pages.strip import STRIP

MOST_LINES = 1000
LONGEST = 2000
# Escape sequences (colours, cursor movement, titles) and every control character but the tab.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]?|[\x00-\x08\x0a-\x1f\x7f-\x9f]")


@in_workspace()
def page(scene: Scene, session_id: str) -> HttpResponse:
    session = queries.session_for(scene.workspace.pk, session_id)
    regions = STRIP | {
        "facts": Region("session.html#facts", lambda scene: facts(session)),
        "log": Region("session.html#more", lambda scene: lines(scene, session)),
    }
    return show(scene, "session.html", regions, session=session, entry=session.entry)


def facts(session: Session) -> dict[str, Any]:
    return {
        "status": queries.shown_status(session),
        "phase": wording.PHASES[session.phase],
        "over": session.status == Session.Status.ENDED,
        "spend": budget.session_spend(session.pk),
    }


def lines(scene: Scene, session: Session) -> dict[str, Any]:
    """The lines after `?after=`, the newest thousand of them; a page that was away for long says what it left out."""
    said = scene.request.GET.get("after", "")
    after = int(said) if said.isascii() and said.isdigit() and len(said) < 16 else 0
    found = deque(logs.read(session, after=after), maxlen=MOST_LINES)
    shown, expected = [], after + 1
    for line in found:
        shown.append({"line": line, "at": _clock(line.at), "text": plain(line.text), "missing": line.seq - expected})
        expected = line.seq + 1
    return {"lines": shown, "after": expected - 1, "over": session.status == Session.Status.ENDED}


def plain(text: str) -> str:
    """A line as text: hostile output moves no cursor, paints nothing, and is not endless. Of a progress bar, its last state."""
    text = _ESCAPES.sub("", text.rstrip("\r").rsplit("\r", 1)[-1])
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … {len(text) - LONGEST} more characters"


def _clock(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone(get_current_timezone()):%H:%M:%S}"
