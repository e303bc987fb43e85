"""The rate-limit windows of a subscription by its provider's latest report, and the window with the longest stop.

A window is named after its duration: its position in a provider's answer changes. A past reset is dropped. One more than a day beyond its window is ignored:
clocks and providers err.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog
from django.db import transaction

from budget import amounts
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Credential
from workspaces import activity
from workspaces.access import MUSTER

log = structlog.get_logger(__name__)

HOUR, DAY = 60, 24 * 60
MAX_MINUTES = 31 * DAY
USED_UP = 100.0
OF_MONTH = "usd_month"
"""The window of a calendar month in UTC. Its usage and its stop are USD. Without a stop it is not counted (`months`)."""


class Reading(NamedTuple):
    """A provider's report on a window."""

    minutes: int
    used: float | None  # percent; None: only the reset was reported
    resets_at: float  # Unix time


class Stop(NamedTuple):
    """A window at its stop: nothing starts before its reset."""

    window: str
    used: float
    at: float
    resets_at: float

    @property
    def sentence(self) -> str:
        if self.window == OF_MONTH:
            spent, at = (amounts.format_usd(amounts.usd(str(value))) for value in (self.used, self.at))
            return f"{spent} is spent this month, and it stops at {at}."
        return f"{self.used:.0f} % of its {title(self.window)} is used, and it stops at {self.at:g} %."


def name(minutes: int) -> str:
    """The name of a window, as in `stop_at`: pct_5h, pct_7d."""
    return f"pct_{minutes // DAY}d" if minutes % DAY == 0 else f"pct_{max(round(minutes / HOUR), 1)}h"


def title(window: str) -> str:
    """A window within a sentence: "5-hour window", "month"."""
    if window == OF_MONTH:
        return "month"
    number, unit = window.removeprefix("pct_")[:-1], {"h": "hour", "d": "day"}.get(window[-1], window[-1])
    return f"{number}-{unit} window"


def merged(known: Mapping[str, Any], readings: Iterable[Reading], *, now: float) -> dict[str, Any]:
    """The windows with these readings. Times are Unix times."""
    windows = {window: reading for window, reading in known.items() if reading["resets_at"] > now}
    for reading in readings:
        if not 0 < reading.minutes <= MAX_MINUTES or not now < reading.resets_at <= now + (reading.minutes + DAY) * 60:
            log.info("window.ignored", minutes=reading.minutes, resets_at=reading.resets_at)
            continue
        before = windows.get(name(reading.minutes), {})
        used = before.get("used") if reading.used is None else min(max(reading.used, 0.0), USED_UP)
        windows[name(reading.minutes)] = {"used": used, "resets_at": reading.resets_at, "read_at": now}
    return windows


def stop(windows: Mapping[str, Any], stop_at: Mapping[str, Any], *, at: float) -> Stop | None:
    """The stop with the latest reset. Without a `stop_at` a window stops at 100 %."""
    stops = [
        Stop(window, reading["used"], float(stop_at.get(window, USED_UP)), reading["resets_at"])
        for window, reading in windows.items()
        if (window in stop_at or window != OF_MONTH) and reading["used"] is not None and reading["resets_at"] > at
    ]
    return max((each for each in stops if each.used >= each.at), key=lambda each: each.resets_at, default=None)


def record(workspace_id: str, credential: str, readings: Iterable[Reading]) -> None:
    """Save a session agent's readings."""
    if not credential:
        return
    at = datetime.now(UTC).timestamp()
    with transaction.atomic():
        Credential.objects.get_or_create(workspace_id=workspace_id, name=credential)
        row = Credential.objects.select_for_update().get(workspace_id=workspace_id, name=credential)
        save(row, merged(row.windows, readings, now=at), at=at)


def save(row: Credential, windows: dict[str, Any], *, at: float) -> None:
    """Save the windows of a locked row, and notify of a stop or its end."""
    before, after = (stop(each, row.stop_at, at=at) for each in (row.windows, windows))
    row.windows = windows
    Credential.objects.filter(pk=row.pk).update(windows=windows)
    if after and not before:
        event = events.WindowReached(credential=row.name, window=title(after.window), used=round(after.used))
        activity.record(row.workspace_id, event, by=MUSTER, object_id=row.workspace_id, reason=after.sentence)
    if bool(after) != bool(before):
        wake_ups.enqueue_cycle(row.workspace_id)
        wake_ups.publish_change(row.workspace_id, "executor", "entries")
