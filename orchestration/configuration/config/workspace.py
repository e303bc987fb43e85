"""The config of a workspace: keys, defaults and bounds."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from budget.categories import steering_words
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
from orchestration.configuration.config.fields import REF, Amount, Command, Labels, Part, Prices, key, micro
from orchestration.configuration.config.forge import Forge
from orchestration.configuration.config.prompts import Prompts
from orchestration.configuration.config.routes import Route, RouteFor, Step
from orchestration.configuration.config.sandbox import CachePaths, Limits, Sandbox
from workspaces.schemas import as_float

FIXED_LIMIT_KINDS = ("command", "mini_swe_agent")
"""Kinds with one limit for good: a resumed session keeps it."""
LIMIT_AT_START_KINDS = (*FIXED_LIMIT_KINDS, "claude_code")
"""Kinds with one limit per process."""
_STEERING = steering_words(" and ")


def _min_reservation(amount: Decimal) -> Decimal:
    if amount < Decimal("0.01"):
        raise ValueError("must be 0.01 or more: each step is requested in the middle of the work")
    return amount


class Push(Part):
    """After a merge, push the integration branch to this remote."""

    remote: Annotated[str, StringConstraints(pattern=REF)] = key("origin", "Remote", "The remote that it is pushed to.")
    branch: Annotated[str, StringConstraints(pattern=REF)] | None = key(
        None, "Branch there", "Its name there. Unset: the same name."
    )


class Plateau(Part):
    """The plateau rule: an entry with gains below `epsilon` in each of the last `rounds` rounds is blocked as no_improvement."""

    rounds: int = key(3, "Rounds", "So many rounds without progress block an entry (`no_improvement`).", ge=1, le=100)
    epsilon: Annotated[float, BeforeValidator(as_float)] = key(
        0.01, "Min gain", "A smaller rise of the score, from 0 to 1, is no progress.", ge=0, le=1, allow_inf_nan=False
    )


class LandingRules(Part):
    """The rules for landing verified work in batches."""

    batch: int = key(8, "", "At most so many verified entries land together.", ge=1, le=50)
    refusals: int = key(3, "", "So many times work that is refused together with others gets another round.", ge=0, le=20)


class Config(Part):
    """The config of a workspace. Amounts are USD in JSON and micro-USD in the properties."""

    max_workers: int = key(4, "Concurrency", "Sessions that may run in this workspace at the same time.", ge=1, le=500)
    requires: Labels = key(list, "", "Labels that a host needs for the sessions (`MUSTER_LABELS`); an entry may require more.")
    agent: Agent = key(Agent, "Agent", "The agent that implements entries.")
    agents: dict[AgentName, Agent] = key(
        dict,
        "Named agents",
        "More agents by name, each with the keys of `agent`, for the entries that ask for one ([Named "
        "agents](docs/reference/agents.md#named-agents)).",
        max_length=20,
    )
    route: Route | None = key(
        None,
        "Route",
        "The agents that work on an entry [one after the other](docs/reference/agents.md#routes). Unset: `agent` alone.",
        kind="route",
    )
    routes: list[RouteFor] = key(
        list, "Routes of groups", "Routes for groups of entries: the first that fits counts.", kind="routes", max_length=50
    )
    env: Env | None = key(
        None,
        "Environment of setup and checks",
        "Environment of setup and checks, whatever agent made the work. Unset: that of `agent`.",
    )
    setup: list[Command] = key(
        list, "Setup commands", "Commands that prepare a fresh clone, which has its submodules.", max_length=50
    )
    caches: CachePaths = key(
        list,
        "Package caches",
        "Folders from `~/` in which setup keeps downloaded packages, such as ~/.npm: a host has them once for [all "
        "sessions](docs/how-to/run-many-at-once.md#packages).",
    )
    verify: list[Check] = key(
        list,
        "Verification",
        "The checks that verify each round, in this order. Without a check, every round passes.",
        max_length=50,
    )
    protected: list[Pattern] = key(
        lambda: list(JUDGES),
        "Protected files",
        "Patterns of files that judge the work (`*` within a name, `**` across folders), besides files that commands "
        "name. An agent may change them only if its entry names them.",
        max_length=200,
    )
    verifier: Verifier | None = key(
        None,
        "Verifying agent",
        "Judges a round against the acceptance criteria once the checks have passed. Charged to the entry.",
    )
    interceptor: Interceptor | None = key(
        None, "Reviewing agent", "Reviews a round's diff before it is verified. Its spend is interceptor spend."
    )
    planner: Planner | None = key(
        None,
        "Planning agent",
        "Turns a goal into [proposed](docs/reference/proposals.md) entries. Its spend is orchestrator spend.",
    )
    expander: Expander | None = key(None, "Splitting agent", "Splits an entry that is too large. Its spend is expansion spend.")
    orchestrator: Orchestrator | None = key(
        None, "Orchestrating agent", "Proposes what comes first, waits, is dropped or merged. Its spend is orchestrator spend."
    )
    prompts: Prompts = key(Prompts, "Prompts", "Your own templates instead of Muster's, in Django's template language.")
    push: Push | None = key(None, "Push", "After each merge, push the integration branch to a remote of the repository.")
    pass_policy: Literal["no_regression", "all_green"] = key(
        "no_regression",
        "",
        "[What passes](docs/explanation/landing.md#verdicts): `all_green` needs every check to pass.",
    )
    verdict_max_age_s: int = key(
        86_400, "", "An older verdict of the base is renewed before it refuses work.", ge=60, le=31_536_000
    )
    landing: LandingRules = Field(default_factory=LandingRules)
    approve: Approve = key(Approve, "Approval", "Verified work that a person approves before it lands.")
    land_by: Literal["merge", "pull_request"] = key(
        "merge",
        "Verified work",
        "`merge`: Muster merges verified work into the integration branch. `pull_request`: it opens a [pull "
        "request](docs/how-to/land-by-pull-request.md) on the `forge`.",
    )
    forge: Forge | None = key(
        None, "Forge", "Where pull requests are opened. Its token is the secret FORGE_TOKEN, which no agent gets."
    )
    follow_base: bool = key(True, "", "New commits of the base branch are merged into the integration branch.")
    integration_branch: Annotated[str, StringConstraints(pattern=REF)] = key(
        "muster/integration",
        "Integration branch",
        "The branch that verified work is merged into. Your own branches stay untouched.",
    )
    round_ceiling_usd: Amount = key(Decimal(5), "Max per round", "The most that a round may spend.")
    min_round_usd: Amount = key(Decimal("0.05"), "Min per round", "A round does not start with less.")
    hold_slice_usd: Annotated[Amount, AfterValidator(_min_reservation)] | None = key(
        None,
        "Initial reservation",
        "A session [reserves](docs/explanation/money.md#reservations) in such steps, 0.01 or more. Unset: all at once.",
    )
    unknown_after_h: int = key(
        24,
        "Unknown answers",
        "After so long, a request [without a known answer](docs/explanation/money.md#answers-that-are-not-known) is booked at what "
        "was seen of it.",
        ge=1,
        le=8_760,
    )
    gateway: Literal["auto", "inexact", "off"] = key(
        "auto",
        "Gateway",
        "Agents with a key use the [gateway](docs/explanation/gateway.md), where the server has one; `inexact`: also for "
        "requests without a sure bound; `off`.",
    )
    prices: Prices = key(
        dict,
        "",
        "By model: `input`, `output`, `cache_read`, `cache_write`, `cache_write_1h` in USD per million tokens, before "
        "the price table; 0 is a price.",
    )
    auto_reallocate: bool = key(False, "Reallocate budgets", "Share unlocked budgets out again after each round.")
    max_steering_share: Annotated[float, BeforeValidator(as_float), Field(gt=0, le=1, allow_inf_nan=False)] | None = key(
        None,
        "Max share of steering",
        f"The share of all spend, from 0 to 1, for {_STEERING}. Above it no agent starts to propose.",
    )
    plateau: Plateau = key(Plateau, "Plateau", "Blocks an entry that no longer improves.")
    doomed_rounds: Literal["end", "warn", "off"] = key(
        "end",
        "Rounds without progress",
        "An agent [without progress](docs/explanation/stopping.md#rounds-that-lead-nowhere) gets a message, then its round "
        "ends; `warn`: the message alone; `off`.",
    )
    sandbox: Sandbox = key(Sandbox, "Sandbox", "What the processes of a session may see and use on the worker's host.")
    limits: Limits = Field(default_factory=Limits)
    log_limit_bytes: int = key(
        4_000_000,
        "Log size limit",
        "Kept of a session's output; the middle of a longer one is left out.",
        ge=10_000,
        le=100_000_000,
    )

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
        """The steps of all routes, with their positions for a sentence."""
        for name, steps in [("route", self.route or []), *((f"routes {each.group!r}", each.route) for each in self.routes)]:
            for n, step in enumerate(steps, start=1):
                yield f"{name}, step {n}", step

    def check_step(self, step: Step) -> None:
        """Raises ValueError for an unknown agent, or an effort without support."""
        agent = self.by_name.get("" if step.agent == DEFAULT else step.agent)
        if agent is None:
            known = ", ".join([DEFAULT, *self.agents])
            raise ValueError(f"the config has no agent {step.agent!r}; it has: {known}")
        if step.effort is not None:
            refuse_effort(agent.kind)

    def chain(self, name: str) -> tuple[str, ...]:
        """An agent and its fallbacks, in order. "" is the default agent."""
        agent = self.by_name.get(name)
        others = [] if agent is None else ["" if other == DEFAULT else other for other in agent.fallback]
        return tuple(dict.fromkeys((name, *others)))

    @property
    def every_agent(self) -> list[Agent]:
        """All agents of the config."""
        return [self.agent, *self.agents.values(), *self.agents_of_roles.values()]

    @property
    def roles(self) -> dict[str, AgentRole]:
        """The configured roles, by key."""
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
        """The roles' own agents, by key."""
        return {key: role.agent for key, role in self.roles.items() if isinstance(role.agent, Agent)}

    @property
    def by_name(self) -> dict[str, Agent]:
        """The agents for entries by name. "" is the default agent."""
        return {"": self.agent, **self.agents}

    @property
    def check_env(self) -> dict[str, str]:
        """The environment of setup and checks."""
        return self.agent.env if self.env is None else self.env

    def with_agent(self, name: str, effort: str = "") -> "Config":
        """The config of a session with this agent and effort. The default agent replaces one removed since the claim. An effort without support is dropped."""
        agent = self.by_name.get(name, self.agent)
        if effort and agent.kind in agent_kinds.WITH_EFFORT:
            agent = agent.model_copy(update={"effort": effort})
        return self if agent is self.agent else self.model_copy(update={"agent": agent, "env": self.check_env})

    @property
    def session_agents(self) -> list[Agent]:
        """The agents of a session: its host needs all of them."""
        others = (self.interceptor, self.verifier)
        return [self.agent, *(part.acting_agent for part in others if part is not None)]

    def agent_of(self, role: str) -> Agent | None:
        """The first agent of a session in this role; None: the role was removed from the config."""
        if role == "implement":
            return self.agent
        proposer = self.proposers.get(role)
        return proposer.acting_agent if proposer else None

    @property
    def proposers(self) -> dict[str, Proposer | None]:
        """The proposers, by the role of their runs."""
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
        """The judges with a required verdict, by key. A verifier is required if nothing else judges the work."""
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
        """Micro-USD; None: the whole ceiling at once, also for FIXED_LIMIT_KINDS."""
        return None if self.hold_slice_usd is None or self.keeps_first_limit else micro(self.hold_slice_usd)


def envs(config: Config) -> dict[str, str]:
    """The env of all agents, prefixed with names or roles except for the default agent's."""
    theirs = {f"{role}.{name}": value for role, agent in config.agents_of_roles.items() for name, value in agent.env.items()}
    named = {f"{name}.{variable}": value for name, agent in config.agents.items() for variable, value in agent.env.items()}
    return {**theirs, **named, **config.check_env, **config.agent.env}
