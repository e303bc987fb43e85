"""Credentials over HTTP: their state for everybody, their keys for nobody."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.utils.timezone import now

from orchestration.configuration import credentials, secrets
from orchestration.models import Credential, ProviderBreaker
from tests.contract.api import Api, names_of
from tests.factories import ANA, a_token
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
KEY = "sk-of-the-team-plan"
PLAN = {"key": KEY, "variable": "CLAUDE_CODE_OAUTH_TOKEN", "base_url": "https://gw.example", "billing": "plan"}


def listed(api: Api) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in api.get("/credentials").json["credentials"]}


def test_a_credential_is_added_changed_by_parts_and_removed(shop: Api) -> None:
    added = shop.put("/credentials/team-plan", PLAN | {"stop_at": {"pct_5h": 80, "usd_month": 20.5}}).json
    assert added == listed(shop)["team-plan"]
    assert {name: added[name] for name in ("has_key", "variable", "base_url", "billing", "stop_at", "agents", "changed_by")} == {
        "has_key": True,
        "variable": "CLAUDE_CODE_OAUTH_TOKEN",
        "base_url": "https://gw.example",
        "billing": "plan",
        "stop_at": {"pct_5h": 80, "usd_month": 20.5},
        "agents": [],
        "changed_by": "token:test",
    }
    changed = shop.put("/credentials/team-plan", {"variable": None, "stop_at": {"usd_month": None}}).json
    assert (changed["has_key"], changed["variable"], changed["stop_at"]) == (True, None, {"pct_5h": 80})
    assert tuple(shop.delete("/credentials/team-plan")) == (200, {"deleted": True})
    assert "team-plan" not in listed(shop) and shop.delete("/credentials/team-plan").status == 404


def test_no_answer_has_a_key(workspace: Workspace, shop: Api) -> None:
    assert KEY not in shop.put("/credentials/team-plan", PLAN).text
    viewer = Api(workspace, a_token(workspace, "viewer"))
    for api in (shop, viewer):
        for path in ("/credentials", "/config", "/executor/agent", "/todo/events?after=0"):
            assert KEY not in api.get(path).text
    assert listed(viewer)["team-plan"]["has_key"]


def test_what_agents_derive_is_listed_with_the_readings_of_its_windows(workspace: Workspace, shop: Api) -> None:
    shop.patch("/config", {"agent": {"kind": "claude_code"}, "agents": {"other": {"kind": "codex"}}})
    secrets.put(workspace.pk, "OPENAI_API_KEY", "sk-codex", by=ANA)
    later, past = (now() + timedelta(hours=hours) for hours in (2, -2))
    windows = {name: {"used": 41.5, "resets_at": at.timestamp(), "read_at": past.timestamp()} for name, at in (("pct_5h", later), ("pct_7d", past))}  # fmt: skip
    Credential.objects.create(workspace=workspace, name="login of Claude Code", windows=windows)
    rows = listed(shop)
    assert {name: (row["agents"], row["has_key"], row["billing"]) for name, row in rows.items()} == {
        "OPENAI_API_KEY": (["other"], False, "paid"),
        "login of Claude Code": (["default"], False, "paid"),
    }
    assert (rows["OPENAI_API_KEY"]["changed_at"], rows["OPENAI_API_KEY"]["windows"]) == (None, {})
    [(name, window)] = rows["login of Claude Code"]["windows"].items()
    assert (name, window["used"]) == ("pct_5h", 41.5)
    assert abs(datetime.fromisoformat(window["resets_at"]) - later) < timedelta(seconds=1)


def test_a_derived_name_with_a_slash_is_set_and_retried(workspace: Workspace, shop: Api) -> None:
    shop.patch("/config", {"agent": {"kind": "codex", "env": {"OPENAI_BASE_URL": "https://gw.example/v1"}}})
    [name] = listed(shop)
    path = f"/credentials/{quote(name, safe='')}"
    assert (
        shop.put(path, {"billing": "plan", "stop_at": {"pct_5h": 90}}).json["name"] == name == "login of Codex at gw.example/v1"
    )
    assert names_of(shop.put(path, {"key": KEY})) == ["key"]
    ProviderBreaker.objects.create(workspace=workspace, credential=name, code="quota", count=1)
    assert tuple(shop.post(f"{path}/retry")) == (200, {"ok": True})
    assert shop.delete(path).status == 200 and listed(shop)[name]["billing"] == "paid"


def test_each_open_breaker_is_listed_and_a_retry_closes_those_of_its_credential(workspace: Workspace, shop: Api) -> None:
    for name in ("one", "two"):
        credentials.put(workspace.pk, name, {}, by=ANA)
    until = datetime(2030, 1, 2, tzinfo=UTC)
    more = {"code": "rate_limited", "message": "429", "since": now(), "until": until, "count": 1}
    for name, family in (("one", "opus"), ("one", "sonnet"), ("two", "")):
        ProviderBreaker.objects.create(workspace=workspace, credential=name, family=family, **more)
    ProviderBreaker.objects.create(workspace=workspace, credential="two", family="closed", count=1)
    rows = listed(shop)
    assert [each["family"] for each in rows["one"]["breakers"]] == ["opus", "sonnet"]
    assert [(each["family"], each["code"], each["message"]) for each in rows["two"]["breakers"]] == [
        (None, "rate_limited", "429")
    ]
    assert datetime.fromisoformat(rows["two"]["breakers"][0]["until"]) == until
    assert shop.post("/credentials/one/retry").status == 200
    rows = listed(shop)
    assert (rows["one"]["breakers"], len(rows["two"]["breakers"])) == ([], 1)
    assert shop.post("/credentials/one/retry").status == 404


def test_a_window_that_stops_its_agents_is_listed_as_a_breaker_that_opens_by_itself(workspace: Workspace, shop: Api) -> None:
    credentials.put(workspace.pk, "team-plan", {"stop_at": {"pct_5h": 80}}, by=ANA)
    later = now() + timedelta(hours=2)
    windows = {"pct_5h": {"used": 85.0, "resets_at": later.timestamp(), "read_at": now().timestamp()}}
    Credential.objects.update(windows=windows)
    [breaker] = listed(shop)["team-plan"]["breakers"]
    assert (breaker["code"], breaker["family"]) == ("window", None) and "85 % of its 5-hour window" in breaker["message"]
    assert shop.post("/credentials/team-plan/retry").status == 404


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"key": ""}, "key"),
        ({"key": 1}, "key"),
        ({"key": "x\0"}, "key"),
        ({"variable": "A B"}, "variable"),
        ({"base_url": "https://me:secret@gw.example"}, "base_url"),
        ({"billing": "free"}, "billing"),
        ({"stop_at": {"pct_5h": 101}}, "stop_at"),
        ({"stop_at": {"month": 1}}, "stop_at"),
        ({"stop_at": 80}, "stop_at"),
        ({"other": 1}, "other"),
    ],
)
def test_a_bad_value_is_400_with_its_name(shop: Api, body: dict[str, Any], name: str) -> None:
    response = shop.put("/credentials/team-plan", body)
    assert (response.status, names_of(response)) == (400, [name])
    assert not Credential.objects.exists()


@pytest.mark.parametrize("name", ["a b", "%00", "OPENAI_API_KEY", "x" * 64, "x" * 5000])
def test_a_name_that_none_can_have_is_400_and_there_is_none_to_remove(shop: Api, name: str) -> None:
    path = f"/credentials/{name if '%' in name else quote(name)}"
    assert names_of(shop.put(path, {})) == ["name"]
    assert (shop.delete(path).status, shop.post(f"{path}/retry").status) == (404, 404)


def test_the_config_names_credentials_that_exist_and_keeps_them(shop: Api) -> None:
    change = {"agents": {"own": {"kind": "codex", "credential": "team-plan"}}}
    assert names_of(shop.patch("/config", change)) == ["agents.own.credential"]
    assert names_of(shop.patch("/config", {"agent": {"credential": "not a name"}})) == ["agent.credential"]
    shop.put("/credentials/team-plan", {"key": KEY})
    assert shop.patch("/config", change).json["agents"]["own"]["credential"] == "team-plan"
    assert listed(shop)["team-plan"]["agents"] == ["own"]
    assert [agent["credential"] for agent in shop.get("/executor/agent").json["agents"]][1] == "team-plan"
    response = shop.delete("/credentials/team-plan")
    assert names_of(response) == ["name"] and "own uses it" in response.text
