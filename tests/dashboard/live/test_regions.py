"""A page that stays open gets the regions that changed, together."""

import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client

from dashboard.overview import views as overview
from dashboard.shared import region_versions
from dashboard.shared.page_request import PageRequest
from orchestration.executor import control
from orchestration.models import Entry
from tests.dashboard.overview.test_page import statements
from tests.dashboard.seeds import entries as seed
from tests.factories import CLOSED
from workspaces.models import Workspace

NAMES = ",".join(overview.REGIONS)


def answer(client: Client, workspace: Workspace, live: str) -> dict[str, Any]:
    payload: dict[str, Any] = client.get(f"/w/{workspace.pk}/", {"live": live, "build": settings.BUILD}).json()
    return payload


def shown(regions: dict[str, Any]) -> str:
    return ",".join(f"{name}:{region['version']}" for name, region in regions.items())


def test_regions_that_did_not_change_are_not_sent(ana: Client, workspace: Workspace) -> None:
    """Clocks move meanwhile, and every rendering has another CSRF token."""
    regions = answer(ana, workspace, NAMES)["regions"]
    assert set(regions) == set(overview.REGIONS)
    assert answer(ana, workspace, shown(regions)) == {"regions": {}, "failed": []}
    control.pause(workspace.pk, by=seed.ANA)
    changed = answer(ana, workspace, shown(regions))["regions"]
    assert {"header", "activity"} <= set(changed) and "setup" not in changed
    assert 'id="act-resume"' in changed["header"]["html"]


def plain(html: str) -> str:
    """HTML without what each rendering has of its own: clocks and tokens."""
    html = re.sub(r'<time.*?</time>|data-tick="\d*"|name="(?:csrfmiddlewaretoken|token)" value="[^"]*"', "", html, flags=re.S)
    return re.sub(r"\s+", " ", html).strip()


@pytest.mark.parametrize(
    "tail", ["", "backlog/", "backlog/{}/", "backlog/{}/?tab=children", "sessions/", "landing/", "settings/executor/"]
)
def test_a_region_alone_is_what_it_is_on_its_page(ana: Client, workspace: Workspace, tail: str) -> None:
    stuck = Entry.objects.filter(workspace=workspace, status="blocked")[0]
    for done in (False, True):
        if done:
            Entry.objects.filter(workspace=workspace, status="pending").update(**CLOSED)
        path = f"/w/{workspace.pk}/{tail.format(stuck.pk)}"
        page = ana.get(path).content.decode()
        names = re.findall(r'id="([\w-]+)"\s+data-live=', page)
        assert len(names) > 4
        query = {"live": ",".join(names), "build": settings.BUILD}
        regions = ana.get(path + ("&" if "?" in path else "?") + urlencode(query)).json()["regions"]
        assert [name for name in names if plain(regions[name]["html"]) not in plain(page)] == []


def test_a_region_that_fails_is_named_and_the_others_are_sent(
    ana: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(page_request: PageRequest) -> dict[str, Any]:
        raise RuntimeError("broken")

    monkeypatch.setitem(overview.REGIONS, "now", replace(overview.REGIONS["now"], build=fail))
    payload = answer(ana, workspace, "now,header")
    assert payload["failed"] == ["now"] and set(payload["regions"]) == {"header"}


def test_unknown_names_are_left_out(ana: Client, workspace: Workspace) -> None:
    assert answer(ana, workspace, "secrets,:,header:x:y,\x00")["regions"].keys() == {"header"}


def test_all_regions_together_take_no_more_queries_than_the_page(ana: Client, workspace: Workspace) -> None:
    path = f"/w/{workspace.pk}/"
    assert statements(ana, path, live=NAMES, build=settings.BUILD) <= statements(ana, path) <= 14


def test_signed_out_it_is_refused(workspace: Workspace) -> None:
    assert Client().get(f"/w/{workspace.pk}/", {"live": "header"}, headers={"HX-Request": "true"}).status_code == 401


def test_the_address_of_the_page_has_no_parameter_of_the_request(ana: Client, workspace: Workspace) -> None:
    header = answer(ana, workspace, "header")["regions"]["header"]["html"]
    assert f'name="next" value="/w/{workspace.pk}/"' in header


def test_a_clock_and_a_token_make_no_version() -> None:
    html = '<time class="num" data-ago="5" data-at="x">3s ago</time><input name="csrfmiddlewaretoken" value="a">'
    assert region_versions.of(html) == region_versions.of(html.replace("3 s", "4 s").replace('"a"', '"b"'))
    assert region_versions.of(html) != region_versions.of(html.replace('"5"', '"6"'))


def test_a_page_of_another_build_gets_no_markup_and_is_to_reload(ana: Client, workspace: Workspace) -> None:
    for build in ({}, {"build": "of-before"}):
        answer = ana.get(f"/w/{workspace.pk}/", {"live": "header,nav"} | build).json()
        assert answer == {"regions": {}, "failed": [], "reload": True}
