"""The agents of a workspace: the one that implements, those that review and verify its work, and those that propose changes of the backlog."""

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
from orchestration.configuration.config.fields import LABEL, Amount, Command, Part, Seconds, Text
from orchestration.facts import waits
from workspaces.schemas import Object, OneOf, as_float

DEFAULT = "default"
"""The name of `agent`, where one is asked for."""
_TAKEN = (DEFAULT, "env", "settings", "prompts")  # by the usual one, and by keys whose values are hidden wherever they stand
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
    """The `settings` of an agent that speaks the Agent Client Protocol. `permissions`: the answer to each of its requests. `auth_method`, `mode`,
    `options`: what the client chooses of those that the agent offers.
    """

    permissions: Literal["allow", "deny"] = "allow"
    auth_method: Annotated[str, Field(max_length=200)] | None = None
    mode: Annotated[str, Field(max_length=200)] | None = None
    options: Annotated[dict[str, bool | Annotated[str, Field(max_length=200)]], Field(max_length=50)] = Field(
        default_factory=dict
    )


def refuse_effort(kind: str) -> None:
    """Raises ValueError for an agent that takes no effort."""
    if kind not in agent_kinds.WITH_EFFORT:
        able = ", ".join(sorted(agent_kinds.WITH_EFFORT))
        raise ValueError(f"{agent_kinds.named(kind)} takes no effort; these do: {able}")


class Agent(Part):
    """An agent. `command` is for the kinds `command` and `acp`: an argument list, or a string run by `sh -c`.

    `args` are added to the CLI's command line, `settings` are merged into the settings file that Muster writes for it; for `acp` see AcpSettings.
    `provider_patience_s`: how long the agent may wait for its provider before its session ends and the entry waits instead.
    `effort`: how much its model thinks; unset: as much as is usual for it.
    `use_login`: a login of that CLI on the worker's host may be used where the workspace has no key of its own. `credential`: the
    name of the one that serves it; unset: a secret, its env or a login. `fallback`: the names of the
    agents that take its work, in this order, while its provider limits, refuses or does not answer it.
    """

    kind: Annotated[str, OneOf(agent_kinds.TITLES)] = "command"
    command: Command | None = None
    args: Annotated[list[Text], Field(max_length=100)] = Field(default_factory=list)
    settings: Annotated[Object, Field(max_length=200)] = Field(default_factory=dict)
    use_login: bool = True
    effort: Effort | None = None
    credential: CredentialName | None = None
    fallback: Annotated[list[AgentChoice], Field(max_length=20)] = Field(default_factory=list)
    model: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] | None = None
    env: Env = Field(default_factory=dict)
    timeout_s: Seconds = 1800
    idle_timeout_s: Seconds = 600
    provider_patience_s: Seconds = waits.PROVIDER_PATIENCE_S

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
    """Without the tags of a union in the location of a problem."""
    return _CHOICE.validate_python(value) if isinstance(value, str) else Agent.model_validate(value)


class AgentRole(Part):
    """A task that an agent of its own does, or one of `agents` by its name."""

    agent: Annotated[Agent | AgentChoice, WrapValidator(_agent_or_name)]
    _named: Agent | None = PrivateAttr(default=None)

    @property
    def agent_name(self) -> str:
        """The name of its agent in the config; empty: it has an agent of its own."""
        return self.agent if isinstance(self.agent, str) else ""

    @property
    def acting_agent(self) -> Agent:
        """Its own agent, or the one that it names."""
        if isinstance(self.agent, Agent):
            return self.agent
        assert self._named is not None, "its config was not read"
        return self._named

    def with_agents(self, agents: Mapping[str, Agent]) -> Self:
        """The role with the agent that it names. Raises ValidationError where there is none."""
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
    """An agent that judges a round against the acceptance criteria, once the verify commands have passed. `round_usd`: its
    limit in a round, charged to the entry. `required`: without its verdict no round passes; else the verify commands decide alone.
    """

    round_usd: Annotated[Amount, AfterValidator(_pays_an_answer)] = Decimal("0.5")
    weight: Annotated[float, BeforeValidator(as_float), Field(gt=0, le=1000, allow_inf_nan=False)] = 1.0
    required: bool = True


class Interceptor(AgentRole):
    """An agent that reviews a round's diff before verification. Its spend is interceptor spend: at most `round_usd` in a round,
    `entry_usd` over an entry's life, `workspace_usd` over the workspace's. `required`: a round whose review ends without a verdict does not pass.
    """

    round_usd: Amount = Decimal("0.5")
    entry_usd: Amount | None = None
    workspace_usd: Amount | None = None
    required: bool = True


class Proposer(AgentRole):
    """An agent that proposes changes of the backlog. A run reserves `run_usd` and spends at most that.
    `apply`: what is applied without a person: nothing, what is safe, or all. Duplicates never are.
    """

    run_usd: Annotated[Amount, AfterValidator(_pays_an_answer)] = Decimal(1)
    apply: Literal["never", "safe", "all"] = "never"


class Planner(Proposer):
    """Turns a goal into proposed entries. Its spend is orchestrator spend."""


class Expander(Proposer):
    """Splits an entry that is too large. Its spend is expansion spend. `on`: what makes an entry too large, once each, while the executor
    runs. `max_criteria`: more acceptance criteria than that are `criteria`. `plateaus`: so many plateaus are `no_improvement`.
    """

    on: Annotated[list[Literal["no_files", "criteria", "no_improvement", "turns_exhausted"]], Field(max_length=4)] = Field(
        default_factory=list
    )
    max_criteria: Annotated[int, Field(ge=1, le=200)] = 10
    plateaus: Annotated[int, Field(ge=1, le=20)] = 2


class Orchestrator(Proposer):
    """Proposes how the backlog goes on: what comes first, waits, is dropped or merged. Its spend is orchestrator spend.
    `on`: the events that start it, at most once in `cooldown_s`, while the executor runs. `every_rounds`: for the event of that name.
    """

    on: Annotated[list[Literal["stuck", "no_improvement", "idle", "every_n_rounds"]], Field(max_length=4)] = Field(
        default_factory=list
    )
    cooldown_s: Annotated[int, Field(ge=60, le=604_800)] = 3600
    every_rounds: Annotated[int, Field(ge=1, le=10_000)] = 10
