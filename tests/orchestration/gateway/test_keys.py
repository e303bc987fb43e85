"""The key of a request: from a credential, a secret, or the agent's own env or settings, and never from elsewhere."""

import asyncio
from typing import Any

import pytest

from orchestration.configuration import credentials, secrets
from orchestration.gateway import keys
from orchestration.gateway.keys import NoKey
from orchestration.models import Credential, Executor
from tests.factories import ANA, a_workspace
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)
SETTINGS = {"provider": {"own": {"options": {"apiKey": "of the settings"}}}}
CONFIG = {
    "agent": {"kind": "claude_code", "env": {"ANTHROPIC_API_KEY": "of the env"}},
    "agents": {"cheap": {"kind": "opencode", "settings": SETTINGS}},
}


@pytest.fixture
def workspace() -> Workspace:
    keys.cache.clear()
    workspace = a_workspace()
    credentials.put(workspace.pk, "team", {"key": "of the credential", "variable": "ANTHROPIC_API_KEY"}, by=ANA)
    secrets.put(workspace.pk, "OPENAI_API_KEY", "of the secret", by=ANA)
    Executor.objects.filter(pk=workspace.pk).update(config=CONFIG)
    return workspace


def header(workspace: Workspace, api: str, **key: Any) -> tuple[str, str] | None:
    return asyncio.run(keys.header(workspace.pk, api, {"key": key}))


def test_a_key_comes_from_where_it_lies_in_the_header_of_its_api(workspace: Workspace) -> None:
    assert header(workspace, "anthropic", credential="team") == ("x-api-key", "of the credential")
    assert header(workspace, "openai_chat", secret="OPENAI_API_KEY") == ("authorization", "Bearer of the secret")
    assert header(workspace, "gemini", secret="OPENAI_API_KEY") == ("x-goog-api-key", "of the secret")
    assert header(workspace, "anthropic", agent="agent", variable="ANTHROPIC_API_KEY") == ("x-api-key", "of the env")
    place = ["provider", "own", "options", "apiKey"]
    assert header(workspace, "openai_chat", agent="agents.cheap", setting=place) == ("authorization", "Bearer of the settings")
    token = {"credential": "team", "variable": "ANTHROPIC_AUTH_TOKEN"}
    assert header(workspace, "anthropic", **token) == ("authorization", "Bearer of the credential")
    assert header(workspace, "openai_chat") is None


@pytest.mark.parametrize(
    "key",
    [
        {"credential": "gone"},
        {"secret": "GONE"},
        {"agent": "agent", "variable": "OPENAI_API_KEY"},
        {"agent": "agents.gone", "variable": "ANTHROPIC_API_KEY"},
        {"agent": "agents.cheap", "setting": ["provider", "gone", "options", "apiKey"]},
    ],
)
def test_a_key_that_is_gone_is_named(workspace: Workspace, key: dict[str, Any]) -> None:
    with pytest.raises(NoKey):
        header(workspace, "anthropic", **key)


def test_a_key_that_cannot_be_unsealed_has_to_be_set_again(workspace: Workspace) -> None:
    Credential.objects.update(sealed=b"of another server")
    with pytest.raises(NoKey, match="set it again"):
        header(workspace, "anthropic", credential="team")
