"""The credentials on the page of agents: their state for everybody, a form for admins, a key for nobody."""

from datetime import timedelta

from django.test import Client
from django.utils.timezone import now

from orchestration import configuration
from orchestration.configuration import Agent, credentials, secrets, workspace_setup
from orchestration.models import Credential, Executor, ProviderBreaker
from tests.dashboard.overview.test_page import statements, text_of
from tests.dashboard.seeds import entries as seed
from workspaces.access import Caller
from workspaces.models import Workspace

KEY = "sk-of-the-team-plan"
FORM = {
    "name": "team-plan",
    "key": KEY,
    "variable": "",
    "base_url": "",
    "billing": "plan",
    "stop_at.pct_5h": "80 %",
    "stop_at.pct_7d": "",
    "stop_at.usd_month": "$12.50",
}


def page_of(workspace: Workspace) -> str:
    return f"/w/{workspace.pk}/settings/agents/"


def save(client: Client, workspace: Workspace, **change: str) -> int:
    return client.post(f"{page_of(workspace)}credentials/", FORM | change).status_code


def test_an_admin_adds_a_credential_and_no_page_shows_its_key(ana: Client, vera: Client, workspace: Workspace) -> None:
    assert save(ana, workspace) == 303
    row = Credential.objects.get()
    assert (row.name, row.billing, row.stop_at) == ("team-plan", "plan", {"pct_5h": 80, "usd_month": 12.5})
    served = secrets.resolve(workspace.pk, Agent(kind="claude_code", credential="team-plan"))
    assert served.env == {"ANTHROPIC_API_KEY": KEY}
    for client in (ana, vera):
        seen = text_of(client, page_of(workspace))
        assert "team-plan" in seen and "has a key" in seen and "No agent uses it" in seen and KEY not in seen
        assert "stops at 80 %" in seen and "stops at $12.50" in seen and "unknown" in seen


def test_the_address_of_a_provider_stands_by_a_secret_too(ana: Client, vera: Client, workspace: Workspace) -> None:
    by = Caller("ana")
    workspace_setup.configure(
        workspace, {"agent": {"kind": "claude_code"}, "agents": {"other": {"kind": "command", "command": "x"}}}, by=by
    )
    secrets.put(workspace.pk, "ANTHROPIC_API_KEY", "sk-1", by=by)
    to = f"{page_of(workspace)}credentials/address/"
    answer = ana.post(to, {"name": "ANTHROPIC_API_KEY", "base_url": "llm.example"}, headers={"HX-Request": "true"})
    assert "The base URL must be an http:// or https:// address" in answer.text + str(answer.headers)
    ana.post(to, {"name": "ANTHROPIC_API_KEY", "base_url": "https://llm.example"})
    config = configuration.load(Executor.objects.get(pk=workspace.pk).config)
    assert config.agent.env == {"ANTHROPIC_BASE_URL": "https://llm.example"} and config.agents["other"].env == {}
    assert 'value="https://llm.example"' in ana.get(page_of(workspace)).text and "llm.example/" not in text_of(
        vera, page_of(workspace)
    )
    assert vera.post(to, {"name": "ANTHROPIC_API_KEY at llm.example", "base_url": ""}).status_code == 403
    ana.post(to, {"name": "ANTHROPIC_API_KEY at llm.example", "base_url": ""})
    assert configuration.load(Executor.objects.get(pk=workspace.pk).config).agent.env == {}


def test_an_empty_key_stays_until_it_is_removed_and_an_empty_window_goes(ana: Client, workspace: Workspace) -> None:
    save(ana, workspace)
    save(ana, workspace, key="", billing="paid", **{"stop_at.usd_month": ""})
    row = Credential.objects.get()
    assert (row.sealed is not None, row.billing, row.stop_at) == (True, "paid", {"pct_5h": 80})
    save(ana, workspace, key="", remove_key="on")
    assert Credential.objects.get().sealed is None


def test_a_value_that_does_not_fit_is_named_and_nothing_is_kept(ana: Client, workspace: Workspace) -> None:
    refused = {
        ("stop_at.pct_5h", "many"): "Stop at, 5-hour window: the value must be a number",
        ("stop_at.pct_5h", "120"): "must be a percentage from 1 to 100",
        ("base_url", "gateway"): "The base URL must be an http:// or https:// address",
        ("name", "a b"): "is not a name for a credential",
        ("name", ""): "Write a name, such as team-plan",
    }
    for (name, value), words in refused.items():
        form = FORM | {name: value, "next": page_of(workspace)}
        assert words in ana.post(f"{page_of(workspace)}credentials/", form, follow=True).content.decode(), name
    assert not Credential.objects.exists()


