"""A change of the config is merged by keys at every depth, and each role's agent, env and money is its own."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from budget.amounts import usd
from orchestration import configuration
from orchestration.configuration import Config, difference
from orchestration.configuration.config.json_form import _PARTS

AGENT = {"kind": "command", "command": "true"}


@pytest.mark.parametrize("part", sorted(_PARTS))
def test_a_key_that_a_part_does_not_have_is_refused_though_it_is_taken_back(part: str) -> None:
    with pytest.raises(ValidationError) as refused:
        configuration.merged({}, {part: {"nonsense": None}})
    assert (part, "nonsense") in [problem["loc"] for problem in refused.value.errors()]


def test_every_part_of_the_config_is_merged_by_its_keys() -> None:
    of_objects = {"agent", "approve", "expander", "forge", "interceptor", "landing", "limits", "orchestrator", "planner"}
    assert set(_PARTS) == of_objects | {"plateau", "prompts", "push", "sandbox", "verifier"}
    before = {"approve": {"mode": "always", "lines": 5}, "landing": {"batch": 2, "refusals": 1}}
    merged = configuration.merged(before, {"approve": {"lines": None}, "landing": {"batch": None}})
    assert configuration.stored(merged) == {"approve": {"mode": "always"}, "landing": {"refusals": 1}}


def test_free_objects_are_merged_by_key_and_their_nulls_take_keys_back() -> None:
    before = {"verifier": {"agent": {**AGENT, "env": {"A": "1", "B": "2"}, "settings": {"x": {"y": 1, "z": 2}}}}}
    change = {"verifier": {"agent": {"env": {"A": None, "C": "3"}, "settings": {"x": {"y": None}}}}}
    agent = configuration.stored(configuration.merged(before, change))["verifier"]["agent"]
    assert agent == {**AGENT, "env": {"B": "2", "C": "3"}, "settings": {"x": {"z": 2}}}


ROLES = ("interceptor", "verifier", "planner", "expander", "orchestrator")


def crowded() -> Config:
    roles = {role: {"agent": {**AGENT, "command": role, "env": {"KEY": role}}} for role in ROLES}
    return Config.model_validate({"agent": {"kind": "codex", "env": {"KEY": "own"}}, **roles})


def test_each_role_has_the_agent_and_the_env_of_its_own() -> None:
    config = crowded()
    assert [agent.command for agent in config.every_agent] == [None, *ROLES]
    assert [agent.command for agent in config.session_agents] == [None, "interceptor", "verifier"]
    by_role = {role: config.agent_of(role) for role in ("implement", "plan", "expand", "orchestrate", "review", "verify")}
    assert {role: agent.command if agent else "none" for role, agent in by_role.items()} == {
        "implement": None,
        "plan": "planner",
        "expand": "expander",
        "orchestrate": "orchestrator",
        "review": "none",
        "verify": "none",
    }
    assert configuration.envs(config) == {"KEY": "own", **{f"{role}.KEY": role for role in ROLES}}
    assert Config().every_agent == [Config().agent] and Config().agent_of("plan") is None
    hidden = configuration.without_values(configuration.as_json(config))
    assert {hidden[role]["agent"]["env"]["KEY"] for role in ROLES} | {hidden["agent"]["env"]["KEY"]} == {"…"}


@pytest.mark.parametrize(
    ("kind", "first", "keeps", "at_start"),
    [
        ("command", None, True, True),
        ("mini_swe_agent", None, True, True),
        ("claude_code", "1", False, True),
        ("codex", "1", False, False),
    ],
)
def test_only_an_agent_that_can_go_on_reserves_by_steps(kind: str, first: str | None, keeps: bool, at_start: bool) -> None:
    config = Config.model_validate({"agent": {"kind": kind}, "hold_slice_usd": Decimal(1)})
    assert config.initial_reservation == (usd(first) if first else None)
    assert (config.keeps_first_limit, config.gets_limit_at_start) == (keeps, at_start)
    assert Config.model_validate({"agent": {"kind": kind}}).initial_reservation is None


@pytest.mark.parametrize("amount", [0.1, 0.07, 4.35, 1000000.01])
def test_amounts_are_exact_at_every_depth_and_settings_stay_as_they_are(amount: float) -> None:
    stored: dict[str, Any] = {
        "round_ceiling_usd": amount,
        "verifier": {"agent": {**AGENT, "settings": {"limit_usd": amount}}, "round_usd": amount},
    }
    config = configuration.load(stored)
    assert config.verifier is not None and config.round_ceiling == configuration.micro(config.verifier.round_usd) == usd(
        str(amount)
    )
    assert configuration.stored(config) == stored and configuration.load(configuration.stored(config)) == config


def test_a_difference_names_each_key_that_changed_without_secrets() -> None:
    before: dict[str, Any] = {
        "max_workers": 4,
        "agent": {"model": "a", "env": {"KEEPS": "1", "TOKEN": "old"}, "settings": {"x": 1}, "args": ["same"]},
        "prompts": {"implement": "old"},
        "verify": [],
    }
    after: dict[str, Any] = {
        "agent": {"model": "b" * 121, "env": {"KEEPS": "1", "TOKEN": "new"}, "settings": {"x": 2}, "args": ["same"]},
        "prompts": {"implement": "new"},
        "verify": [{"name": "é"}],
        "sandbox": {},
    }
    changes = difference.changes(before, after)
    assert [(each["key"], each["before"], each["after"]) for each in changes] == [
        ("agent.env.TOKEN", "", ""),
        ("agent.model", "a", "b" * 119 + "…"),
        ("agent.settings", "", ""),
        ("max_workers", "4", "default"),
        ("prompts.implement", "", ""),
        ("sandbox", "default", "{}"),
        ("verify", "[]", '[{"name": "é"}]'),
    ]
    assert difference.sentence(changes[3:5]) == "max_workers: 4 → default, prompts.implement"
    assert difference.sentence(changes).endswith("sandbox: default → {}, 1 more")
    assert not difference.sentence(changes, limit=7).endswith("more") and difference.changes(after, after) == []
    assert difference.version({"a": 1, "b": 2}) == difference.version({"b": 2, "a": 1}) != difference.version({"a": 1, "b": 3})


def test_a_session_with_a_named_agent_has_it_and_checks_keep_the_environment_of_the_usual_one() -> None:
    named = {"cheap": {"kind": "gemini", "env": {"KEY": "cheap"}}, "strong": {"kind": "claude_code"}}
    config = configuration.merged({}, {"agent": {"kind": "codex", "env": {"KEY": "own"}}, "agents": named})
    seen = config.with_agent("cheap")
    assert (seen.agent.kind, seen.agent.env, seen.check_env) == ("gemini", {"KEY": "cheap"}, {"KEY": "own"})
    assert config.with_agent("") is config and config.with_agent("gone").agent == config.agent
    assert (seen.keeps_first_limit, config.with_agent("strong").gets_limit_at_start) == (False, True)
    assert configuration.envs(config) == {"KEY": "own", "cheap.KEY": "cheap"}
    alone = configuration.merged(configuration.stored(config), {"env": {"CI": "1"}, "agents": {"cheap": None}})
    assert list(alone.agents) == ["strong"] and alone.check_env == {"CI": "1"}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_the_agent_that_it_names_whatever_agent_works(role: str) -> None:
    strong = {"kind": "codex", "model": "gpt-5", "timeout_s": 7, "fallback": ["default"]}
    stored = {"agent": AGENT, "agents": {"strong": strong}, role: {"agent": "strong"}}
    config = configuration.merged({}, stored)
    assert config.roles[role].acting_agent == config.agents["strong"] and configuration.stored(config) == stored
    assert len(config.every_agent) == 2 and configuration.as_json(config)[role]["agent"] == "strong"
    usual = configuration.merged(stored, {role: {"agent": "default"}})
    assert usual.with_agent("strong").roles[role].acting_agent.command == "true"
    changed = configuration.merged(stored, {"agents": {"strong": {"model": "gpt-6"}}})
    assert changed.roles[role].acting_agent.model == "gpt-6"
    own = configuration.merged(stored, {role: {"agent": {"kind": "gemini"}}})
    assert configuration.stored(own)[role] == {"agent": {"kind": "gemini"}}
    named = configuration.merged(configuration.stored(own), {role: {"agent": "strong"}})
    assert configuration.stored(named) == stored


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("change", [{"agents": {"strong": None}}, {"ROLE": {"agent": "other"}}, {"ROLE": {"agent": "no name"}}])
def test_a_role_keeps_an_agent(role: str, change: dict[str, Any]) -> None:
    stored = {"agents": {"strong": AGENT}, role: {"agent": "strong"}}
    with pytest.raises(ValidationError) as refused:
        configuration.merged(stored, {key.replace("ROLE", role): value for key, value in change.items()})
    assert [problem["loc"] for problem in refused.value.errors()] == [(role, "agent")]


@pytest.mark.parametrize("name", ["planner", "agent", "kind"])
def test_a_change_of_a_named_agent_is_that_of_an_agent_whatever_its_name(name: str) -> None:
    config = configuration.merged({}, {"agents": {name: {"kind": "gemini", "timeout_s": 9}}})
    changed = configuration.merged(configuration.stored(config), {"agents": {name: {"timeout_s": None}}})
    assert configuration.stored(changed) == {"agents": {name: {"kind": "gemini"}}}
    with pytest.raises(ValidationError, match="colour"):
        configuration.merged(configuration.stored(config), {"agents": {name: {"colour": None}}})


@pytest.mark.parametrize("name", ["default", "env", "settings", "prompts", "", "a b", "-x", "x" * 64])
def test_a_name_of_an_agent_is_a_word_and_not_default(name: str) -> None:
    with pytest.raises(ValidationError):
        configuration.merged({}, {"agents": {name: {}}})
