"""The agents whose requests pass the gateway, where they go, and what their programs get in place of a key."""

from typing import Any

import pytest

from orchestration.configuration import Agent
from orchestration.configuration.config.workspace import Config
from orchestration.configuration.gateway_use import DEFAULT_BASE_URLS, AvailableKeys, GatewaySetup, check_env, setup_of

URL, TOKEN = "http://127.0.0.1:9", "muster-token"


def agent(kind: str, **more: Any) -> Agent:
    return Agent.model_validate({"kind": kind, **more})


def keys(*secrets: str, env: dict[str, str] | None = None, **more: Any) -> AvailableKeys:
    return AvailableKeys(env or {}, "agent", secrets, **more)


def setup_behind_gateway(agent: Agent, keys: AvailableKeys) -> GatewaySetup:
    setup = setup_of(agent, keys)
    assert isinstance(setup, GatewaySetup), setup
    return setup


SERVED = [
    ("claude_code", "ANTHROPIC_API_KEY", "anthropic", {"ANTHROPIC_AUTH_TOKEN": TOKEN, "ANTHROPIC_BASE_URL": URL}),
    ("codex", "OPENAI_API_KEY", "openai_responses", {"CODEX_API_KEY": TOKEN, "OPENAI_BASE_URL": f"{URL}/v1"}),
    ("gemini", "GEMINI_API_KEY", "gemini", {"GEMINI_API_KEY": TOKEN, "GOOGLE_GEMINI_BASE_URL": URL}),
    ("qwen", "OPENAI_API_KEY", "openai_chat", {"OPENAI_API_KEY": TOKEN, "OPENAI_BASE_URL": f"{URL}/v1"}),
    (
        "aider",
        "ANTHROPIC_API_KEY",
        "anthropic",
        {"ANTHROPIC_API_KEY": TOKEN, "ANTHROPIC_API_BASE": URL, "ANTHROPIC_BASE_URL": URL},
    ),
    (
        "mini_swe_agent",
        "OPENAI_API_KEY",
        "openai_chat",
        {"OPENAI_API_KEY": TOKEN, "OPENAI_BASE_URL": f"{URL}/v1", "OPENAI_API_BASE": f"{URL}/v1"},
    ),
]


@pytest.mark.parametrize(("kind", "secret", "api", "env"), SERVED)
def test_a_program_with_a_key_gets_an_address_and_a_token(kind: str, secret: str, api: str, env: dict[str, str]) -> None:
    setup = setup_behind_gateway(agent(kind), keys(secret))
    assert setup.upstreams[api] == {
        "base_url": DEFAULT_BASE_URLS[api],
        "key": {"variable": secret, "secret": secret},
        "credential": secret,
    }
    assert setup.env({secret: "sk-real", "OTHER": "1"}, url=URL, token=TOKEN) == {"OTHER": "1", **env}


def test_no_key_of_any_provider_reaches_the_program() -> None:
    usual = {"ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "b", "GEMINI_API_KEY": "c", "OPENROUTER_API_KEY": "d", "PATH": "/bin"}
    env = setup_behind_gateway(agent("claude_code"), keys("ANTHROPIC_API_KEY", env=usual)).env(usual, url=URL, token=TOKEN)
    assert not {"a", "b", "c", "d"} & {*env.values()}


def test_the_address_of_the_workspace_is_where_requests_go() -> None:
    env = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "https://proxy.example/anthropic"}
    setup = setup_behind_gateway(agent("claude_code", env=env), keys(env=env))
    assert setup.upstreams["anthropic"]["base_url"] == "https://proxy.example/anthropic"
    assert setup.upstreams["anthropic"]["key"] == {"variable": "ANTHROPIC_API_KEY", "agent": "agent"}
    assert setup.env(env, url=URL, token=TOKEN)["ANTHROPIC_BASE_URL"] == URL


def test_a_credential_of_its_own_wins_over_all_other_keys() -> None:
    known = keys("OPENAI_API_KEY", credential="team", variable="OPENAI_API_KEY", base_url="https://vllm.example/v1")
    setup = setup_behind_gateway(agent("codex"), known)
    assert setup.upstreams["openai_responses"] == {
        "base_url": "https://vllm.example/v1",
        "key": {"variable": "OPENAI_API_KEY", "credential": "team"},
        "credential": "team",
    }


PAST = [
    (agent("command", command="true"), keys("OPENAI_API_KEY"), "A command agent talks to its provider itself"),
    (agent("claude_code"), keys(), "Claude Code has no key here: it uses a login"),
    (agent("claude_code"), keys("CLAUDE_CODE_OAUTH_TOKEN"), "Claude Code has no key here: it uses a login"),
    (agent("claude_code"), keys("ANTHROPIC_API_KEY", is_plan=True), "A plan pays it: plans may be used by their own programs alone"),
    (agent("claude_code"), keys("ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK"), "Claude Code signs its requests itself (CLAUDE_CODE_USE_BEDROCK)"),
    (agent("aider", model="deepseek/chat"), keys("OPENAI_API_KEY"), "The gateway has no key for deepseek"),
    (
        agent("qwen", settings={"model": {"baseUrl": "http://x"}}),
        keys("OPENAI_API_KEY"),
        "The settings of Qwen Code name the address of its provider",
    ),
    (agent("opencode", model="groq/llama"), keys("OPENAI_API_KEY"), "The gateway does not know the API of opencode's provider groq"),
]  # fmt: skip


