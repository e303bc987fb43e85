"""A client that knows the address of /mcp alone, against the whole application."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from config.http import agent_listener
from tests.config.mcp.clients import PING, posted
from tests.config.mcp.oauth_client import Person, Store, tools
from tests.factories import a_workspace
from tests.workspaces.oauth import program
from workspaces.models import ApiToken, Workspace
from workspaces.oauth import clients

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    clients.forget()
    monkeypatch.setattr(clients, "_fetched", lambda address: program.document())
    return a_workspace()


def test_it_gets_a_token_by_itself_and_lists_the_tools(shop: Workspace) -> None:
    person, store = Person(program.member("bea", shop)), Store()
    assert "add_entries" in tools(person, store)
    assert store.tokens and ApiToken.objects.get().name == "bea, Any Editor"
    assert "add_entries" in tools(Person(Client()), store)


def test_it_registers_itself_where_the_server_reads_no_documents(shop: Workspace, settings: Any) -> None:
    settings.MCP_CLIENTS = ["registration"]
    store = Store()
    assert "add_entries" in tools(Person(program.member("bea", shop)), store)
    assert store.client and store.client.client_id.startswith("mcp_")


def test_without_the_extra_nothing_of_it_is_installed_or_loaded() -> None:
    """In a process of its own, which does not see the SDK."""
    hidden = "import importlib.util as util; find = util.find_spec; util.find_spec = lambda name, *more: find(name, *more) if name != 'mcp' else None"
    loaded = "import sys, django; django.setup(); import config.urls, config.mcp.endpoint; from django.conf import settings"
    shown = "print(settings.MCP, [name for name in sys.modules if name.startswith('workspaces.oauth')])"
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-c", f"{hidden}\n{loaded}; {shown}"]
    assert subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True).stdout == "False []\n"


def test_an_answer_401_names_the_document_and_that_of_agents_does_not(shop: Workspace) -> None:
    named = 'Bearer realm="muster", resource_metadata="http://localhost/.well-known/oauth-protected-resource/mcp"'
    assert posted(PING).headers["www-authenticate"] == named
    assert posted(PING, "wrong").headers["www-authenticate"] == named
    marked = {agent_listener.HEADER.replace("-", "_"): "1"}
    assert posted(PING, **marked).headers["www-authenticate"] == 'Bearer realm="muster"'
