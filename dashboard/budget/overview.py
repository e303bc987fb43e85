"""The budget overview: summary, caps, spend over time and by category, top entries, recent changes."""

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from django.http import HttpResponse
from django.utils.timezone import get_current_timezone, now

from budget import amounts, limits
from budget.amounts import columns
from budget.categories import CATEGORIES, LABELS, steering_words
from budget.charts import burnup, categories, outlook, series, sparkline
from budget.charts.bullet import Use
from budget.forecast import Forecast, record, score
from budget.limits import LimitStatus, allocated, thresholds
from budget.models import BudgetChange
from budget.reads import queries
from dashboard.budget import changes
from dashboard.budget import limits as limit_pages
from dashboard.insight import reading
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import span
from dashboard.shared.page_request import PageRequest, Region, render_page
from orchestration import configuration
from orchestration.models import Entry, Executor
from workspaces.access import Need

TOP, MODELS = 10, 5
MAX_CHANGES, SHOWN_CHANGES = 60, 10


@in_workspace()
def page(page_request: PageRequest) -> HttpResponse:
    figures = Figures(page_request)
    regions = HEADER | {
        name: Region(f"budget/overview.html#{name}", partial(_build, build, figures)) for name, build in REGIONS.items()
    }
    return render_page(page_request, "budget/overview.html", regions, tab="overview")


def _build(build: Callable[["Figures"], dict[str, Any]], figures: "Figures", page_request: PageRequest) -> dict[str, Any]:
    return build(figures)


class Figures:
    """Data shared by the regions, each read lazily and once."""

    def __init__(self, page_request: PageRequest) -> None:
        self.page_request, self.project, self.at, self.zone = page_request, page_request.project, now(), get_current_timezone()
        self.span = span.read(page_request.request.GET, self.at)

    @cached_property
    def config(self) -> configuration.Config:
        return configuration.load(self.page_request.executor.config)

    @cached_property
    def forecast(self) -> Forecast:
        paused = self.page_request.executor.state != Executor.State.RUNNING
        return record.current(self.project.pk, at=self.at, paused=paused, project=self.project)

    @cached_property
    def series(self) -> series.Series:
        began, until = self.page_request.workspace.created_at, self.span.until
        return series.load(self.project, since=self.span.since, began=began, now=self.at, until=until, zone=self.zone)

    @cached_property
    def limit_statuses(self) -> list[LimitStatus]:
        reviewing = self.config.interceptor
        rounds = {
            "total": self.config.round_ceiling,
            "interceptor": configuration.micro(reviewing.round_usd) if reviewing else None,
        }
        return limits.statuses(self.project.pk, rounds=rounds, project=self.project)

    @property
    def other_limits(self) -> list[LimitStatus]:
        """The limits that are set, without the cap."""
        return [
            status
            for status in self.limit_statuses
            if status.limit is not None and (status.category, status.period) != ("total", "all")
        ]

    @cached_property
    def changes(self) -> list[BudgetChange]:
        queryset = BudgetChange.objects.filter(project=self.project).select_related("account__entry")
        return list(queryset.order_by("-id")[:MAX_CHANGES])

    @cached_property
    def top(self) -> list[Entry]:
        ids = queries.most_spent(self.project.pk, TOP)
        entries = Entry.objects.filter(account__in=ids).select_related("account")
        return sorted(entries, key=lambda entry: (-entry.account.spent, entry.seq))

    @cached_property
    def allocated(self) -> int:
        return allocated.allocated(self.project.pk)


def summary(figures: Figures) -> dict[str, Any]:
    project = figures.project
    hours = figures.series.hours
    away, answers = queries.not_known(project.pk) if project.held else (0, 0)
    return {
        "project": project,
        "left": project.headroom,
        "awaited": away,
        "unknown": answers,
        "forecast": figures.forecast,
        "outlook": outlook.sentence(figures.forecast, figures.zone),
        "against_cap": outlook.against_cap(figures.forecast, project.max_project_spend),
        "limits_reached": [(limits.describe(status), status) for status in figures.other_limits if status.reached],
        "spark": sparkline.by_hour(hours, figures.at, figures.zone, amounts.format_usd, "Spent by hour"),
        "last_hour": hours[-1],
        "day": sum(hours),
    }


def caps(figures: Figures) -> dict[str, Any]:
    """Every limit that is set, with its usage."""
    project = figures.project
    return {
        "project": project,
        "allocated": figures.allocated,
        "unallocated": project.total_budget - figures.allocated,
        "excess": allocated.excess(project, figures.allocated),
        "limits": [(limit_pages.limit_name(status), status) for status in figures.other_limits],
        "settable": limit_pages.choices(figures.limit_statuses),
        "thresholds": thresholds.for_project(project.pk, project=project),
        "reached": project.is_used_up,
    }


