"""A number that home, the overview and the list show has one name and one value on all of them."""

import html
import re
from datetime import timedelta

from django.test import Client
from django.utils.timezone import now

from budget.amounts import usd
from budget.models import ForecastRecord
from orchestration.backlog import entry_actions
from orchestration.models import Entry, Session
from tests.factories import ANA, CLOSED, a_charge, a_workspace, an_entry, some_entries
from workspaces.models import Workspace


def text_of(client: Client, address: str) -> str:
    markup = re.sub(r"<(script|style|head)\b.*?</\1>", "", client.get(address).content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", markup)))


def shown(text: str, *patterns: str) -> set[tuple[str, ...]]:
    """The values of the groups of these patterns, each of which is in the text."""
    matches = [re.search(pattern, text) for pattern in patterns]
    assert all(matches), [pattern for pattern, match in zip(patterns, matches, strict=True) if not match]
    return {match.groups() for match in matches if match}


def test_each_number_of_home_the_overview_and_the_list_is_one(ana: Client, workspace: Workspace) -> None:
    landing, split = some_entries(workspace, "landing", "split")
    Entry.objects.filter(pk=landing.pk).update(status="in_progress")
    Entry.objects.filter(pk=split.pk).update(status="in_progress", is_container=True)
    a_charge(None, "0.37", category="expansion", in_=workspace)
    home, here, listed = (text_of(ana, address) for address in ("/", f"/w/{workspace.pk}/", f"/w/{workspace.pk}/backlog/"))
    busy = str(Entry.objects.filter(workspace=workspace, status="in_progress").count())
    assert (
        shown(home, r"(\d+) in progress, 1 landing, 1 split")
        == shown(here, r"(\d+) in progress, 1 landing, 1 split")
        == {(busy,)}
    )
    assert (busy,) in shown(listed, r"In progress (\d+)")
    at_work = str(Session.objects.filter(workspace=workspace, status__in=Session.OPEN).count())
    assert shown(home, r"(\d+) of \d+ agents", r"(\d+) agents? at work") == shown(here, r"(\d+) of \d+ agents", r"At work (\d+)")
    assert (at_work,) in shown(here, r"At work (\d+)") and int(at_work) == int(busy) - 2
    assert shown(home, r"(\d+) of (\d+) done") == shown(here, r"(\d+) of (\d+) done\.")
    spent = shown(home, r"(\$\d+\.\d\d) of \$\d+\.\d\d \$") | shown(
        here, r"Spent (\$\d+\.\d\d)", r"(\$\d+\.\d\d) of \$\d+\.\d\d \d+ ?%"
    )
    assert len(spent) == 1
    today = shown(home, r"(\$\d+\.\d\d) today", r"landed today for (\$\d+\.\d\d)") | shown(
        here, r"Spent today \(UTC\) (\$\d+\.\d\d)"
    )
    assert len(today) == 1


def test_a_likely_end_is_named_so_and_is_one_time_everywhere(ana: Client) -> None:
    shop = a_workspace()
    an_entry(shop)
    end = now() + timedelta(hours=2)
    ForecastRecord.objects.create(
        project_id=shop.pk, computed_at=now(), version=0, event=0, enough=True, rate=usd(1), end_spend=usd(2), end_at=end
    )
    assert shown(text_of(ana, "/"), r"likely done ([\d:]+)") == shown(text_of(ana, f"/w/{shop.pk}/"), r"Likely done ([\d:]+)")


def test_once_all_is_done_the_headline_has_the_time_of_the_last_end(ana: Client) -> None:
    shop = a_workspace()
    first, last = some_entries(shop, "a", "b")
    entry_actions.mark_all_done([first, last], by=ANA)
    ended = now() - timedelta(hours=3)
    Entry.objects.filter(pk=first.pk).update(done_at=ended - timedelta(hours=1))
    Entry.objects.filter(pk=last.pk).update(done_at=ended)
    context = ana.get(f"/w/{shop.pk}/").context
    assert context["done_at"] == ended and "All 2 entries are done since" in text_of(ana, f"/w/{shop.pk}/")
    Entry.objects.filter(pk=an_entry(shop).pk).update(**CLOSED)
    assert "All 3 entries are done." in text_of(ana, f"/w/{shop.pk}/"), "ended by a release that kept no time"
