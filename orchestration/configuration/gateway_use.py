"""The agents whose requests pass through the gateway, by their program, their key and their provider's address. Pure.

They do where the program has a key of its own for an API that the gateway speaks. A login, a plan, a cloud that signs its requests and a command of your own
go past it, and are metered by what they report.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestration.configuration.config import agent_kinds
from orchestration.configuration.config.agents import Agent
from orchestration.configuration.config.workspace import Config
from orchestration.protocols import PROTOCOLS

DEFAULTS = {name: protocol.api.address for name, protocol in PROTOCOLS.items()}
"""The address of each API, unless the workspace names another address."""
SIGNING = (
    *("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY", "GOOGLE_GENAI_USE_VERTEXAI"),
    *("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK", "GOOGLE_APPLICATION_CREDENTIALS"),
)
"""Variables of clouds whose requests are signed by the program itself."""
ALL_KEYS = frozenset(name for names in agent_kinds.KEYS.values() for name in names)
_OPENAI = ("openai_responses", "openai_chat")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A program's endpoint of one API. `keys`: the variables that may hold its key, the first of which wins; `token`: the one that gets the gateway's
    token; `addresses`: those of its provider's address, the first of which wins and gets the gateway's; `path`: what follows the host there."""

    apis: tuple[str, ...]
    keys: tuple[str, ...]
    token: str
    addresses: tuple[str, ...]
    path: str = ""


