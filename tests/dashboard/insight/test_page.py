"""The page of insight: figures, their comparison, and where they lead."""

import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from budget.models import ModelSpend
from dashboard.insight.figures import BY_NAME
from orchestration.models import Round, Session
from tests.dashboard.budget.test_pages import rows_of
from tests.dashboard.conftest import client_of
from tests.dashboard.overview.test_page import in_line, statements, text_of
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds.money_cast import bea, day, entry
from workspaces.models import Workspace

__all__ = ["bea", "day"]


def name_model(workspace: Workspace, seq: int, model: str) -> None:
    """Let an entry's sessions have worked by this model, as their end and the ledger say."""
    Session.objects.filter(workspace=workspace, entry__seq=seq).update(model=model)
    ModelSpend.objects.filter(account=entry(workspace, seq).account_id).update(model=model)


def at(workspace: Workspace) -> str:
    return f"/w/{workspace.pk}/money/insight/"


@pytest.mark.parametrize("by", ["", "agent", "group", "person", "day"])
def test_every_tab_has_figures(bea: Client, day: Workspace, by: str) -> None:
    assert "Per landed" in text_of(bea, at(day), by=by)


def test_it_shows_the_cost_of_a_landed_entry_and_each_row_leads_to_its_entries(bea: Client, day: Workspace) -> None:
    name_model(day, 3, "large")
    name_model(day, 2, "small")
    assert "for each entry that landed. Least with" in in_line(re.sub("<[^>]*>", "", text_of(bea, at(day))))
    seen = in_line(text_of(bea, at(day), sort="-wasted"))
    assert seen.index(">large</a>") < min(seen.index(f">{name}</a>") for name in ("small", "priced-model", "no model named"))
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
    name_model(day, 3, "large")
    for name in BY_NAME:
        up, down = ([row["name"] for row in bea.get(at(day), {"sort": f"{sign}{name}"}).context["rows"]] for sign in ("", "-"))
        assert sorted(up) == sorted(down) and len(up) == 3
    assert 'aria-sort="descending"' in text_of(bea, at(day), sort="-cache")


def test_its_queries_do_not_grow_with_the_rows(bea: Client, day: Workspace) -> None:
    few = statements(bea, at(day))
    for n, session in enumerate(Session.objects.filter(workspace=day, status="ended")):
        Session.objects.filter(pk=session.pk).update(model=f"model-{n}")
    assert statements(bea, at(day), by="day", range="7d") == statements(bea, at(day)) == few <= 12


def test_the_csv_has_raw_figures(bea: Client, day: Workspace) -> None:
    name_model(day, 3, "large")
    first = next(row for row in rows_of(bea, at(day)) if row["model"] == "large")
    assert (first["spent_usd"], first["wasted_usd"], first["usd_per_landed"]) == ("9.4", "9.4", "")


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
