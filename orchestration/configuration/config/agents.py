"""The agents of a workspace, by role: implementing, reviewing, verifying, proposing."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    TypeAdapter,
    ValidationError,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from orchestration.configuration.config import agent_kinds
from orchestration.configuration.config.fields import LABEL, Amount, Command, Part, Seconds, Text, key
from orchestration.facts import waits
from workspaces.schemas import Object, OneOf, as_float

DEFAULT = "default"
"""The name of `agent` in entries and routes."""
_TAKEN = (DEFAULT, "env", "settings", "prompts")  # by `agent`, and by keys with hidden values at any depth
MAX_SETTINGS_CHARS = 100_000  # every cycle and every session reads the whole config


def _name(text: str) -> str:
    if not re.fullmatch(LABEL, text):
        raise ValueError(f"{text[:40]!r} is not a name for an agent: use letters, digits, `.`, `_` and `-`, such as cheap")
    if text in _TAKEN:
        raise ValueError(f"an agent cannot be named {text}: choose another name")
    return text


def _variables(env: dict[str, str]) -> dict[str, str]:
    for name, value in env.items():
        if not name.replace("_", "a").isalnum() or name[0].isdigit() or not name.isascii():
            raise ValueError(f"{name!r} is not the name of an environment variable")
        if name.startswith("MUSTER_"):
            raise ValueError("names that begin with MUSTER_ are Muster's own")
        if "\x00" in value:
            raise ValueError("a value may not contain NUL")
    return env


AgentName = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": LABEL})]
AgentChoice = Annotated[str, Field(pattern=LABEL)]
"""One of `agents`, or DEFAULT."""
CredentialName = Annotated[str, Field(pattern=LABEL)]
Effort = Literal["low", "medium", "high"]
Env = Annotated[dict[str, Annotated[str, Field(max_length=4000)]], Field(max_length=100), AfterValidator(_variables)]


class AcpSettings(Part):
    """The `settings` of an ACP agent (Agent Client Protocol)."""

    permissions: Literal["allow", "deny"] = "allow"  # the answer to each request
    auth_method: Annotated[str, Field(max_length=200)] | None = None
    mode: Annotated[str, Field(max_length=200)] | None = None
    options: Annotated[dict[str, bool | Annotated[str, Field(max_length=200)]], Field(max_length=50)] = Field(
        default_factory=dict
    )


def refuse_effort(kind: str) -> None:
    """Raises ValueError for a kind without effort."""
    if kind not in agent_kinds.WITH_EFFORT:
        able = ", ".join(sorted(agent_kinds.WITH_EFFORT))
        raise ValueError(f"{agent_kinds.named(kind)} takes no effort; these do: {able}")


class Agent(Part):
    """An agent. For the `settings` of the kind `acp` see AcpSettings."""

    kind: Annotated[str, OneOf(agent_kinds.TITLES)] = key(
        "command", "Agent", "The program that does the work ([Agents](docs/reference/agents.md))."
    )
    command: Command | None = key(
        None, "Command", "The program of the kinds `command` and `acp`: arguments, or text for `sh -c`."
    )
    model: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] | None = key(
        None, "Model", "As the agent names it. Unset: its own default."
    )
    effort: Effort | None = key(
        None, "Effort", "How much its model thinks (Claude Code, Codex, opencode, aider). Unset: as is usual for it."
    )
    args: list[Text] = key(list, "More arguments", "Added to the CLI's command line.", max_length=100)
    env: Env = key(dict, "Environment", "Its environment variables. Only admins see the values. Store keys as secrets.")
    settings: Object = key(
        dict,
        "Settings file",
        "Merged into the settings file that Muster writes for the CLI. Of `acp`: [its client's](docs/reference/agents.md#acp-agents).",
        kind="json",
        max_length=200,
    )
    credential: CredentialName | None = key(
        None,
        "Credential",
        "The [credential](docs/reference/agents.md#credentials) of the page Agents that serves it. Unset: a secret, its `env` or a login.",
    )
    use_login: bool = key(
        True, "Use the host's login", "Use the CLI's login on the worker's host where the workspace has no key."
    )
    timeout_s: Seconds = key(1800, "Session timeout", "A process of the agent ends after this time, and its work is kept.")
    idle_timeout_s: Seconds = key(600, "Idle timeout", "It ends after this time without output.")
    provider_patience_s: Seconds = key(
        waits.PROVIDER_PATIENCE_S, "Provider timeout", "It ends after so long a wait for its provider; then the entry waits."
    )
    fallback: list[AgentChoice] = key(
        list,
        "Fallback",
        "The `agents` (or `default`) that take its work, in this order, while its [circuit "
        "breaker](docs/reference/states.md#circuit-breaker) is open.",
        max_length=20,
    )

    @field_validator("settings")
    @classmethod
    def _short(cls, settings: dict[str, Any]) -> dict[str, Any]:
        if len(json.dumps(settings)) > MAX_SETTINGS_CHARS:
            raise ValueError(f"may have at most {MAX_SETTINGS_CHARS} characters as JSON")
        return settings

    @model_validator(mode="after")
    def _takes_an_effort(self) -> "Agent":
        if self.effort is not None:
            refuse_effort(self.kind)
        return self

    @model_validator(mode="after")
    def _speaks_acp(self) -> "Agent":
        if self.kind == "acp":
            if not self.command:
                raise ValueError('an ACP agent needs a command that starts it, such as ["opencode", "acp"]')
            try:
                _ = self.acp_settings
            except ValidationError as error:
                problem = error.errors()[0]
                name = ".".join(map(str, problem["loc"]))
                raise ValueError(f"settings.{name}: {problem['msg'].removeprefix('Value error, ')}") from None
        return self

    @property
    def acp_settings(self) -> AcpSettings:
        return AcpSettings.model_validate(self.settings)


def _pays_an_answer(amount: Decimal) -> Decimal:
    if amount < Decimal("0.001"):
        raise ValueError("must be 0.001 or more: without money there is no answer")
    return amount


_CHOICE: TypeAdapter[str] = TypeAdapter(AgentChoice)


def _agent_or_name(value: Any, _: Any) -> Agent | str:
    """Keep pydantic's union tags out of the location of an error."""
    return _CHOICE.validate_python(value) if isinstance(value, str) else Agent.model_validate(value)


