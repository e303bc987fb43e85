"""A protocol is one module and one registration: addresses, keys, headers and names of a provider's API stand in its class."""

import re
from pathlib import Path

from orchestration.configuration.gateway_use import DEFAULT_BASE_URLS
from orchestration.edge import permit_accesses
from orchestration.gateway import keys, pacing
from orchestration.protocols import KEY_HEADERS, PROTOCOLS
from orchestration.sessions.tracing import spans

ELSEWHERE = {
    "orchestration/configuration/gateway_use.py",  # which protocols each agent CLI speaks
    "orchestration/facts/failures.py",  # words of providers' errors
}
ROOT = Path(__file__).parents[3]


def test_no_other_module_names_a_protocol_or_its_headers() -> None:
    headers = {name for protocol in PROTOCOLS.values() for name in (protocol.api.key_header[0], *dict(protocol.api.headers))}
    names = re.compile("|".join((headers - {"authorization"}) | {"openai_chat", "openai_responses", "ratelimit-requests"}))
    files = (path for app in ("budget", "orchestration", "workspaces") for path in (ROOT / app).rglob("*.py"))
    naming = {str(path.relative_to(ROOT)) for path in files if names.search(path.read_text())}
    assert {path for path in naming if not path.startswith("orchestration/protocols/")} == ELSEWHERE


def test_what_the_gateway_and_others_know_of_each_protocol_is_what_it_was() -> None:
    assert DEFAULT_BASE_URLS == {
        "anthropic": "https://api.anthropic.com",
        "openai_responses": "https://api.openai.com/v1",
        "openai_chat": "https://api.openai.com/v1",
        "gemini": "https://generativelanguage.googleapis.com",
    }
    assert {name: apis for name, (apis, _) in permit_accesses.APIS.items()} == {
        "ANTHROPIC_API_KEY": ("anthropic",),
        "ANTHROPIC_AUTH_TOKEN": ("anthropic",),
        "OPENAI_API_KEY": ("openai_responses", "openai_chat"),
        "CODEX_API_KEY": ("openai_responses", "openai_chat"),
        "GEMINI_API_KEY": ("gemini",),
    }
    assert list(spans.PROVIDERS.values()) == ["anthropic", "openai", "openai", "gcp.gemini"]
    assert [names[0] for names in pacing._LIMITS] == ["anthropic-ratelimit-requests-limit", "x-ratelimit-limit-requests"]
    assert {"x-api-key", "x-goog-api-key", "authorization", "api-key"} == {*KEY_HEADERS} <= keys._NOT_SENT