@pytest.mark.parametrize(("who", "known", "reason"), PAST)
def test_others_go_past_it_for_a_reason(who: Agent, known: AvailableKeys, reason: str) -> None:
    assert setup_of(who, known) == reason


def test_opencode_finds_the_gateway_in_its_settings() -> None:
    setup = setup_behind_gateway(agent("opencode", model="anthropic/claude-sonnet-4-5"), keys("ANTHROPIC_API_KEY"))
    assert setup.upstreams["anthropic"]["base_url"] == DEFAULT_BASE_URLS["anthropic"] + "/v1"
    settings = setup.settings({"theme": "dark"}, url=URL, token=TOKEN)
    assert settings == {"theme": "dark", "provider": {"anthropic": {"options": {"baseURL": f"{URL}/v1", "apiKey": TOKEN}}}}


def test_a_provider_in_opencodes_settings_is_replaced_with_its_key() -> None:
    own = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": "https://my.example/v1", "apiKey": "sk-mine"}, "models": {}}
    given = {"provider": {"mine": own}}
    setup = setup_behind_gateway(agent("opencode", model="mine/gpt-5", settings=given), keys())
    assert setup.upstreams["openai_chat"]["key"] == {"agent": "agent", "setting": ["provider", "mine", "options", "apiKey"]}
    changed = setup.settings(given, url=URL, token=TOKEN)["provider"]["mine"]
    assert changed["options"] == {"baseURL": f"{URL}/v1", "apiKey": TOKEN}
    assert given["provider"]["mine"]["options"]["apiKey"] == "sk-mine"


def test_a_provider_in_the_settings_of_codex_is_replaced() -> None:
    given = {
        "model_provider": "corp",
        "model_providers": {"corp": {"base_url": "https://corp.example/v1", "env_key": "CORP_KEY"}},
    }
    setup = setup_behind_gateway(agent("codex", settings=given), keys("CORP_KEY"))
    assert setup.upstreams["openai_responses"]["key"] == {"variable": "CORP_KEY", "secret": "CORP_KEY"}
    changed = setup.settings(given, url=URL, token=TOKEN)["model_providers"]["corp"]
    assert changed == {"base_url": f"{URL}/v1", "env_key": "CODEX_API_KEY"}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (
            "codex",
            {
                "model_provider": "corp",
                "model_providers": {
                    "corp": {"base_url": "https://corp.example/v1", "env_key": "CORP_KEY"},
                    "spare": {"base_url": "https://spare.example/v1", "env_key": "SPARE_KEY"},
                    "broken": 1,
                },
            },
        ),
        (
            "opencode",
            {
                "model": "corp/gpt",
                "provider": {
                    "corp": {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": "https://x", "apiKey": "{env:CORP_KEY}"}},
                    "spare": {"options": {"apiKey": "{env:SPARE_KEY}"}},
                    "broken": {"options": []},
                },
            },
        ),
    ],
)
def test_a_key_in_a_variable_that_the_settings_name_reaches_neither_the_program_nor_checks(
    kind: str, settings: dict[str, Any]
) -> None:
    usual = {"CORP_KEY": "sk-corp", "SPARE_KEY": "sk-spare", "OPENAI_API_KEY": "sk", "OTHER": "1"}
    setup = setup_behind_gateway(agent(kind, settings=settings), keys("CORP_KEY"))
    (upstream,) = setup.upstreams.values()
    assert upstream["key"] == {"variable": "CORP_KEY", "secret": "CORP_KEY"}
    env = setup.env(usual, url=URL, token=TOKEN)
    assert env == {"OTHER": "1", **({"CODEX_API_KEY": TOKEN} if kind == "codex" else {})}
    config = Config.model_validate({"agent": {"kind": kind, "settings": settings, "env": usual}})
    assert check_env(config, has_gateway=True) == {"OTHER": "1"}


def test_checks_get_no_key_of_an_agent_that_the_gateway_serves() -> None:
    env = {"ANTHROPIC_API_KEY": "k", "CI": "1"}
    config = Config.model_validate({"agent": {"kind": "claude_code", "env": env}})
    assert check_env(config, has_gateway=True) == {"CI": "1"}
    assert check_env(config, has_gateway=False) == env
    by_name = Config.model_validate({"agent": {"kind": "claude_code"}, "env": env})
    assert check_env(by_name, has_gateway=True) == env
