"""The setup of agents behind the gateway, by program, key and base URL. Pure.

An agent uses the gateway if it has an API key and the gateway knows the API. Logins, plans, request signing (SigV4 and the like) and commands bypass it:
their own reports meter them.
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

DEFAULT_BASE_URLS = {name: protocol.api.address for name, protocol in PROTOCOLS.items()}
"""The default base URL of each API."""
CLOUD_VARIABLES = (
    *("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY", "GOOGLE_GENAI_USE_VERTEXAI"),
    *("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK", "GOOGLE_APPLICATION_CREDENTIALS"),
)
"""Variables of clouds: the program signs its requests."""
ALL_KEYS = frozenset(name for names in agent_kinds.KEYS.values() for name in names)
_OPENAI = ("openai_responses", "openai_chat")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The environment variables of a program's API endpoint. The first set one wins."""

    apis: tuple[str, ...]
    key_variables: tuple[str, ...]
    token_variable: str  # for the gateway's token
    base_url_variables: tuple[str, ...]
    url_path: str = ""  # of the gateway's URL there


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
BASE_URL_VARIABLES = frozenset(name for endpoints in ENDPOINTS.values() for each in endpoints for name in each.base_url_variables)
PROVIDERS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
"""The key variable by the provider in `provider/model`, for programs with several providers."""
MULTI_PROVIDER = ("aider", "mini_swe_agent")


@dataclass(frozen=True, slots=True)
class KeySource:
    """The source of a key: a credential, a secret, or the env of an agent in the config."""

    variable: str
    credential: str = ""
    secret: str = ""
    agent_path: str = ""

    @property
    def reference(self) -> dict[str, str]:
        known = {"credential": self.credential, "secret": self.secret, "agent": self.agent_path}
        return {"variable": self.variable, **{name: value for name, value in known.items() if value}}


@dataclass(frozen=True, slots=True)
class AvailableKeys:
    """The keys in an agent's environment, by name and without the gateway."""

    env: Mapping[str, str]  # of the config
    agent_path: str
    secret_names: Collection[str]
    credential: str = ""
    variable: str = ""  # of the credential's key; empty: it has none
    base_url: str = ""  # of the credential
    is_plan: bool = False

    def key(self, names: tuple[str, ...]) -> KeySource | None:
        """The program's key: that of a credential wins over all others."""
        if self.variable:
            return KeySource(self.variable, credential=self.credential) if self.variable in names else None
        for name in names:
            if name in self.secret_names:
                return KeySource(name, secret=name)
            if self.env.get(name):
                return KeySource(name, agent_path=self.agent_path)
        return None

    def base_url_in(self, names: tuple[str, ...]) -> str:
        return self.base_url or next((self.env[name] for name in names if self.env.get(name)), "")


TOKEN = "token"


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """A provider in a program's settings: the JSON paths of its base URL and its token."""

    base_url_at: tuple[str, ...]
    url_path: str  # of the gateway's URL there
    token_at: tuple[str, ...]
    token: str = TOKEN  # or the name of its variable


@dataclass(frozen=True)
class GatewaySetup:
    """A program's environment and settings behind the gateway: its URL and token in place of keys and base URLs."""

    upstreams: dict[str, dict[str, Any]] = field(default_factory=dict)  # by API, in the form of an access
    token_variables: tuple[str, ...] = ()
    url_paths: dict[str, str] = field(default_factory=dict)  # by base URL variable
    providers: tuple[ProviderSettings, ...] = ()
    hidden: frozenset[str] = ALL_KEYS  # variables with keys

    def settings(self, usual: Mapping[str, Any], *, url: str, token: str) -> dict[str, Any]:
        """The program's settings behind the gateway."""
        changed = json.loads(json.dumps(usual))
        for provider in self.providers:
            _put(changed, provider.base_url_at, f"{url}{provider.url_path}")
            _put(changed, provider.token_at, token if provider.token == TOKEN else provider.token)
        return dict(changed)

    def env(self, usual: Mapping[str, str], *, url: str, token: str) -> dict[str, str]:
        """The program's environment behind the gateway, without keys."""
        kept = {name: value for name, value in usual.items() if name not in self.hidden and name not in self.url_paths}
        return {
            **kept,
            **dict.fromkeys(self.token_variables, token),
            **{name: f"{url}{path}" for name, path in self.url_paths.items()},
        }