class AgentRole(Part):
    """A role with an agent of its own, or a named one."""

    agent: Annotated[Agent | AgentChoice, WrapValidator(_agent_or_name)] = key(
        ...,
        "Agent by name",
        "One of the [named agents](docs/reference/agents.md#named-agents), `default`, or an agent of its own.",
        kind="agent_name",
    )
    _named: Agent | None = PrivateAttr(default=None)

    @property
    def agent_name(self) -> str:
        """The name of its agent in the config; empty: an agent of its own."""
        return self.agent if isinstance(self.agent, str) else ""

    @property
    def acting_agent(self) -> Agent:
        """Its own agent, or the named one."""
        if isinstance(self.agent, Agent):
            return self.agent
        assert self._named is not None, "its config was not read"
        return self._named

    def with_agents(self, agents: Mapping[str, Agent]) -> Self:
        """The role with its named agent resolved. Raises ValidationError for an unknown name."""
        if not self.agent_name:
            return self
        if self.agent_name not in agents:
            problem = f"the config has no agent {self.agent_name!r}: choose one of {', '.join(agents)}"
            error = PydanticCustomError("unknown_agent", "{problem}", {"problem": problem})
            detail = InitErrorDetails(type=error, loc=("agent",), input=self.agent_name)
            raise ValidationError.from_exception_data(type(self).__name__, [detail])
        role = self.model_copy()
        role._named = agents[self.agent_name]
        return role


class Verifier(AgentRole):
    """A judge of a round by the acceptance criteria, after the verify commands have passed."""

    round_usd: Annotated[Amount, AfterValidator(_pays_an_answer)] = key(
        Decimal("0.5"), "Max per round", "Its limit in a round, charged to the entry; 0.001 or more."
    )
    weight: Annotated[float, BeforeValidator(as_float)] = key(
        1.0, "Weight of its score", "How much its score counts next to those of the checks.", gt=0, le=1000, allow_inf_nan=False
    )
    required: bool = key(True, "A verdict is required", "Without its verdict no round passes. Off: then the checks decide alone.")


class Interceptor(AgentRole):
    """A reviewer of a round's diff before verification. Its spend is interceptor spend."""

    round_usd: Amount = key(Decimal("0.5"), "Max per round", "Its limit in a round.")
    entry_usd: Amount | None = key(None, "Max per entry", "Its limit over an entry's life.")
    workspace_usd: Amount | None = key(None, "Max in this workspace", "Its limit over the workspace's life.")
    required: bool = key(
        True,
        "A verdict is required",
        "Without its verdict no round passes; without money for it the entry waits. Off: the round goes on, with a note.",
    )


Apply = Literal["never", "safe", "all"]
_APPLIED = "Applied without a person"


class Proposer(AgentRole):
    """A proposer of changes to the backlog. Duplicates are never applied without a person."""

    run_usd: Annotated[Amount, AfterValidator(_pays_an_answer)] = key(
        Decimal(1), "Max per run", "A run reserves this, and spends at most that."
    )
    apply: Apply = "never"


class Planner(Proposer):
    """Turns a goal into proposed entries. Its spend is orchestrator spend."""

    apply: Apply = key(
        "never",
        _APPLIED,
        "What is added [without a person](docs/reference/proposals.md#deciding): `never` nothing, `safe` what free money pays a round "
        "of, `all` all but duplicates.",
    )


class Expander(Proposer):
    """Splits too large entries. Its spend is expansion spend."""

    apply: Apply = key("never", _APPLIED, "`never` and `safe`: nothing, a person decides on each split. `all`: all of it.")
    on: list[Literal["no_files", "criteria", "no_improvement", "turns_exhausted"]] = key(
        list,
        "Started by",
        "What starts it while the executor runs, once for an entry: `no_files` and `criteria` before the entry starts, "
        "`no_improvement` after `plateaus`, `turns_exhausted` of its newest session. Empty: people alone.",
        max_length=4,
    )
    max_criteria: int = key(10, "Most criteria", "More acceptance criteria than this are `criteria`.", ge=1, le=200)
    plateaus: int = key(2, "Plateaus", "So many stops of an entry at a plateau are `no_improvement`.", ge=1, le=20)


class Orchestrator(Proposer):
    """Proposes priorities, holds, deletions and merges of entries. Its spend is orchestrator spend."""

    apply: Apply = key("never", _APPLIED, "`never`: nothing. `safe`: other priorities. `all`: all of it.")
    on: list[Literal["stuck", "no_improvement", "idle", "every_n_rounds"]] = key(
        list,
        "Started by",
        "The [events](docs/reference/proposals.md#events-that-ask-the-orchestrator) that start it while the executor runs: `stuck`, "
        "`no_improvement`, `idle`, `every_n_rounds`. Empty: people alone.",
        max_length=4,
    )
    cooldown_s: int = key(3600, "Pause between runs", "For so long after a run, no event starts another.", ge=60, le=604_800)
    every_rounds: int = key(10, "Rounds between runs", "Rounds between two events `every_n_rounds`.", ge=1, le=10_000)
