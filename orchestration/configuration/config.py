"""The config of a workspace: its keys, defaults and bounds. A key that nothing reads does not exist."""

import json
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

from budget import amounts
from orchestration.configuration import prompt_templates
from orchestration.configuration.agent_kinds import AgentKind
from workspaces.schemas import Object, as_float

Text = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[^\x00]*$")]
Command = Annotated[list[Text], Field(min_length=1, max_length=200)] | Text
Seconds = Annotated[int, Field(ge=1, le=86_400)]
REF = r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,99}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


MAX_SETTINGS_CHARS = 100_000  # every cycle and every session reads the whole config

FIXED_LIMIT_KINDS = ("command", "mini_swe_agent")
"""They keep the limit that they are handed, and cannot be resumed with another one."""


class Agent(_Part):
    """An agent. `command` is for the kind of that name: an argument list, or a string run by `sh -c`.

    `args` are added to the CLI's command line, `settings` are merged into the settings file that Muster writes for it.
    `provider_patience_s`: how long it may wait for its provider by itself, before its session ends and the entry waits instead.
    `use_login`: a login of that CLI on the worker's host may be used where the workspace has no key of its own.
    """

    kind: AgentKind = "command"
    command: Command | None = None
    args: Annotated[list[Text], Field(max_length=100)] = Field(default_factory=list)
    settings: Annotated[Object, Field(max_length=200)] = Field(default_factory=dict)
    use_login: bool = True
    model: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] | None = None
    env: Annotated[dict[str, Annotated[str, Field(max_length=4000)]], Field(max_length=100)] = Field(default_factory=dict)
    timeout_s: Seconds = 1800
    idle_timeout_s: Seconds = 600
    provider_patience_s: Seconds = 180

    @field_validator("settings")
    @classmethod
    def _short(cls, settings: dict[str, Any]) -> dict[str, Any]:
        if len(json.dumps(settings)) > MAX_SETTINGS_CHARS:
            raise ValueError(f"may have at most {MAX_SETTINGS_CHARS} characters as JSON")
        return settings

    @field_validator("env")
    @classmethod
    def _names(cls, env: dict[str, str]) -> dict[str, str]:
        for name, value in env.items():
            if not name.replace("_", "a").isalnum() or name[0].isdigit() or not name.isascii():
                raise ValueError(f"{name!r} is not the name of an environment variable")
            if name.startswith("MUSTER_"):
                raise ValueError("names that begin with MUSTER_ are Muster's own")
            if "\x00" in value:
                raise ValueError("a value may not contain NUL")
        return env


class Check(_Part):
    """One verify command. Its score counts with its weight; `junit` is a path, in the worktree, of a JUnit XML that it writes.
    `rerun`: run it a second time when it fails, and mark it as flaky when it passes then.
    """

    name: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00\n]*$")]
    run: Command
    timeout_s: Seconds = 600
    weight: Annotated[float, BeforeValidator(as_float), Field(gt=0, le=1000, allow_inf_nan=False)] = 1.0
    junit: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")] | None = None
    rerun: bool = True

    @field_validator("junit")
    @classmethod
    def _inside(cls, path: str | None) -> str | None:
        parts = [part for part in (path or "x").split("/") if part not in ("", ".")]
        if (path or "").startswith("/") or ".." in parts or not parts or parts[0].lower() == ".git":
            raise ValueError("must lie inside the worktree")
        return path


Amount = Annotated[Decimal, BeforeValidator(lambda value: Decimal(amounts.from_json(value)) / amounts.MICRO)]
"""USD as a JSON number at the edge; exact micro-USD by `micro`."""


def micro(amount: Decimal) -> int:
    return amounts.usd(str(amount))


def _pays_a_verdict(amount: Decimal) -> Decimal:
    if amount < Decimal("0.001"):
        raise ValueError("must be 0.001 or more: without money it gives no verdict")
    return amount


def _min_reservation(amount: Decimal) -> Decimal:
    if amount < Decimal("0.01"):
        raise ValueError("must be 0.01 or more: each slice is asked for in the middle of the work")
    return amount