def setup_of(agent: Agent, keys: AvailableKeys) -> GatewaySetup | str:
    """An agent's setup behind the gateway, or the reason for a bypass."""
    if reason := _bypass_reason(agent, keys):
        return reason
    if agent.kind == "opencode":
        return _of_opencode(agent, keys)
    if next(_base_urls(agent.settings), ""):
        return _of_codex(agent, keys)
    upstreams: dict[str, dict[str, Any]] = {}
    token_variables: list[str] = []
    url_paths: dict[str, str] = {}
    for endpoint in ENDPOINTS[agent.kind]:
        if (key := keys.key(endpoint.key_variables)) is None:
            continue
        for api in endpoint.apis:
            is_addressed = endpoint is ENDPOINTS[agent.kind][0] or not keys.base_url  # a credential's base URL is of one API
            base_url = keys.base_url_in(endpoint.base_url_variables) if is_addressed else ""
            upstreams[api] = {"base_url": base_url or DEFAULT_BASE_URLS[api], "key": key.reference, "credential": _named(key)}
        token_variables.append(endpoint.token_variable)
        url_paths |= dict.fromkeys(endpoint.base_url_variables, endpoint.url_path)
    if not upstreams:
        return f"{agent_kinds.title(agent.kind)} has no key here: it uses a login"
    return GatewaySetup(upstreams, tuple(token_variables), url_paths)


def check_env(config: Config, *, has_gateway: bool) -> dict[str, str]:
    """The environment of setup and checks. One inherited from an agent behind the gateway has no keys; one in the config's own `env` is explicit, and stays."""
    if not has_gateway or config.gateway == "off" or config.env is not None or config.agent.kind not in (*ENDPOINTS, "opencode"):
        return config.check_env
    hidden = key_variables(config.agent)
    return {name: value for name, value in config.check_env.items() if name not in hidden}


def key_variables(agent: Agent) -> frozenset[str]:
    """The variables of provider keys: the usual ones, and those in settings of Codex and opencode."""
    of_codex = (_as_mapping(own).get("env_key") for own in _member(agent.settings, "model_providers").values())
    of_opencode = (_member(_as_mapping(own), "options").get("apiKey") for own in _member(agent.settings, "provider").values())
    return ALL_KEYS.union(filter(None, (*map(_text, of_codex), *(_in_variable(_text(key)) for key in of_opencode))))


def program_bypass(agent: Agent) -> str:
    """The reason of a program for bypassing the gateway, or ""."""
    if agent.kind not in ENDPOINTS and agent.kind != "opencode":
        return f"{agent_kinds.OF_CONFIG.get(agent.kind, agent_kinds.title(agent.kind))} talks to its provider itself"
    return ""


def may_use(config: Config, agent: Agent, *, has_gateway: bool) -> bool:
    """False if an agent bypasses the gateway with any key. `setup_of` decides for one key."""
    return has_gateway and config.gateway != "off" and not program_bypass(agent)


def _bypass_reason(agent: Agent, keys: AvailableKeys) -> str:
    title = agent_kinds.title(agent.kind)
    if reason := program_bypass(agent):
        return reason
    if keys.is_plan:
        return "A plan pays it: plans may be used by their own programs alone"
    if signing := [name for name in CLOUD_VARIABLES if keys.env.get(name) or name in keys.secret_names]:
        return f"{title} signs its requests itself ({signing[0]})"
    if agent.kind not in ("codex", "opencode") and next(_base_urls(agent.settings), ""):
        return f"The settings of {title} name the address of its provider"
    provider = (agent.model or "").partition("/")[0] if "/" in (agent.model or "") else ""
    if agent.kind in MULTI_PROVIDER and provider and (provider not in PROVIDERS or keys.key((PROVIDERS[provider],)) is None):
        return f"The gateway has no key for {provider}"
    return ""