def test_only_an_admin_changes_credentials(otto: Client, workspace: Workspace) -> None:
    credentials.put(workspace.pk, "team-plan", {}, by=seed.ANA)
    assert save(otto, workspace) == 403
    assert otto.post(f"{page_of(workspace)}credentials/remove/", {"name": "team-plan"}).status_code == 403
    seen = text_of(otto, page_of(workspace))
    assert "team-plan" in seen and "Add a credential" not in seen and 'name="billing"' not in seen


def test_a_credential_is_removed_once_no_agent_names_it(ana: Client, workspace: Workspace) -> None:
    save(ana, workspace)
    agent = {"kind": "claude_code", "credential": "team-plan"}
    workspace_setup.configure(workspace, {"agents": {"own": agent}}, by=seed.ANA)
    assert "Used by own" in text_of(ana, page_of(workspace))
    remove = f"{page_of(workspace)}credentials/remove/"
    refused = ana.post(remove, {"name": "team-plan", "next": page_of(workspace)}, follow=True).content.decode()
    assert "own uses it: choose another credential" in refused and Credential.objects.exists()
    workspace_setup.configure(workspace, {"agents": {"own": None}}, by=seed.ANA)
    assert ana.post(remove, {"name": "team-plan"}).status_code == 303 and not Credential.objects.exists()


def test_what_agents_derive_is_billed_and_stopped_without_a_key(ana: Client, workspace: Workspace) -> None:
    workspace_setup.configure(workspace, {"agent": {"kind": "codex"}}, by=seed.ANA)
    [item] = ana.get(page_of(workspace)).context["credentials"]
    assert (item["row"].name, item["state"].agents, item["state"].is_own) == ("login of Codex", ["default"], False)
    form = {"name": "login of Codex", "billing": "plan", "stop_at.pct_7d": "90"}
    assert ana.post(f"{page_of(workspace)}credentials/", form).status_code == 303
    assert "Its windows are unknown" not in text_of(ana, page_of(workspace)) and Credential.objects.get().stop_at == {
        "pct_7d": 90
    }
    assert ana.post(f"{page_of(workspace)}credentials/remove/", {"name": "login of Codex"}).status_code == 303
    assert "login of Codex" in text_of(ana, page_of(workspace))


def test_windows_show_what_is_used_when_they_reset_and_what_stops(vera: Client, workspace: Workspace) -> None:
    credentials.put(workspace.pk, "team-plan", {"billing": "plan", "stop_at": {"pct_5h": 80}}, by=seed.ANA)
    credentials.put(workspace.pk, "quiet", {"billing": "plan"}, by=seed.ANA)
    times = {"resets_at": (now() + timedelta(hours=2)).timestamp(), "read_at": now().timestamp()}
    windows = {"pct_5h": times | {"used": 85.0}, "pct_7d": times | {"used": 12.0}, "pct_1d": times | {"used": None}}
    Credential.objects.filter(name="team-plan").update(windows=windows)
    shown = {item["row"].name: item for item in vera.get(page_of(workspace)).context["credentials"]}
    assert [each["window"].title for each in shown["team-plan"]["windows"]] == ["5-hour window", "1-day window", "7-day window"]
    seen = text_of(vera, page_of(workspace))
    assert "85 % used" in seen and "12 % used" in seen and "team-plan is limited until" in seen
    assert "Its windows are unknown until an agent has worked with it" in seen
    Credential.objects.filter(name="team-plan").update(windows={"pct_5h": times | {"used": 85.0, "resets_at": 1.0}})
    assert "85 % used" not in text_of(vera, page_of(workspace))


def test_an_operator_tries_one_credential_again(otto: Client, vera: Client, workspace: Workspace) -> None:
    for name, family in (("team-plan", "opus"), ("other", "")):
        credentials.put(workspace.pk, name, {}, by=seed.ANA)
        more = {"code": "rate_limited", "message": "429: slow down", "until": now() + timedelta(hours=1), "count": 1}
        ProviderBreaker.objects.create(workspace=workspace, credential=name, family=family, **more)
    seen = text_of(otto, page_of(workspace))
    assert "models) is limited until" in seen and "429: slow down" in seen and "Try again" in seen
    assert 'name="credential"' not in text_of(vera, page_of(workspace))
    assert otto.post(f"{page_of(workspace)}retry/", {"credential": "team-plan"}).status_code == 303
    assert [row.credential for row in ProviderBreaker.objects.exclude(code="")] == ["other"]


def test_the_page_costs_the_same_whatever_number_there_is(ana: Client, workspace: Workspace) -> None:
    few = statements(ana, page_of(workspace))
    for n in range(20):
        credentials.put(workspace.pk, f"plan-{n}", {"key": KEY}, by=seed.ANA)
    assert statements(ana, page_of(workspace)) == few