_ANTHROPIC = Endpoint(("anthropic",), ("ANTHROPIC_API_KEY",), "ANTHROPIC_API_KEY", ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"))
ENDPOINTS: dict[str, tuple[Endpoint, ...]] = {
    "claude_code": (
        Endpoint(("anthropic",), ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"), "ANTHROPIC_AUTH_TOKEN", ("ANTHROPIC_BASE_URL",)),
    ),
    "codex": (
        Endpoint(("openai_responses",), ("CODEX_API_KEY", "OPENAI_API_KEY"), "CODEX_API_KEY", ("OPENAI_BASE_URL",), "/v1"),
    ),
    "gemini": (Endpoint(("gemini",), ("GEMINI_API_KEY",), "GEMINI_API_KEY", ("GOOGLE_GEMINI_BASE_URL",)),),
    "qwen": (Endpoint(("openai_chat",), ("OPENAI_API_KEY",), "OPENAI_API_KEY", ("OPENAI_BASE_URL",), "/v1"),),
    "aider": (
        Endpoint(_OPENAI, ("OPENAI_API_KEY",), "OPENAI_API_KEY", ("OPENAI_API_BASE", "OPENAI_BASE_URL"), "/v1"),
        _ANTHROPIC,
    ),
    "mini_swe_agent": (
        Endpoint(_OPENAI, ("OPENAI_API_KEY",), "OPENAI_API_KEY", ("OPENAI_BASE_URL", "OPENAI_API_BASE"), "/v1"),
        _ANTHROPIC,
    ),
}
ALL_ADDRESSES = frozenset(name for endpoints in ENDPOINTS.values() for each in endpoints for name in each.addresses)
PROVIDERS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
"""The key of a model, by its provider in `provider/model`, for programs with several."""
SEVERAL = ("aider", "mini_swe_agent")


@dataclass(frozen=True, slots=True)
class KeyAt:
    """The place of a key: in a credential, in a secret, or in the env of an agent of the config (`path`)."""

    variable: str
    credential: str = ""
    secret: str = ""
    path: str = ""

    @property
    def reference(self) -> dict[str, str]:
        known = {"credential": self.credential, "secret": self.secret, "agent": self.path}
        return {"variable": self.variable, **{name: value for name, value in known.items() if value}}


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that an agent's environment would have. `credential`: of its own: name, variable (empty: it has no key), address; `env`: of the config, which is
    the agent at `path`; `secrets`: names."""

    env: Mapping[str, str]
    path: str
    secrets: Collection[str]
    credential: str = ""
    variable: str = ""
    address: str = ""
    is_plan: bool = False

    def key(self, names: tuple[str, ...]) -> KeyAt | None:
        """The key that the program would use: that of its credential wins over all others."""
        if self.variable:
            return KeyAt(self.variable, credential=self.credential) if self.variable in names else None
        for name in names:
            if name in self.secrets:
                return KeyAt(name, secret=name)
            if self.env.get(name):
                return KeyAt(name, path=self.path)
        return None

    def address_of(self, names: tuple[str, ...]) -> str:
        return self.address or next((self.env[name] for name in names if self.env.get(name)), "")


TOKEN = "token"


@dataclass(frozen=True, slots=True)
class Place:
    """The places in a program's settings of a provider's address and of its token. `value`: the token itself, or the name of the variable that has it."""

    address: tuple[str, ...]
    path: str
    token: tuple[str, ...]
    value: str = TOKEN


@dataclass(frozen=True)
class Use:
    """`upstreams`: by API, as an access keeps them. `tokens`, `addresses`: variables that get the token, and the gateway's address with a path. `places`: of
    those in the program's settings, whose keys lead there. `hidden`: variables with keys, which the program does not get."""

    upstreams: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: tuple[str, ...] = ()
    addresses: dict[str, str] = field(default_factory=dict)
    places: tuple[Place, ...] = ()
    hidden: frozenset[str] = ALL_KEYS

    def settings(self, usual: Mapping[str, Any], *, url: str, token: str) -> dict[str, Any]:
        """The settings of the program: with the gateway's address and token in place of others."""
        changed = json.loads(json.dumps(usual))
        for place in self.places:
            _put(changed, place.address, f"{url}{place.path}")
            _put(changed, place.token, token if place.value == TOKEN else place.value)
        return dict(changed)

    def env(self, usual: Mapping[str, str], *, url: str, token: str) -> dict[str, str]:
        """The environment of the program: without any key."""
        kept = {name: value for name, value in usual.items() if name not in self.hidden and name not in self.addresses}
        return {**kept, **dict.fromkeys(self.tokens, token), **{name: f"{url}{path}" for name, path in self.addresses.items()}}


def use_of(agent: Agent, keys: Keys) -> Use | str:
    """The use that the agent makes of the gateway, or the reason why it makes none."""
    if reason := _bypasses(agent, keys):
        return reason
    if agent.kind == "opencode":
        return _of_opencode(agent, keys)
    if next(_addresses(agent.settings), ""):
        return _of_codex(agent, keys)
    upstreams: dict[str, dict[str, Any]] = {}
    tokens: list[str] = []
    addresses: dict[str, str] = {}
    for endpoint in ENDPOINTS[agent.kind]:
        if (key := keys.key(endpoint.keys)) is None:
            continue
        for api in endpoint.apis:
            base_url = keys.address_of(endpoint.addresses) if endpoint is ENDPOINTS[agent.kind][0] or not keys.address else ""
            upstreams[api] = {"base_url": base_url or DEFAULTS[api], "key": key.reference, "credential": _named(key)}
        tokens.append(endpoint.token)
        addresses |= dict.fromkeys(endpoint.addresses, endpoint.path)
    if not upstreams:
        return f"{agent_kinds.title(agent.kind)} has no key here: it uses a login"
    return Use(upstreams, tuple(tokens), addresses)


def of_checks(config: Config, *, has_gateway: bool) -> dict[str, str]:
    """The environment of setup and checks. Where it is that of an agent which the gateway serves, it is without keys; a key in the config's own `env` is
    there by name, and stays."""
    if not has_gateway or config.gateway == "off" or config.env is not None or config.agent.kind not in (*ENDPOINTS, "opencode"):
        return config.check_env
    hidden = key_variables(config.agent)
    return {name: value for name, value in config.check_env.items() if name not in hidden}


def key_variables(agent: Agent) -> frozenset[str]:
    """The variables that hold a provider's key: the usual ones, and those that the settings of Codex and opencode name."""
    of_codex = (_as_mapping(own).get("env_key") for own in _member(agent.settings, "model_providers").values())
    of_opencode = (_member(_as_mapping(own), "options").get("apiKey") for own in _member(agent.settings, "provider").values())
    return ALL_KEYS.union(filter(None, (*map(_text, of_codex), *(_in_variable(_text(key)) for key in of_opencode))))


def bypass_of_program(agent: Agent) -> str:
    """The reason why the agent's requests go past the gateway, as far as its program alone gives it. Empty: they may pass through it."""
    if agent.kind not in ENDPOINTS and agent.kind != "opencode":
        return f"{agent_kinds.OF_CONFIG.get(agent.kind, agent_kinds.title(agent.kind))} talks to its provider itself"
    return ""


def may_pass(config: Config, agent: Agent, *, has_gateway: bool) -> bool:
    """True where an agent passes the gateway unless its key does not allow it, which `use_of` knows."""
    return has_gateway and config.gateway != "off" and not bypass_of_program(agent)


def _bypasses(agent: Agent, keys: Keys) -> str:
    title = agent_kinds.title(agent.kind)
    if reason := bypass_of_program(agent):
        return reason
    if keys.is_plan:
        return "A plan pays it: plans may be used by their own programs alone"
    if signing := [name for name in SIGNING if keys.env.get(name) or name in keys.secrets]:
        return f"{title} signs its requests itself ({signing[0]})"
    if agent.kind not in ("codex", "opencode") and next(_addresses(agent.settings), ""):
        return f"The settings of {title} name the address of its provider"
    provider = (agent.model or "").partition("/")[0] if "/" in (agent.model or "") else ""
    if agent.kind in SEVERAL and provider and (provider not in PROVIDERS or keys.key((PROVIDERS[provider],)) is None):
        return f"The gateway has no key for {provider}"
    return ""


OPENCODE = {
    "anthropic": ("anthropic", "ANTHROPIC_API_KEY", "/v1"),
    "openai": ("openai_responses", "OPENAI_API_KEY", "/v1"),
    "google": ("gemini", "GEMINI_API_KEY", "/v1beta"),
}
"""opencode's own providers: API, key, and the path behind the host."""
PACKAGES = {
    "@ai-sdk/anthropic": "anthropic",
    "@ai-sdk/openai": "openai",
    "@ai-sdk/google": "google",
    "@ai-sdk/openai-compatible": "",
}
"""Packages of providers in opencode's settings, by the provider whose API they speak; empty: that of OpenAI's chat."""


def _of_opencode(agent: Agent, keys: Keys) -> Use | str:
    """The provider of its model. Its title comes from a small model of the same one."""
    model = agent.model or _text(agent.settings.get("model"))
    name = model.partition("/")[0]
    own = _member(_member(agent.settings, "provider"), name)
    options, package = _member(own, "options"), own.get("npm")
    like = name if package is None else PACKAGES.get(_text(package), "?")
    if like not in ("", *OPENCODE) or (not like and package is None):
        return f"The gateway does not know the API of opencode's provider {name or 'without a name'}"
    api, variable, path = OPENCODE.get(like, ("openai_chat", "", "/v1"))
    key = _key_of_options(name, options, variable, keys)
    if key is None:
        return f"opencode has no key for {name} here: it uses a login"
    address = _text(options.get("baseURL")) or keys.address
    upstream = {"base_url": address.rstrip("/") or f"{DEFAULTS[api].removesuffix(path)}{path}", **key}
    place = Place(("provider", name, "options", "baseURL"), path, ("provider", name, "options", "apiKey"))
    return Use({api: upstream}, (), {}, (place,), key_variables(agent))


def _key_of_options(name: str, options: Mapping[str, Any], variable: str, keys: Keys) -> dict[str, Any] | None:
    """The key of a provider in opencode's settings, as an upstream has it: written there, in a variable, or, for a server of one's own, none."""
    written = _text(options.get("apiKey"))
    named = _in_variable(written)
    if written and not named:
        place = ["provider", name, "options", "apiKey"]
        return {"key": {"agent": keys.path, "setting": place}, "credential": f"of opencode's provider {name}"}
    names = tuple(filter(None, (named or variable, keys.variable)))
    if (key := keys.key(names)) is not None:
        return {"key": key.reference, "credential": _named(key)}
    return None if not options.get("baseURL") or named else {"key": {}, "credential": f"opencode's provider {name}"}


def _of_codex(agent: Agent, keys: Keys) -> Use | str:
    """A provider of its own in Codex' settings."""
    name = _text(agent.settings.get("model_provider"))
    own = _member(_member(agent.settings, "model_providers"), name)
    variable = _text(own.get("env_key"))
    key = keys.key((variable,)) if variable else None
    if not own.get("base_url") or key is None or own.get("wire_api", "responses") != "responses":
        return "The settings of Codex name a provider that the gateway cannot stand for"
    place = ("model_providers", name)
    codex = Place((*place, "base_url"), "/v1", (*place, "env_key"), "CODEX_API_KEY")
    upstream = {"base_url": _text(own["base_url"]), "key": key.reference, "credential": _named(key)}
    return Use({"openai_responses": upstream}, ("CODEX_API_KEY",), {}, (codex,), key_variables(agent))


def _in_variable(written: str) -> str:
    """The variable that opencode's settings name in place of a value; empty: it is a value."""
    named = re.fullmatch(r"\{env:(\w+)\}", written)
    return named[1] if named else ""


def _member(values: Any, name: str) -> Mapping[str, Any]:
    return _as_mapping(values.get(name)) if isinstance(values, Mapping) else {}


def _as_mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _put(values: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    *parents, last = path
    for name in parents:
        values = values.setdefault(name, {})
    values[last] = value


def _named(key: KeyAt) -> str:
    return key.credential or key.secret or key.variable


def _addresses(settings: Any) -> Iterator[str]:
    """The base URLs in a program's settings."""
    for name, value in settings.items() if isinstance(settings, dict) else ():
        if isinstance(value, dict):
            yield from _addresses(value)
        elif isinstance(value, str) and value and str(name).lower().replace("_", "") in ("baseurl", "openaibaseurl"):
            yield value
