"""The forecast as a row: the control worker computes it when the money or the backlog moved, pages and the API read it."""

import time
from datetime import datetime, timedelta

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from budget.allocation import policy
from budget.forecast import inputs, score
from budget.forecast.projection import Forecast
from budget.models import ForecastRecord, Project
from workspaces.models import Event
from workspaces.values.standing_query import StandingQuery

AT_MOST_EACH = timedelta(seconds=10)
TICK_SHARE_S = 2.0  # a tick computes no further forecast after this time; the next tick continues with the oldest
_DATES = ("cap_at", "cap_from", "cap_until")
_FIGURES = ("enough", "why_not", "rate", "low_rate", "high_rate", *_DATES, "end_spend", "end_low", "end_high", "end_at")


def current(
    workspace_id: str, *, at: datetime | None = None, paused: bool | None = None, project: Project | None = None
) -> Forecast:
    """The newest forecast, its dates as of `at`. Before the first one the backlog's end is not known; the rate and the cap's date are
    computed from the newest sessions. `paused`: no session starts, so there is no date; None: as it is now."""
    at = at or timezone.now()
    paused = not policy.load(workspace_id).running if paused is None else paused
    kept = ForecastRecord.objects.filter(pk=workspace_id)
    row = kept.first() if project is None else getattr(project, "forecast", None)  # which may have been read with the project
    if row is None:
        return inputs.forecast(workspace_id, at=at, paused=paused, project=project, with_backlog=False)
    return as_of(row, at=at, paused=paused)


def as_of(row: ForecastRecord, *, at: datetime, paused: bool) -> Forecast:
    """A kept forecast, its dates moved to `at`. Paused, it has none. When the backlog is done stays as foretold until something happens, and is not known
    once that has passed."""
    figures = {name: getattr(row, name) for name in _FIGURES}
    for name in _DATES:
        figures[name] = None if paused or figures[name] is None else figures[name] + (at - row.computed_at)
    if paused or (row.end_at is not None and row.end_at < at):
        figures["end_at"] = None
    return Forecast(**figures, paused=paused)


def refresh_due() -> None:
    """For the tick: compute the forecasts whose money or activity moved, the oldest first."""
    if not _any_due.any():
        return
    began = time.monotonic()
    for workspace_id in _due(timezone.now()).values_list("pk", flat=True):
        refresh(workspace_id)
        if time.monotonic() - began > TICK_SHARE_S:
            break


def refresh(workspace_id: str) -> None:
    """Compute and keep the forecast. The version is read first, so that a change meanwhile makes it due again."""
    project = _projects().get(pk=workspace_id)
    at = timezone.now()
    seen = inputs.forecast(workspace_id, at=at, paused=False, project=project)
    figures = {name: getattr(seen, name) for name in _FIGURES}
    basis = {"computed_at": at, "version": project.version, "event": project.newest}  # type: ignore[attr-defined]
    row, _ = ForecastRecord.objects.update_or_create(pk=workspace_id, defaults=figures | basis)
    score.settle(row, at)
    row.save(update_fields=["foretold_at", "foretold_low", "foretold_high", "compared", "held"])


def _projects() -> QuerySet[Project]:
    """Projects with `newest`, the number of their newest line of activity."""
    lines = Event.objects.filter(workspace_id=OuterRef("pk")).order_by("-id").values("id")[:1]
    return Project.objects.annotate(newest=Coalesce(Subquery(lines), 0))


def _due(at: datetime | Now) -> QuerySet[Project]:
    moved = Q(forecast__computed_at__lt=at - AT_MOST_EACH) & (
        Q(forecast__version__lt=F("version")) | Q(forecast__event__lt=F("newest"))
    )
    alive = _projects().filter(workspace__deleted_at__isnull=True)
    return alive.filter(Q(forecast__isnull=True) | moved).order_by(F("forecast__computed_at").asc(nulls_first=True))


_any_due = StandingQuery(lambda: _due(Now()))