class Verifier(_Part):
    """An agent that judges a round against the acceptance criteria, once the verify commands have passed. `round_usd`: what it may
    spend in a round; it is charged to the entry.
    """

    agent: Agent
    round_usd: Annotated[Amount, AfterValidator(_pays_a_verdict)] = Decimal("0.5")
    weight: Annotated[float, BeforeValidator(as_float), Field(gt=0, le=1000, allow_inf_nan=False)] = 1.0


class Interceptor(_Part):
    """An agent that reviews a round's diff before verification. Its spend is interceptor spend: at most `round_usd` in a round,
    `entry_usd` over an entry's life, `workspace_usd` over the workspace's.
    """

    agent: Agent
    round_usd: Amount = Decimal("0.5")
    entry_usd: Amount | None = None
    workspace_usd: Amount | None = None


Template = Annotated[str, StringConstraints(min_length=1, max_length=50_000, pattern=r"^[^\x00]*$")]


class Prompts(_Part):
    """Templates of the workspace's own, in Django's template language, instead of Muster's (docs/reference/agents.md lists what they may use)."""

    implement: Template | None = None
    review: Template | None = None
    verify: Template | None = None

    @field_validator("implement", "review", "verify")
    @classmethod
    def _compiles(cls, text: str | None) -> str | None:
        if text is not None:
            prompt_templates.check(text)
        return text


class Push(_Part):
    """After a merge, push the integration branch there. `branch`: its name at the remote, the same one unless set."""

    remote: Annotated[str, StringConstraints(pattern=REF)] = "origin"
    branch: Annotated[str, StringConstraints(pattern=REF)] | None = None


class Plateau(_Part):
    """An entry whose score rose by less than `epsilon` in each of the last `rounds` rounds is blocked: no_improvement."""

    rounds: Annotated[int, Field(ge=1, le=100)] = 3
    epsilon: Annotated[float, BeforeValidator(as_float), Field(ge=0, le=1, allow_inf_nan=False)] = 0.01


def _few_wildcards(pattern: str) -> str:
    """Each wildcard more multiplies the time that a name takes by its length, and names are an agent's to choose."""
    crossing = pattern.count("**")
    if crossing > 3 or any(name.count("*") > 3 for name in pattern.replace("**", "").split("/")):
        raise ValueError("may hold `**` three times, and `*` three times between slashes")
    return pattern


Pattern = Annotated[
    str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00\n/][^\x00\n]*$"), AfterValidator(_few_wildcards)
]

# What commonly judges code. An agent may change such a file only when its entry names it.
JUDGES = (
    "tests/**",
    "test/**",
    "**/tests/**",
    "**/test/**",
    "**/__tests__/**",
    "**/test_*.py",
    "**/*_test.py",
    "**/*_test.go",
    "**/*.test.*",
    "**/*.spec.*",
    "**/conftest.py",
    "**/pytest.ini",
    "**/.pytest.ini",
    "**/pytest.toml",
    "**/.pytest.toml",
    "**/tox.ini",
    "**/sitecustomize.py",
    "**/usercustomize.py",
    "pytest.py",
    "pytest/__init__.py",
)


class Config(_Part):
    """`protected`: patterns of files that judge the work (`*` within a name, `**` across folders), besides those that the verify
    commands name. `auto_reallocate`: budgets that no person locked are shared out anew after each round. `hold_slice_usd`: a session holds
    so much at a time and grows towards the round's ceiling; unset: all at once. Amounts are USD at the edge (JSON numbers) and micro-USD
    through the properties."""

    max_workers: Annotated[int, Field(ge=1, le=500)] = 4
    agent: Agent = Field(default_factory=Agent)
    setup: Annotated[list[Command], Field(max_length=50)] = Field(default_factory=list)
    verify: Annotated[list[Check], Field(max_length=50)] = Field(default_factory=list)
    protected: Annotated[list[Pattern], Field(max_length=200)] = Field(default_factory=lambda: list(JUDGES))
    verifier: Verifier | None = None
    interceptor: Interceptor | None = None
    prompts: Prompts = Field(default_factory=Prompts)
    push: Push | None = None
    integration_branch: Annotated[str, StringConstraints(pattern=REF)] = "muster/integration"
    round_ceiling_usd: Amount = Decimal(5)
    min_round_usd: Amount = Decimal("0.05")
    hold_slice_usd: Annotated[Amount, AfterValidator(_min_reservation)] | None = None
    auto_reallocate: bool = False
    plateau: Plateau = Field(default_factory=Plateau)
    log_limit_bytes: Annotated[int, Field(ge=10_000, le=100_000_000)] = 4_000_000

    @field_validator("integration_branch")
    @classmethod
    def _branch(cls, name: str) -> str:
        if ".." in name or "@{" in name or "//" in name or name.endswith(("/", ".", ".lock")):
            raise ValueError("is not a branch name")
        if name.startswith("muster/entry_"):
            raise ValueError("branches under muster/entry_ are the entries' own")
        return name

    @property
    def round_ceiling(self) -> int:
        return micro(self.round_ceiling_usd)

    @property
    def min_round(self) -> int:
        return micro(self.min_round_usd)

    @property
    def initial_reservation(self) -> int | None:
        """Micro-USD. Not for an agent that keeps a limit which it is told once, at its start: it holds all of it at once."""
        return None if self.hold_slice_usd is None or self.agent.kind in FIXED_LIMIT_KINDS else micro(self.hold_slice_usd)


