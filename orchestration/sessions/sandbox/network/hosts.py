"""The hosts that the processes of a workspace need: its agents' providers, Muster itself, and what its config adds. Package
registries are no exception: which ones are trusted is for the owner to say."""

import re
from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from django.conf import settings

from orchestration.configuration import Agent, Config
from orchestration.configuration.config import hosts
from orchestration.configuration.gateway_use import BASE_URL_VARIABLES

_ANTHROPIC, _OPENAI, _GOOGLE = "api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com"

PROVIDERS: dict[str, tuple[str, ...]] = {
    "command": (),
    "claude_code": (_ANTHROPIC, "console.anthropic.com", "platform.claude.com"),
    "codex": (_OPENAI, "auth.openai.com", "chatgpt.com"),
    "opencode": (_ANTHROPIC, _OPENAI, _GOOGLE, "openrouter.ai", "opencode.ai", "models.dev"),
    "gemini": (_GOOGLE, "cloudcode-pa.googleapis.com", "oauth2.googleapis.com", "aiplatform.googleapis.com"),
    "qwen": (_OPENAI, _ANTHROPIC, _GOOGLE, "dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "chat.qwen.ai", "portal.qwen.ai"),
    "aider": (_OPENAI, _ANTHROPIC, _GOOGLE, "openrouter.ai", "api.deepseek.com"),
    "mini_swe_agent": (_OPENAI, _ANTHROPIC, _GOOGLE, "openrouter.ai"),
    "acp": (),
}  # fmt: skip

URL = re.compile(r"https?://[^\s\"'<>]+")
ADDRESSES = ("_URL", "_BASE", "_ENDPOINT")  # how the names of variables end that say where a provider is


def for_config(config: Config, *more: str) -> list[str]:
    """Entries for the rules. `more`: addresses that Muster serves for the process, and those of credentials."""
    entries = [*config.sandbox.allow]
    for agent in config.every_agent:
        entries += [*PROVIDERS.get(agent.kind, ()), *_named(agent)]
    return [*entries, *_own(*more)]


def for_served(config: Config, agent: Agent, *more: str) -> list[str]:
    """The same for one agent behind the gateway, with the gateway's address in its settings: nothing that its config names as its provider is
    let through but by `allow`."""
    return [*config.sandbox.allow, *_named(agent, without=BASE_URL_VARIABLES), *_own(*more)]


def _own(*more: str) -> Iterator[str]:
    """The places of Muster itself."""
    yield from filter(None, map(_place, (settings.AGENT_URL, settings.GATEWAY_URL, *more)))


def _named(agent: Agent, *, without: Collection[str] = ()) -> Iterator[str]:
    """The places that the agent's config names: in variables, in the CLI's settings or on its command line."""
    texts = [value for name, value in agent.env.items() if name.endswith(ADDRESSES) and name not in without]
    texts += [*_strings(agent.settings), *(url for argument in agent.args for url in URL.findall(argument))]
    yield from filter(None, map(_place, texts))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _place(url: str) -> str:
    """The host and port of a web address; empty: it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        return hosts.listed(f"{host}:{port}")
    except (ValueError, KeyError):
        return ""
