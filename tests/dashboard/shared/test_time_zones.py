"""One setting of a person changes every time that they read: pages, charts, filters by day, and nothing that programs read."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client, override_settings
from django.utils.timezone import now

from budget.charts import series
from budget.models import LedgerEntry, Project
from orchestration.models import Session
from tests.dashboard.budget.test_pages import rows_of
from tests.dashboard.overview.test_page import statements, text_of
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds.money_cast import PAGES, at, bea, day
from workspaces import people
from workspaces.models import Workspace

__all__ = ["bea", "day"]
AUCKLAND, KATHMANDU = "Pacific/Auckland", "Asia/Kathmandu"


def live_in(zone: str, name: str = "bea") -> None:
    people.save_preferences(seed.user(name), time_zone=zone)


def times_of(text: str) -> list[tuple[str, str]]:
    """(UTC, title) of each time on a page."""
    return re.findall(r'<time[^>]* datetime="([^"]+)" title="([^"]+)"', text)


@pytest.mark.parametrize("tail", PAGES)
def test_every_time_of_the_money_is_in_the_persons_zone(bea: Client, day: Workspace, tail: str) -> None:
    before = text_of(bea, at(day, tail))
    live_in(KATHMANDU)
    after = text_of(bea, at(day, tail))
    assert 'data-zone="Asia/Kathmandu"' in after
    for iso, title in times_of(after):
        local = datetime.fromisoformat(iso).astimezone(ZoneInfo(KATHMANDU))
        assert f"{local:%d %b %Y, %H:%M:%S} UTC+05:45 (" in title
    assert len(times_of(before)) == len(times_of(after))


def test_every_time_of_a_workspace_and_its_log_is_in_the_persons_zone(ana: Client, workspace: Workspace) -> None:
    session = Session.objects.filter(log__isnull=False).get()
    live_in(KATHMANDU, "ana")
    for address in (
        f"/w/{workspace.pk}/",
        f"/w/{workspace.pk}/backlog/{session.entry_id}/",
        f"/w/{workspace.pk}/settings/agents/",
    ):
        assert all("UTC+05:45" in title for _, title in times_of(text_of(ana, address))), address
    clock = re.compile(r">(\d\d:\d\d):\d\d<")
    shown = clock.search(text_of(ana, f"/w/{workspace.pk}/sessions/{session.pk}/log/", fragment="log"))
    assert shown and abs(int(shown[1][3:]) - now().astimezone(ZoneInfo(KATHMANDU)).minute) in (0, 1, 59)


def test_a_page_asks_no_query_more_for_it(bea: Client, day: Workspace) -> None:
    text_of(bea, at(day))
    without = statements(bea, at(day))
    live_in(AUCKLAND)
    assert statements(bea, at(day)) == without


def test_the_axis_the_hover_and_the_table_follow(bea: Client, day: Workspace) -> None:
    live_in(KATHMANDU)
    began = now()
    seen = text_of(bea, at(day), fragment="over-time")
    assert "Times in Asia/Kathmandu" in seen and "Spent until then, times in Asia/Kathmandu" in seen
    labels = re.findall(r'text-anchor="middle">(\d\d):(\d\d)</text>', seen)
    assert labels and all(minute == "00" for _, minute in labels)
    moments = [moment.astimezone(ZoneInfo(KATHMANDU)) for moment in (began, now())]  # a minute may end meanwhile
    assert any(f"now {local:%H}:" in seen and f"{local:%H:%M} UTC+05:45: spent" in seen for local in moments)


def test_days_of_a_filter_are_the_persons(bea: Client, day: Workspace) -> None:
    first = LedgerEntry.objects.filter(project=day.pk).order_by("at").first()
    assert first is not None
    for zone in (AUCKLAND, "America/Los_Angeles"):
        live_in(zone)
        here = first.at.astimezone(ZoneInfo(zone)).date()
        rows = rows_of(bea, at(day, "ledger/"), to=str(here))
        expected = [row for row in LedgerEntry.objects.filter(project=day.pk) if row.at.astimezone(ZoneInfo(zone)).date() <= here]
        assert len(rows) == len(expected) > 0
    assert text_of(bea, at(day, "ledger/"), to="9999-12-31", **{"from": "0001-01-01"})


def test_a_csv_stays_in_utc(bea: Client, day: Workspace) -> None:
    live_in(KATHMANDU)
    assert all(row["at"].endswith("+00:00") for row in rows_of(bea, at(day, "ledger/")))


def test_the_budget_day_is_in_utc_and_shown_with_local_time(bea: Client, day: Workspace) -> None:
    live_in(KATHMANDU)
    bea.post(at(day, "limits/"), {"limit": "total.day", "amount": "900"})
    assert "00:00 UTC (05:45 UTC+05:45)" in text_of(bea, at(day), fragment="caps")


@pytest.mark.parametrize(("zone", "offset"), [("UTC", 0), (KATHMANDU, 15), ("Australia/Adelaide", 30)])
def test_hours_are_those_of_the_zone(day: Workspace, zone: str, offset: int) -> None:
    project = Project.objects.get(pk=day.pk)
    began = now() - timedelta(days=8)
    result = series.load(project, since=now() - timedelta(days=7), began=began, now=now(), zone=ZoneInfo(zone))
    local = [point.at.astimezone(ZoneInfo(zone)) for point in result.points[1:-1]]
    assert local and all(at.minute == 0 for at in local)
    assert result.points[-1].total == project.total_spent and sum(result.day.values()) == sum(result.hours)
    assert all(at.astimezone(UTC).minute in ((60 - offset) % 60, offset) for at in local)


def test_who_chose_nothing_has_the_servers_zone(ana: Client, workspace: Workspace) -> None:
    with override_settings(DISPLAY_TIME_ZONE="Europe/Berlin"):
        assert 'data-zone="Europe/Berlin"' in text_of(ana, "/")
    people.save_preferences(seed.user(), time_zone="Atlantis/Capital")
    assert 'data-zone="UTC"' in text_of(ana, "/")