OPENCODE_PROVIDERS = {
    "anthropic": ("anthropic", "ANTHROPIC_API_KEY", "/v1"),
    "openai": ("openai_responses", "OPENAI_API_KEY", "/v1"),
    "google": ("gemini", "GEMINI_API_KEY", "/v1beta"),
}
"""opencode's built-in providers: API, key variable, and URL path."""
NPM_PACKAGES = {
    "@ai-sdk/anthropic": "anthropic",
    "@ai-sdk/openai": "openai",
    "@ai-sdk/google": "google",
    "@ai-sdk/openai-compatible": "",
}
"""npm packages in opencode's settings, to the built-in provider of the same API; empty: OpenAI's chat API."""


def _of_opencode(agent: Agent, keys: AvailableKeys) -> GatewaySetup | str:
    """The setup of opencode for its model's provider. Its small model for titles shares that."""
    model = agent.model or _text(agent.settings.get("model"))
    name = model.partition("/")[0]
    own = _member(_member(agent.settings, "provider"), name)
    options, package = _member(own, "options"), own.get("npm")
    like = name if package is None else NPM_PACKAGES.get(_text(package), "?")
    if like not in ("", *OPENCODE_PROVIDERS) or (not like and package is None):
        return f"The gateway does not know the API of opencode's provider {name or 'without a name'}"
    api, variable, path = OPENCODE_PROVIDERS.get(like, ("openai_chat", "", "/v1"))
    key = _key_of_options(name, options, variable, keys)
    if key is None:
        return f"opencode has no key for {name} here: it uses a login"
    base_url = _text(options.get("baseURL")) or keys.base_url
    upstream = {"base_url": base_url.rstrip("/") or f"{DEFAULT_BASE_URLS[api].removesuffix(path)}{path}", **key}
    provider = ProviderSettings(("provider", name, "options", "baseURL"), path, ("provider", name, "options", "apiKey"))
    return GatewaySetup({api: upstream}, (), {}, (provider,), key_variables(agent))


def _key_of_options(name: str, options: Mapping[str, Any], variable: str, keys: AvailableKeys) -> dict[str, Any] | None:
    """The key in an upstream for opencode: from its settings, from a variable, or none for a self-hosted server."""
    written = _text(options.get("apiKey"))
    named = _in_variable(written)
    if written and not named:
        at = ["provider", name, "options", "apiKey"]
        return {"key": {"agent": keys.agent_path, "setting": at}, "credential": f"of opencode's provider {name}"}
    names = tuple(filter(None, (named or variable, keys.variable)))
    if (key := keys.key(names)) is not None:
        return {"key": key.reference, "credential": _named(key)}
    return None if not options.get("baseURL") or named else {"key": {}, "credential": f"opencode's provider {name}"}


def _of_codex(agent: Agent, keys: AvailableKeys) -> GatewaySetup | str:
    """The setup of Codex for a provider in its settings."""
    name = _text(agent.settings.get("model_provider"))
    own = _member(_member(agent.settings, "model_providers"), name)
    variable = _text(own.get("env_key"))
    key = keys.key((variable,)) if variable else None
    if not own.get("base_url") or key is None or own.get("wire_api", "responses") != "responses":
        return "The settings of Codex name a provider that the gateway cannot stand for"
    at = ("model_providers", name)
    codex = ProviderSettings((*at, "base_url"), "/v1", (*at, "env_key"), "CODEX_API_KEY")
    upstream = {"base_url": _text(own["base_url"]), "key": key.reference, "credential": _named(key)}
    return GatewaySetup({"openai_responses": upstream}, ("CODEX_API_KEY",), {}, (codex,), key_variables(agent))


def _in_variable(written: str) -> str:
    """The variable in opencode's `{env:VARIABLE}`; empty: a plain value."""
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


def _named(key: KeySource) -> str:
    return key.credential or key.secret or key.variable


def _base_urls(settings: Any) -> Iterator[str]:
    """The base URLs in a program's settings."""
    for name, value in settings.items() if isinstance(settings, dict) else ():
        if isinstance(value, dict):
            yield from _base_urls(value)
        elif isinstance(value, str) and value and str(name).lower().replace("_", "") in ("baseurl", "openaibaseurl"):
            yield value
