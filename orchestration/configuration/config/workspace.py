"""The config of a workspace: its keys, defaults and bounds. Every key is read by some code."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from budget.ledger.prices import Rates
from orchestration.configuration.config import agent_kinds
from orchestration.configuration.config.agents import (
    DEFAULT,
    Agent,
    AgentName,
    AgentRole,
    Env,
    Expander,
    Interceptor,
    Orchestrator,
    Planner,
    Proposer,
    Verifier,
    refuse_effort,
)
from orchestration.configuration.config.approve import Approve
from orchestration.configuration.config.checks import JUDGES, Check, Pattern
from orchestration.configuration.config.fields import REF, Amount, Command, Labels, Part, Prices, micro
from orchestration.configuration.config.forge import Forge
from orchestration.configuration.config.prompts import Prompts
from orchestration.configuration.config.routes import Route, RouteFor, Step
from orchestration.configuration.config.sandbox import Limits, Sandbox
from workspaces.schemas import as_float

FIXED_LIMIT_KINDS = ("command", "mini_swe_agent")
"""These agents keep the limit of their start and cannot be resumed with another one."""
LIMIT_AT_START_KINDS = (*FIXED_LIMIT_KINDS, "claude_code")
"""These agents get their limit once, when a process starts."""


def _min_reservation(amount: Decimal) -> Decimal:
    if amount < Decimal("0.01"):
        raise ValueError("must be 0.01 or more: each step is requested in the middle of the work")
    return amount


class Push(Part):
    """After a merge, push the integration branch to this remote. `branch`: its name there, by default the same."""

    remote: Annotated[str, StringConstraints(pattern=REF)] = "origin"
    branch: Annotated[str, StringConstraints(pattern=REF)] | None = None


class Plateau(Part):
    """An entry whose score rose by less than `epsilon` in each of the last `rounds` rounds is blocked: no_improvement."""

    rounds: Annotated[int, Field(ge=1, le=100)] = 3
    epsilon: Annotated[float, BeforeValidator(as_float), Field(ge=0, le=1, allow_inf_nan=False)] = 0.01


class LandingRules(Part):
    """`batch`: how many verified entries are checked and landed together at most. `refusals`: how often an entry whose work is refused in
    combination with others gets a round more."""

    batch: Annotated[int, Field(ge=1, le=50)] = 8
    refusals: Annotated[int, Field(ge=0, le=20)] = 3


class Config(Part):
    """`agent` implements; `agents`: others by name, for the entries that ask for one. `route`: the agents that work on an entry one after the other; `routes`: for groups of entries. `env`: of setup and checks, whatever agent made the work;
    unset: that of `agent`. `protected`: patterns of files that judge the work (`*` within a name, `**` across folders), in addition to the files that the verify
    commands name. `auto_reallocate`: unlocked budgets are shared out again after each round. `max_steering_share`: above it no run starts. `hold_slice_usd`: a session reserves this much
    at its start and grows in such steps to the round's ceiling; unset: all at once. `unknown_after_h`: then requests without a known answer are booked at what was seen of them. Amounts are USD in JSON and micro-USD in the properties.
    `requires`: labels that a host needs for this workspace's sessions; an entry may require more. `pass_policy`: `no_regression` compares with the base, `all_green` needs every check to pass. `verdict_max_age_s`: a base's verdict that is
    older is made again before it refuses work. `follow_base`: new commits of the base branch are merged into the integration branch.
    `gateway`: agents with a key send their requests through the server's gateway, where it has one; `inexact`: also those whose cost has no sure bound; or `off`. `prices`: of models that the price table does not know, or that cost something else here.
    `doomed_rounds`: an agent that makes no progress gets a message, and then its round ends; or the message alone; or nothing.
    `land_by`: verified work is merged here, or opened as a pull request on the `forge`.
    """

    max_workers: Annotated[int, Field(ge=1, le=500)] = 4
    requires: Labels = Field(default_factory=list)
    agent: Agent = Field(default_factory=Agent)
    agents: Annotated[dict[AgentName, Agent], Field(max_length=20)] = Field(default_factory=dict)
    route: Route | None = None
    routes: Annotated[list[RouteFor], Field(max_length=50)] = Field(default_factory=list)
    env: Env | None = None
    setup: Annotated[list[Command], Field(max_length=50)] = Field(default_factory=list)
    verify: Annotated[list[Check], Field(max_length=50)] = Field(default_factory=list)
    protected: Annotated[list[Pattern], Field(max_length=200)] = Field(default_factory=lambda: list(JUDGES))
    verifier: Verifier | None = None
    interceptor: Interceptor | None = None
    planner: Planner | None = None
    expander: Expander | None = None
    orchestrator: Orchestrator | None = None
    prompts: Prompts = Field(default_factory=Prompts)
    push: Push | None = None
    pass_policy: Literal["no_regression", "all_green"] = "no_regression"
    verdict_max_age_s: Annotated[int, Field(ge=60, le=31_536_000)] = 86_400
    landing: LandingRules = Field(default_factory=LandingRules)
    approve: Approve = Field(default_factory=Approve)
    land_by: Literal["merge", "pull_request"] = "merge"
    forge: Forge | None = None
    follow_base: bool = True
    integration_branch: Annotated[str, StringConstraints(pattern=REF)] = "muster/integration"
    round_ceiling_usd: Amount = Decimal(5)
    min_round_usd: Amount = Decimal("0.05")
    hold_slice_usd: Annotated[Amount, AfterValidator(_min_reservation)] | None = None
    unknown_after_h: Annotated[int, Field(ge=1, le=8_760)] = 24
    gateway: Literal["auto", "inexact", "off"] = "auto"
    prices: Prices = Field(default_factory=dict)
    auto_reallocate: bool = False
    max_steering_share: Annotated[float, BeforeValidator(as_float), Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    plateau: Plateau = Field(default_factory=Plateau)
    doomed_rounds: Literal["end", "warn", "off"] = "end"
    sandbox: Sandbox = Field(default_factory=Sandbox)
    limits: Limits = Field(default_factory=Limits)
    log_limit_bytes: Annotated[int, Field(ge=10_000, le=100_000_000)] = 4_000_000

    @field_validator("verifier", "interceptor", "planner", "expander", "orchestrator")
    @classmethod
    def _has_an_agent(cls, role: AgentRole | None, known: ValidationInfo) -> AgentRole | None:
        if role is None or not {"agent", "agents"} <= known.data.keys():
            return role
        return role.with_agents({DEFAULT: known.data["agent"], **known.data["agents"]})

    @field_validator("integration_branch")
    @classmethod
    def _branch(cls, name: str) -> str:
        if ".." in name or "@{" in name or "//" in name or name.endswith(("/", ".", ".lock")):
            raise ValueError("is not a branch name")
        if name.startswith("muster/entry_") or re.match(r"muster/\d+(-|$)", name):
            raise ValueError("branches like muster/entry_... and muster/12-... are the entries' own")
        return name

    @model_validator(mode="after")
    def _has_a_forge(self) -> "Config":
        if self.land_by == "pull_request" and self.forge is None:
            raise ValueError("land_by: pull_request needs a forge: name its kind and repository")
        if self.land_by == "pull_request" and not self.follow_base:
            raise ValueError("land_by: pull_request needs follow_base: what is merged there comes back by the base branch")
        return self

    @model_validator(mode="after")
    def _has_its_fallbacks(self) -> "Config":
        for name, agent in self.by_name.items():
            for other in agent.fallback:
                if other not in (DEFAULT, *self.agents):
                    raise ValueError(f"{name or DEFAULT} falls back on {other}, which is not among the agents")
                if other == (name or DEFAULT):
                    raise ValueError(f"{other} cannot fall back on itself")
        if any(agent.fallback for agent in self.agents_of_roles.values()):
            raise ValueError("only agent and agents have a fallback: a review waits for its own agent")
        return self

    @model_validator(mode="after")
    def _has_the_agents_of_its_routes(self) -> "Config":
        for place, step in self.named_steps:
            try:
                self.check_step(step)
            except ValueError as problem:
                raise ValueError(f"{place}: {problem}") from None
        return self

    @property
    def named_steps(self) -> Iterator[tuple[str, Step]]:
        """Each step of its routes, with its place for a sentence."""
        for name, steps in [("route", self.route or []), *((f"routes {each.group!r}", each.route) for each in self.routes)]:
            for n, step in enumerate(steps, start=1):
                yield f"{name}, step {n}", step

    def check_step(self, step: Step) -> None:
        """Raises ValueError for a step whose agent does not exist, or takes no effort."""
        agent = self.by_name.get("" if step.agent == DEFAULT else step.agent)
        if agent is None:
            known = ", ".join([DEFAULT, *self.agents])
            raise ValueError(f"the config has no agent {step.agent!r}; it has: {known}")
        if step.effort is not None:
            refuse_effort(agent.kind)

    def chain(self, name: str) -> tuple[str, ...]:
        """The agents for work that asks for this one: itself, then its fallbacks. The empty name is that of `agent`."""
        agent = self.by_name.get(name)
        others = [] if agent is None else ["" if other == DEFAULT else other for other in agent.fallback]
        return tuple(dict.fromkeys((name, *others)))

    @property
    def every_agent(self) -> list[Agent]:
        """Each agent that this workspace may start."""
        return [self.agent, *self.agents.values(), *self.agents_of_roles.values()]

    @property
    def roles(self) -> dict[str, AgentRole]:
        """Those that agents have in this workspace, by their key."""
        every = {
            "interceptor": self.interceptor,
            "verifier": self.verifier,
            "planner": self.planner,
            "expander": self.expander,
            "orchestrator": self.orchestrator,
        }
        return {key: role for key, role in every.items() if role is not None}

    @property
    def agents_of_roles(self) -> dict[str, Agent]:
        """By the key of the role, those that are its own."""
        return {key: role.agent for key, role in self.roles.items() if isinstance(role.agent, Agent)}

    @property
    def by_name(self) -> dict[str, Agent]:
        """The agents that an entry may ask for; the empty name is that of `agent`."""
        return {"": self.agent, **self.agents}

    @property
    def check_env(self) -> dict[str, str]:
        """The environment of setup and checks."""
        return self.agent.env if self.env is None else self.env

    def with_agent(self, name: str, effort: str = "") -> "Config":
        """The config as a session with this named agent and effort sees it. An agent that was taken out of the config since the session was
        claimed has become the usual one, and one that takes no effort has none."""
        agent = self.by_name.get(name, self.agent)
        if effort and agent.kind in agent_kinds.WITH_EFFORT:
            agent = agent.model_copy(update={"effort": effort})
        return self if agent is self.agent else self.model_copy(update={"agent": agent, "env": self.check_env})

    @property
    def session_agents(self) -> list[Agent]:
        """The agents that work on an entry: a host needs all of them."""
        others = (self.interceptor, self.verifier)
        return [self.agent, *(part.acting_agent for part in others if part is not None)]

    def agent_of(self, role: str) -> Agent | None:
        """The agent that a session in this role begins with. None: the role was taken out of the config."""
        if role == "implement":
            return self.agent
        proposer = self.proposers.get(role)
        return proposer.acting_agent if proposer else None

    @property
    def proposers(self) -> dict[str, Proposer | None]:
        """By the role of their runs."""
        return {"plan": self.planner, "expand": self.expander, "orchestrate": self.orchestrator}

    @property
    def rates(self) -> dict[str, Rates]:
        """The workspace's own prices, by model."""
        return {model: price.rates for model, price in self.prices.items()}

    @property
    def round_ceiling(self) -> int:
        return micro(self.round_ceiling_usd)

    @property
    def min_round(self) -> int:
        return micro(self.min_round_usd)

    @property
    def required_judges(self) -> dict[str, Interceptor | Verifier]:
        """Those that must give a verdict, by their key. A verifier must where nothing else judges the work."""
        judges: dict[str, Interceptor | Verifier | None] = {
            "interceptor": self.interceptor if self.interceptor and self.interceptor.required else None,
            "verifier": self.verifier if self.verifier and (self.verifier.required or not self.verify) else None,
        }
        return {key: judge for key, judge in judges.items() if judge is not None}

    @property
    def keeps_first_limit(self) -> bool:
        return self.agent.kind in FIXED_LIMIT_KINDS

    @property
    def gets_limit_at_start(self) -> bool:
        return self.agent.kind in LIMIT_AT_START_KINDS

    @property
    def initial_reservation(self) -> int | None:
        """Micro-USD; None: the whole ceiling at once, also for agents that keep the limit of their start."""
        return None if self.hold_slice_usd is None or self.keeps_first_limit else micro(self.hold_slice_usd)


def envs(config: Config) -> dict[str, str]:
    """The env of every agent, the others' with their name or role as a prefix."""
    theirs = {f"{role}.{name}": value for role, agent in config.agents_of_roles.items() for name, value in agent.env.items()}
    named = {f"{name}.{variable}": value for name, agent in config.agents.items() for variable, value in agent.env.items()}
    return {**theirs, **named, **config.check_env, **config.agent.env}