def envs(config: Config) -> dict[str, str]:
    """What the env of any agent holds, the reviewers' under names that tell them apart."""
    others = {"interceptor": config.interceptor, "verifier": config.verifier}
    theirs = {f"{role}.{name}": value for role, one in others.items() if one for name, value in one.agent.env.items()}
    return {**theirs, **config.agent.env}


def load(stored: dict[str, Any]) -> Config:
    """The config of an executor row. What was stored was validated."""
    return Config.model_validate(_decimals(stored))


def as_json(config: Config) -> dict[str, Any]:
    """As JSON: amounts as numbers, what is not set left out."""
    numbers: dict[str, Any] = _numbers(config.model_dump(exclude_none=True))
    return numbers


def without_values(value: Any) -> Any:
    """What an agent's env holds may be a key: for who only looks, and for agents, its names are shown and its values are not."""
    if isinstance(value, list):
        return [without_values(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: _names_only(one) if key == "env" else without_values(one) for key, one in value.items()}


def _names_only(env: Any) -> Any:
    return dict.fromkeys(env, "…") if isinstance(env, dict) else "…"


def stored(config: Config) -> dict[str, Any]:
    """What is kept of a config: the keys that were set, so that a better default reaches those who set nothing."""
    numbers: dict[str, Any] = _numbers(config.model_dump(exclude_none=True, exclude_unset=True))
    return numbers


def merged(stored: dict[str, Any], change: dict[str, Any]) -> Config:
    """A partial merge, objects by key, lists as a whole; null takes a key back to its default. Raises pydantic's ValidationError."""
    return Config.model_validate(_decimals(_merge(stored, change, Config)))


_PARTS: dict[str, type[_Part]] = {
    "agent": Agent,
    "plateau": Plateau,
    "verifier": Verifier,
    "interceptor": Interceptor,
    "prompts": Prompts,
    "push": Push,
}


def _merge(old: dict[str, Any], new: dict[str, Any], part: type[_Part] | None) -> dict[str, Any]:
    """`part`: what these keys belong to, so that null for one that does not exist stays in and is refused."""
    out = dict(old)
    for key, value in new.items():
        if value is None and (part is None or key in part.model_fields):
            out.pop(key, None)
        elif isinstance(value, dict):
            before = out.get(key)
            out[key] = _merge(before if isinstance(before, dict) else {}, value, _PARTS.get(key))
        else:
            out[key] = value
    return out


def _numbers(value: Any) -> Any:
    """Amounts as JSON numbers, all the way down."""
    if isinstance(value, dict):
        return {key: one if key == "settings" else _numbers(one) for key, one in value.items()}
    return amounts.number(micro(value)) if isinstance(value, Decimal) else value


def _decimals(value: Any) -> Any:
    """Stored numbers of amounts as they were said: a float of JSON would carry its binary tail into the money."""
    if not isinstance(value, dict):
        return value
    return {
        key: Decimal(str(one))
        if key.endswith("_usd") and isinstance(one, float)
        else one
        if key == "settings"
        else _decimals(one)
        for key, one in value.items()
    }
