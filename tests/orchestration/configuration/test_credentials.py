"""Credentials: sealed keys that reach the agents which name them and no others, how they are billed, and where they stop."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import override_settings

from orchestration.configuration import Agent, Config, credentials, secrets, workspace_setup
from orchestration.models import AgentCheck, Credential, Executor, ProviderBreaker
from tests.factories import ANA, a_workspace
from workspaces.errors import Invalid, NotFound
from workspaces.models import Event, Workspace
from workspaces.secrets.sealing import Sealed

pytestmark = pytest.mark.django_db
KEY = "sk-of-the-team-plan"
CLAUDE = {"kind": "claude_code", "credential": "team-plan"}


def put(workspace: Workspace, name: str = "team-plan", **change: Any) -> Credential:
    return credentials.put(workspace.pk, name, change, by=ANA)


def env_of(workspace: Workspace, **agent: Any) -> dict[str, str]:
    return secrets.resolve(workspace.pk, Agent.model_validate(agent)).env


def test_a_key_is_stored_encrypted_and_reaches_the_agent_that_names_its_credential(shop: Workspace) -> None:
    row = put(shop, key=KEY)
    assert row.sealed is not None and KEY.encode() not in bytes(row.sealed)
    assert env_of(shop, **CLAUDE) == {"ANTHROPIC_API_KEY": KEY}
    assert env_of(shop, kind="claude_code") == {}


def test_an_agent_gets_the_key_of_its_credential_and_no_other_key_of_its_program(shop: Workspace) -> None:
    for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY", "NPM_TOKEN"):
        secrets.put(shop.pk, name, f"of-{name}", by=ANA)
    put(shop, key=KEY, variable="CLAUDE_CODE_OAUTH_TOKEN")
    put(shop, "other", key="sk-of-the-other")
    resolved = secrets.resolve(shop.pk, Agent.model_validate(CLAUDE | {"env": {"X": "1", "ANTHROPIC_API_KEY": "old"}}))
    assert resolved.env == {"X": "1", "NPM_TOKEN": "of-NPM_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN": KEY}
    assert (resolved.agent.use_login, resolved.key_variable) == (False, "CLAUDE_CODE_OAUTH_TOKEN")


def test_a_credential_without_a_key_leaves_the_secret_and_the_login(shop: Workspace) -> None:
    secrets.put(shop.pk, "ANTHROPIC_API_KEY", "sk-secret", by=ANA)
    put(shop, billing="plan")
    resolved = secrets.resolve(shop.pk, Agent.model_validate(CLAUDE))
    assert (resolved.env, resolved.agent.use_login, resolved.key_variable) == ({"ANTHROPIC_API_KEY": "sk-secret"}, True, "")


@pytest.mark.parametrize(
    ("agent", "key", "address"),
    [
        ({"kind": "claude_code"}, "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
        ({"kind": "codex"}, "CODEX_API_KEY", "OPENAI_BASE_URL"),
        ({"kind": "gemini"}, "GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL"),
        ({"kind": "qwen"}, "OPENAI_API_KEY", "OPENAI_BASE_URL"),
        ({"kind": "aider", "model": "openai/gpt-5"}, "OPENAI_API_KEY", "OPENAI_API_BASE"),
        ({"kind": "mini_swe_agent", "model": "openai/gpt-5"}, "OPENAI_API_KEY", "OPENAI_API_BASE"),
    ],
)
def test_each_program_gets_key_and_address_in_its_own_variables(
    shop: Workspace, agent: dict[str, Any], key: str, address: str
) -> None:
    put(shop, key=KEY, base_url="https://gateway.example/v1")
    env = {"OPENAI_BASE_URL": "https://old.example", "OPENAI_API_BASE": "https://old.example"}
    assert env_of(shop, **agent, credential="team-plan", env=env) == {key: KEY, address: "https://gateway.example/v1"}


def test_of_several_providers_the_key_is_for_that_of_the_model(shop: Workspace) -> None:
    put(shop, key=KEY)
    assert env_of(shop, kind="opencode", model="openrouter/qwen", credential="team-plan") == {"OPENROUTER_API_KEY": KEY}


@pytest.mark.parametrize(
    ("agent", "change", "problem"),
    [
        ({"kind": "command", "command": "true"}, {"key": KEY}, "has no usual variable"),
        ({"kind": "acp", "command": "true"}, {"key": KEY}, "has no usual variable"),
        ({"kind": "command", "command": "true"}, {"base_url": "https://g.example"}, "takes no base URL"),
        ({"kind": "opencode"}, {"base_url": "https://g.example"}, "takes no base URL"),
        ({"kind": "aider", "model": "anthropic/x"}, {"base_url": "https://g.example"}, "for OPENAI_API_KEY alone"),
    ],
)
def test_what_a_credential_has_and_its_agent_cannot_take_is_refused_from_both_sides(
    shop: Workspace, agent: dict[str, Any], change: dict[str, Any], problem: str
) -> None:
    naming = {"agents": {"own": agent | {"credential": "team-plan"}}}
    put(shop)
    workspace_setup.configure(shop, naming, by=ANA)
    with pytest.raises(Invalid, match=f"own uses it: .*{problem}"):
        put(shop, **change)
    assert Credential.objects.get().sealed is None and Credential.objects.get().base_url == ""
    workspace_setup.configure(shop, {"agents": {"own": None}}, by=ANA)
    put(shop, **change)
    with pytest.raises(Invalid, match=problem) as refused:
        workspace_setup.configure(shop, naming, by=ANA)
    assert refused.value.names == ("agents.own.credential",)


def test_a_command_gets_the_key_under_the_credentials_variable(shop: Workspace) -> None:
    put(shop, key=KEY, variable="MY_KEY")
    assert env_of(shop, kind="command", command="true", credential="team-plan") == {"MY_KEY": KEY}
    assert credentials.key_variables(shop.pk, Agent(credential="team-plan")) == ["MY_KEY"]
    assert credentials.key_variables(shop.pk, Agent()) == []


@pytest.mark.parametrize("at", ["agent", "agents.cheap", "interceptor.agent", "verifier.agent", "planner.agent", "orchestrator.agent"])  # fmt: skip
def test_an_agent_cannot_name_a_credential_that_does_not_exist(shop: Workspace, at: str) -> None:
    change: Any = CLAUDE
    for key in reversed(at.split(".")):
        change = {key: change}
    with pytest.raises(Invalid, match="There is no credential 'team-plan': add it first") as refused:
        workspace_setup.configure(shop, change, by=ANA)
    assert refused.value.names == (f"{at}.credential",)
    put(shop)
    workspace_setup.configure(shop, change, by=ANA)


def test_a_credential_of_another_workspace_is_none_of_this_one(shop: Workspace) -> None:
    put(a_workspace(name="Other"), key=KEY)
    with pytest.raises(Invalid, match="no credential 'team-plan'"):
        workspace_setup.configure(shop, {"agent": CLAUDE}, by=ANA)
    assert secrets.mask_for(shop.pk, {}).names_in(KEY) == []
    with pytest.raises(NotFound):
        credentials.remove(shop.pk, "team-plan", by=ANA)


def test_a_credential_is_removed_once_no_agent_names_it(shop: Workspace) -> None:
    put(shop)
    workspace_setup.configure(shop, {"agent": CLAUDE, "interceptor": {"agent": CLAUDE}}, by=ANA)
    with pytest.raises(Invalid, match="default, interceptor use it"):
        credentials.remove(shop.pk, "team-plan", by=ANA)
    workspace_setup.configure(shop, {"agent": None, "interceptor": None}, by=ANA)
    credentials.remove(shop.pk, "team-plan", by=ANA)
    assert not Credential.objects.exists()
    with pytest.raises(NotFound):
        credentials.remove(shop.pk, "team-plan", by=ANA)


def test_with_a_credential_its_breakers_go_but_not_those_of_a_login_in_use(shop: Workspace) -> None:
    workspace_setup.configure(shop, {"agent": {"kind": "codex"}}, by=ANA)
    for name in ("team-plan", "login of Codex"):
        put(shop, name)
        ProviderBreaker.objects.create(workspace=shop, credential=name, code="auth", count=1)
        credentials.remove(shop.pk, name, by=ANA)
    assert [row.credential for row in ProviderBreaker.objects.all()] == ["login of Codex"]


def test_an_agent_whose_credential_is_gone_does_not_start(shop: Workspace) -> None:
    with pytest.raises(ValueError, match="There is no credential team-plan"):
        env_of(shop, **CLAUDE)


def test_what_is_missing_stays_and_none_resets(shop: Workspace) -> None:
    put(
        shop, key=KEY, variable="ANTHROPIC_AUTH_TOKEN", base_url="http://gw", billing="plan", stop_at={"pct_5h": 80, "pct_7d": 90}
    )
    Credential.objects.update(windows={"pct_5h": {"used": 10, "resets_at": 9e9, "read_at": 1}})
    row = put(shop, stop_at={"pct_5h": 85, "pct_7d": None})
    assert (row.variable, row.base_url, row.billing, row.stop_at) == ("ANTHROPIC_AUTH_TOKEN", "http://gw", "plan", {"pct_5h": 85})
    assert env_of(shop, **CLAUDE)["ANTHROPIC_AUTH_TOKEN"] == KEY
    row = put(shop, key=None, variable=None, base_url=None, billing=None, stop_at=None)
    assert (row.sealed, row.variable, row.base_url, row.billing, row.stop_at) == (None, "", "", "paid", {})
    assert Credential.objects.get().windows["pct_5h"]["used"] == 10


def test_an_event_names_the_person_and_the_parts_without_values(shop: Workspace) -> None:
    put(shop, key=KEY, billing="plan")
    put(shop, stop_at={"pct_5h": 80})
    put(shop)
    credentials.remove(shop.pk, "team-plan", by=ANA)
    rows = Event.objects.filter(workspace=shop, verb__startswith="credential").order_by("id")
    assert [(row.verb, row.actor, row.data) for row in rows] == [
        ("credential.set", "ana", {"name": "team-plan", "keys": ["billing", "key"]}),
        ("credential.replaced", "ana", {"name": "team-plan", "keys": ["stop_at"]}),
        ("credential.removed", "ana", {"name": "team-plan"}),
    ]


def test_its_agents_are_checked_again_and_may_try_once_what_serves_them_has_changed(shop: Workspace) -> None:
    put(shop, billing="plan", stop_at={"pct_5h": 80})
    assert not AgentCheck.objects.exists()
    ProviderBreaker.objects.create(workspace=shop, credential="team-plan", code="auth", count=1)
    put(shop, key=KEY)
    assert AgentCheck.objects.get().due and ProviderBreaker.objects.get().until is not None


def test_with_another_server_key_the_sentence_asks_to_set_it_again(shop: Workspace) -> None:
    put(shop, key=KEY)
    put(shop, "fresh")
    with override_settings(SECRET_KEY="another one"):
        with pytest.raises(Sealed, match=r"credential team-plan.*another MUSTER_SECRET_KEY: set it again"):
            env_of(shop, **CLAUDE)
        put(shop, "fresh", key="sk-sealed-with-the-new-one")
        assert secrets.mask_for(shop.pk, {})(f"{KEY} sk-sealed-with-the-new-one") == f"{KEY} [secret of the credential fresh]"


def test_its_key_is_masked_wherever_secrets_are(shop: Workspace) -> None:
    put(shop, key=KEY)
    secrets.put(shop.pk, "A_KEY", "another-secret", by=ANA)
    masked = secrets.mask_for(shop.pk, {})(f"{KEY} another-secret")
    assert masked == "[secret of the credential team-plan] [secret A_KEY]"


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 64, "ü", "a\0", "login of Codex", "OPENAI_API_KEY", "x" * 300])
def test_a_name_is_one_that_an_agent_can_name_or_one_that_is_in_use(shop: Workspace, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        put(shop, name)
    assert refused.value.names == ("name",) and not Credential.objects.exists()


def test_what_is_named_after_a_variable_or_a_login_is_billed_and_stopped_but_has_no_key_of_its_own(shop: Workspace) -> None:
    url = "https://gateway.example/v1"
    workspace_setup.configure(shop, {"agent": {"kind": "codex", "env": {"OPENAI_BASE_URL": url}}, "planner": {"agent": {"kind": "gemini"}}}, by=ANA)  # fmt: skip
    assert put(shop, "login of Codex at gateway.example/v1", billing="plan").billing == "plan"
    secrets.put(shop.pk, "GEMINI_API_KEY", "key-of-gemini", by=ANA)
    assert put(shop, "GEMINI_API_KEY", stop_at={"usd_month": 5}).stop_at == {"usd_month": 5}
    with pytest.raises(Invalid, match="add a credential with another name for a key") as refused:
        put(shop, "GEMINI_API_KEY", key=KEY)
    assert refused.value.names == ("key",)
    assert put(shop, "GEMINI_API_KEY", key=None).sealed is None


@pytest.mark.parametrize(
    "change",
    [
        {"key": ""},
        {"key": "x\0y"},
        {"key": "x" * 16_001},
        {"variable": "1A"},
        {"variable": "MUSTER_TOKEN"},
        {"base_url": "ftp://x"},
        {"base_url": "gateway.example"},
        {"base_url": "https://"},
        {"base_url": "https://[x"},
        {"base_url": "https://user:secret@gateway.example"},
        {"base_url": "https://gateway.example?key=secret"},
        {"base_url": "https://gate way.example"},
        {"base_url": f"https://{'x' * 500}"},
        {"billing": "free"},
        {"stop_at": {"pct_5h": 0}},
        {"stop_at": {"pct_5h": 101}},
        {"stop_at": {"pct_5h": True}},
        {"stop_at": {"pct_5h": "80"}},
        {"stop_at": {"pct_24h": 80}},
        {"stop_at": {"pct_32d": 80}},
        {"stop_at": {"pct_745h": 80}},
        {"stop_at": {"pct_05h": 80}},
        {"stop_at": {"usd_week": 80}},
        {"stop_at": {"usd_month": 0}},
        {"stop_at": {"usd_month": -1}},
        {"stop_at": {"usd_month": 0.0000001}},
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_nothing_is_kept(shop: Workspace, change: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        put(shop, **change)
    assert refused.value.names == (next(iter(change)),)
    assert not Credential.objects.exists() and not Event.objects.filter(verb__startswith="credential").exists()


def test_a_window_stops_at_a_percentage_and_the_month_at_an_amount(shop: Workspace) -> None:
    stops = {"pct_5h": 80, "pct_7d": 99.5, "pct_31d": 100, "pct_3h": Decimal(1), "usd_month": 12.5}
    assert put(shop, stop_at=stops).stop_at == {"pct_5h": 80, "pct_7d": 99.5, "pct_31d": 100, "pct_3h": 1, "usd_month": 12.5}


def test_a_workspace_has_a_bounded_number(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "MAX_CREDENTIALS", 1)
    put(shop)
    with pytest.raises(Invalid, match="at most 1"):
        put(shop, "other")
    assert put(shop, billing="plan").billing == "plan"


def test_the_agents_of_each_credential_are_those_that_name_it_or_derive_it() -> None:
    config = Config.model_validate(
        {
            "agent": CLAUDE,
            "agents": {"cheap": {"kind": "codex"}},
            "verifier": {"agent": {"kind": "codex"}},
            "expander": {"agent": {}},
        }
    )
    assert credentials.agent_names(config, ["OPENAI_API_KEY"]) == {
        "team-plan": ["default"],
        "OPENAI_API_KEY": ["cheap", "verifier"],
        "command expand": ["expander"],
    }


def test_windows_have_titles() -> None:
    titles = {window: credentials.window_title(window) for window in ("pct_5h", "pct_7d", "usd_month", "odd")}
    assert titles == {"pct_5h": "5-hour window", "pct_7d": "7-day window", "usd_month": "month", "odd": "odd"}


def test_a_new_workspace_has_no_credential_that_its_config_could_name(tmp_path: Any, settings: Any) -> None:
    settings.REPO_ROOTS = [tmp_path]
    with pytest.raises(Invalid, match="There is no credential"):
        workspace_setup.create("New", str(tmp_path), total_budget=1, max_project_spend=1, config={"agent": CLAUDE}, by=ANA)
    assert not Executor.objects.exists()