def over_time(figures: Figures) -> dict[str, Any]:
    points, is_past = figures.series.points, figures.span.until < figures.at
    length = points[-1].at - points[0].at
    project, forecast = figures.project, figures.forecast
    marks = [
        burnup.Mark(change.at, "change", _change_words(change))
        for change in reversed(figures.changes)
        if change.account_id is None and points[0].at <= change.at <= points[-1].at
    ]
    data = burnup.BurnUp(
        points,
        points[-1].at if is_past else figures.at + _ahead(forecast, length, figures),
        project.max_project_spend,
        project.total_budget,
        figures.allocated,
        0 if is_past else project.held,
        forecast,
        marks,
        figures.zone,
        is_past,
    )
    return {
        "burnup": burnup.draw(data),
        "burnup_table": burnup.table(data),
        "marks": marks[-8:],
        "score": score.sentence(getattr(project, "forecast", None)),
        "forecast": forecast,
        "is_past": is_past,
        **span.context(figures.page_request, figures.span),
    }


def by_category(figures: Figures) -> dict[str, Any]:
    """The rounded rows add up to the shown total. Unattributed: spend of the counters outside every category."""
    project = figures.project
    spent_on = {name: project.spent_on(name) for name in CATEGORIES}
    day = figures.series.day
    age = max(min((figures.at - figures.page_request.workspace.created_at) / timedelta(hours=1), series.HOURS), 1 / 60)
    unattributed = project.total_spent - sum(spent_on.values())
    parts = [*spent_on.values(), *([unattributed] if unattributed else [])]
    shown, total = columns.texts(parts)
    shares, days = columns.shares(parts), [*(day[name] for name in CATEGORIES), *([0] if unattributed else [])]
    days_shown, day_total = columns.texts(days)
    names = [*CATEGORIES, *(["unattributed"] if unattributed else [])]
    rows: list[dict[str, Any]] = [
        {
            "label": LABELS.get(name, "Unattributed"),
            "amount": amount,
            "spent": spent,
            "share": share,
            "day": today,
            "day_shown": today_shown,
            "rate": int(today / age),
            "limits": [status for status in figures.limit_statuses if status.category == name and status.limit is not None],
        }
        for name, amount, spent, share, today, today_shown in zip(names, parts, shown, shares, days, days_shown, strict=True)
    ]
    data = categories.Spend(spent_on, project.held, project.max_project_spend)
    sums = {"amount": sum(parts), "spent": total, "day": sum(days), "day_shown": day_total, "rate": int(sum(days) / age)}
    sums["some"] = any(parts)
    day_limit = next((status for status in figures.other_limits if (status.category, status.period) == ("total", "day")), None)
    return {
        "bar": categories.draw(data),
        "categories": rows,
        "sums": sums,
        "project": project,
        "day_limit": day_limit,
        "steering": steering_words(),
        "max_steering": figures.config.max_steering_share,
    }


def by_model(figures: Figures) -> dict[str, Any]:
    """The cost of each model, the most expensive first, as on the page of insight. One query."""
    models, _ = reading.sums(figures.page_request.workspace.pk, figures.span, "model", figures.zone)
    most_expensive = sorted(models.items(), key=lambda model: (-model[1].cost, str(model[0])))[:MODELS]
    return {
        "models": [(str(name) or "no model named", sums) for name, sums in most_expensive],
        "models_span": figures.span.words(figures.zone),
    }


def top(figures: Figures) -> dict[str, Any]:
    rows = [
        (entry, Use(entry.account.spent, entry.account.held, entry.account.budget))
        for entry in figures.top
        if entry.account.spent
    ]
    return {"top": rows}


def allocation(figures: Figures) -> dict[str, Any]:
    last = next((change for change in figures.changes if change.source == BudgetChange.Source.ALLOCATION), None)
    return {"automatic": figures.config.auto_reallocate, "last": last, "may_admin": figures.page_request.may(Need.ADMIN)}


def log(figures: Figures) -> dict[str, Any]:
    """A line for each change by a person, and one for all that Muster moved by itself."""
    moved = [change for change in figures.changes if change.source == BudgetChange.Source.ALLOCATION]
    people = [change for change in figures.changes if change.source != BudgetChange.Source.ALLOCATION]
    return {"log": [changes.change_row(change) for change in people[:SHOWN_CHANGES]], "moved": moved, "most_changes": MAX_CHANGES}


REGIONS = {
    "summary": summary,
    "caps": caps,
    "over-time": over_time,
    "by-category": by_category,
    "by-model": by_model,
    "top": top,
    "allocation": allocation,
    "log": log,
}


def _ahead(forecast: Forecast, span: timedelta, figures: Figures) -> timedelta:
    """The time by which the chart extends beyond now: to where the cap is reached if near, at most half of the past."""
    minimum, maximum = span / 5, span / 2
    if forecast.paused or not forecast.enough or forecast.cap_at is None:
        return minimum
    return min(max(((forecast.cap_until or forecast.cap_at) - figures.at) * 1.15, minimum), maximum)


def _change_words(change: BudgetChange) -> str:
    shown = changes.change_row(change)
    why = f": {change.reason}" if change.reason else ""
    return f"{change.actor} set {shown['field'].lower()} from {shown['before']} to {shown['after']}{why}"
