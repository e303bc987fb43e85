"""The page of insight: figures, their comparison, and where they lead."""

import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from dashboard.insight.figures import BY_NAME
from orchestration.models import Round, Session
from tests.dashboard.budget.test_pages import rows_of
from tests.dashboard.conftest import client_of
from tests.dashboard.overview.test_page import in_line, statements, text_of
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds.money_cast import bea, day, entry
from workspaces.models import Workspace

__all__ = ["bea", "day"]


def at(workspace: Workspace) -> str:
    return f"/w/{workspace.pk}/insight/"


@pytest.mark.parametrize("by", ["", "agent", "group", "person", "day"])
def test_every_tab_has_figures(bea: Client, day: Workspace, by: str) -> None:
    assert "Per landed" in text_of(bea, at(day), by=by)


def test_it_names_what_wastes_most_and_each_row_leads_to_its_entries(bea: Client, day: Workspace) -> None:
    Session.objects.filter(workspace=day, entry__seq=3).update(model="large", agent="codex")
    Session.objects.filter(workspace=day, entry__seq=2).update(model="small")
    seen = in_line(text_of(bea, at(day)))
    assert "Most was wasted by <strong>large</strong>: $9.40 of $9.40 (100 %), in the last 24 hours." in seen
    assert seen.index(">large</a>") < seen.index(">small</a>") < seen.index(">no model named</a>")
    address = html.unescape(re.findall(r'class="title" href="([^"]+)"', seen)[0])
    listed = text_of(bea, address)
    assert "worked on by the model large" in listed and entry(day, 3).pk in listed and entry(day, 2).pk not in listed


@pytest.mark.parametrize("by", ["model", "agent", "group", "person", "day"])
def test_the_entries_of_a_row_are_those_that_were_counted(bea: Client, day: Workspace, by: str) -> None:
    seen = bea.get(at(day), {"by": by}).context
    links = [row["url"] for row in seen["rows"]]
    counted = {row["entry"].pk for link in links for row in bea.get(html.unescape(link)).context["rows"]}
    assert counted == set(Round.objects.filter(session__status="ended").values_list("entry", flat=True))


def test_every_column_sorts_both_ways(bea: Client, day: Workspace) -> None:
    Session.objects.filter(workspace=day, entry__seq=3).update(model="large")
    for name in BY_NAME:
        up, down = ([row["name"] for row in bea.get(at(day), {"sort": f"{sign}{name}"}).context["rows"]] for sign in ("", "-"))
        assert sorted(up) == sorted(down) and len(up) == 2
    assert 'aria-sort="descending"' in text_of(bea, at(day), sort="-cache")


def test_its_queries_do_not_grow_with_the_rows(bea: Client, day: Workspace) -> None:
    few = statements(bea, at(day))
    for n, session in enumerate(Session.objects.filter(workspace=day, status="ended")):
        Session.objects.filter(pk=session.pk).update(model=f"model-{n}")
    assert statements(bea, at(day), by="day", range="7d") == statements(bea, at(day)) == few <= 12


def test_the_csv_has_raw_figures(bea: Client, day: Workspace) -> None:
    Session.objects.filter(workspace=day, entry__seq=3).update(model="large")
    first = rows_of(bea, at(day))[0] if rows_of(bea, at(day))[0]["model"] else rows_of(bea, at(day))[1]
    assert (first["model"], first["spent_usd"], first["wasted_usd"], first["usd_per_landed"]) == ("large", "9.4", "9.4", "")


def test_an_empty_range_leads_to_all(bea: Client, day: Workspace) -> None:
    Session.objects.filter(workspace=day).update(ended_at=now() - timedelta(days=3))
    assert "No round ended in the last 24 hours" in text_of(bea, at(day)) and "large" not in text_of(bea, at(day))
    fresh = seed.empty("Fresh")
    assert "No round has ended yet" in text_of(client_of("ben", "viewer", fresh), at(fresh), range="all")


def test_the_chart_of_days_has_a_place_and_a_reading_for_each(bea: Client, day: Workspace) -> None:
    sessions = Session.objects.filter(workspace=day, status="ended")
    for n, session in enumerate(sessions):
        Session.objects.filter(pk=session.pk).update(ended_at=now() - timedelta(days=n % 3))
    chart = str(bea.get(at(day), {"by": "day", "range": "7d"}).context["chart"])
    readings = re.findall(r'data-readings="([^"]+)"', chart)[0].split("|")
    assert len(readings) == 3 == len(re.findall(r'data-x="([^"]+)"', chart)[0].split())
    assert all("Spent $" in reading and "Landed " in reading for reading in readings)
