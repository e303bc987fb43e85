"""An MCP client that knows the address of /mcp alone: by the company's provider to a token, for as long as the provider confirms the login."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.config.mcp.clients import PING, posted
from tests.config.mcp.oauth_client import Person, Store, tools
from tests.sso.conftest import a_browser, let_age
from tests.sso.provider import Provider
from tests.workspaces.oauth import program
from workspaces.access import MUSTER
from workspaces.models import Role, Workspace
from workspaces.oauth import clients
from workspaces.sso import groups

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_gets_a_token_by_the_provider_and_loses_it_with_the_login(
    transactional_db: None, provider: Provider, shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients.forget()
    monkeypatch.setattr(clients, "_fetched", lambda address: program.document())
    groups.set_role(shop, "payments-dev", Role.OPERATOR, by=MUSTER)
    provider.person["groups"] = ["payments-dev"]
    browser, store = a_browser(provider), Store()

    def log_in(leads_to: str) -> Any:
        return browser.log_in(next=leads_to)

    assert "add_entries" in tools(Person(browser, log_in), store)
    assert store.tokens and User.objects.get().username == "bea"
    provider.refresh_tokens.clear()
    let_age("bea")
    over = posted(PING, store.tokens.access_token)
    assert over.status_code == 401 and "no longer confirms" in over.json()["data"]["message"]
    assert "add_entries" in tools(Person(browser, log_in), store)
