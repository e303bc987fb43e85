"""Credentials and families of models."""

import pytest

from orchestration.configuration import Config, model_access


@pytest.mark.parametrize(
    ("model", "family"),
    [
        (None, "usual"),
        ("", "usual"),
        ("claude-sonnet-4-5-20250929", "sonnet"),
        ("anthropic/claude-opus-4.6", "opus"),
        ("sonnet", "sonnet"),
        ("gpt-5.1-codex-mini", "gpt-codex-mini"),
        ("gpt-5", "gpt"),
        ("o3-mini", "o3-mini"),
        ("google/gemini-2.5-flash-latest", "gemini-flash"),
        ("4.5", "usual"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_family_is_the_model_without_provider_version_and_date(model: str | None, family: str) -> None:
    assert model_access.family(model) == family


def credentials(config: dict[str, object], *secrets: str) -> dict[str, str]:
    read = Config.model_validate(config)
    return {name: model_access.credential(agent, name, read, secrets) for name, agent in read.by_name.items()}


def test_a_credential_is_named_after_its_variable_its_login_or_its_command() -> None:
    agents = {"other": {"kind": "claude_code"}, "third": {"kind": "command", "command": "true"}}
    config = {"agent": {"kind": "codex"}, "agents": agents}
    assert credentials(config) == {"": "login of Codex", "other": "login of Claude Code", "third": "command third"}
    assert credentials(config, "ANTHROPIC_API_KEY", "OPENAI_API_KEY") == {
        "": "OPENAI_API_KEY",
        "other": "ANTHROPIC_API_KEY",
        "third": "command third",
    }


def test_agents_with_one_value_in_their_env_have_one_credential_and_others_have_their_own() -> None:
    agent = {"kind": "claude_code", "env": {"ANTHROPIC_API_KEY": "a"}}
    agents = {"same": agent, "apart": {"kind": "claude_code", "env": {"ANTHROPIC_API_KEY": "b"}}}
    assert credentials({"agent": agent, "agents": agents}) == {
        "": "ANTHROPIC_API_KEY of default",
        "same": "ANTHROPIC_API_KEY of default",
        "apart": "ANTHROPIC_API_KEY of apart",
    }


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("https://user:secret@gateway.example/v1/", " at gateway.example/v1"),
        ("http://127.0.0.1:4000", " at 127.0.0.1:4000"),
        ("http://[", " at http://["),
        ("", ""),
    ],
)
def test_another_address_is_another_credential_and_its_password_is_not_shown(address: str, place: str) -> None:
    env = {"ANTHROPIC_BASE_URL": address}
    assert credentials({"agent": {"kind": "claude_code", "env": env}}, "ANTHROPIC_API_KEY") == {"": f"ANTHROPIC_API_KEY{place}"}


def test_an_address_in_the_settings_counts_that_of_the_models_provider_first() -> None:
    providers = {
        "one": {"options": {"baseURL": "http://one/v1"}},
        "two": {"base_url": "http://two/v1"},
        "empty": {"base_url": ""},
    }
    agent = {"kind": "opencode", "model": "two/gpt-5", "settings": {"provider": providers}}
    assert credentials({"agent": agent}) == {"": "login of opencode at two/v1"}
    agent = {"kind": "codex", "settings": {"model_provider": "one", "model_providers": providers}}
    assert credentials({"agent": agent}) == {"": "login of Codex at one/v1"}


def test_a_program_is_that_of_the_command_or_of_the_kind() -> None:
    read = Config.model_validate({"agent": {"command": ["/opt/one", "run"]}, "agents": {"codex": {"kind": "codex"}}})
    assert [model_access.program(agent).credential for agent in read.by_name.values()] == [
        "program of /opt/one",
        "program of Codex",
    ]


@pytest.mark.parametrize(("model", "name"), [("openai/gpt-5", "OPENAI_API_KEY"), ("google/gemini-3", "GEMINI_API_KEY"), (None, "ANTHROPIC_API_KEY")])  # fmt: skip
def test_of_several_variables_that_of_the_models_provider_is_used(model: str | None, name: str) -> None:
    secrets = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY")
    assert credentials({"agent": {"kind": "opencode", "model": model}}, *secrets) == {"": name}


def test_a_role_has_the_access_of_the_agent_that_it_names_also_while_another_agent_works() -> None:
    agents = {"mine": {"command": "true"}, "codex": {"kind": "codex", "credential": "team-plan", "model": "gpt-5"}}
    roles = {"verifier": {"agent": "mine"}, "interceptor": {"agent": "codex"}, "planner": {"agent": "default"}}
    read = Config.model_validate({"agent": {"command": "false"}, "agents": agents, **roles, "expander": {"agent": {}}})
    for config in (read, read.with_agent("codex")):
        accesses = {key: model_access.of_role(role, key, config, ()) for key, role in config.roles.items()}
        assert accesses == {
            "verifier": ("command mine", "usual"),
            "interceptor": ("team-plan", "gpt"),
            "planner": ("command default", "usual"),
            "expander": ("command expander", "usual"),
        }
