"""Tests of single sign-on run where its app is installed: `tests/config/test_single_sign_on.py` starts them so."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.auth.models import User
from django.test import Client
from django.utils.timezone import now

from tests.factories import a_workspace
from tests.sso.provider import CLIENT, SECRET, Provider
from workspaces.models import Workspace

collect_ignore_glob = [] if site.SSO else ["test_*.py"]


@pytest.fixture(scope="session")
def _provider() -> Iterator[Provider]:
    started = Provider()
    yield started
    started.server.shutdown()
    started.server.server_close()


@pytest.fixture
def provider(_provider: Provider, settings: Any) -> Provider:
    from workspaces.sso import provider as client

    _provider.reset()
    client.forget()
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = _provider.issuer, CLIENT, SECRET
    settings.OIDC_NAME = "Acme"
    return _provider


class Browser(Client):
    """A browser that can log in by the provider."""

    provider: Provider

    def begin(self, **form: str) -> str:
        """The address at the provider to which the browser is led."""
        response = self.post("/login/provider", form)
        assert response.status_code == 200, response.content
        return str(response.context["address"])

    def log_in(self, **form: str) -> Any:
        """The answer to the callback."""
        return self.get(self.provider.authorize(self.begin(**form)))

    @property
    def user(self) -> str:
        """The name of the person whose session it has; empty without one."""
        key = self.session.get("_auth_user_id")
        return User.objects.get(pk=key).username if key else ""


@pytest.fixture
def browser(provider: Provider, db: None) -> Browser:
    return a_browser(provider)


def a_browser(provider: Provider) -> Browser:
    browser = Browser()
    browser.provider = provider
    return browser


@pytest.fixture
def shop(db: None) -> Workspace:
    return a_workspace(name="shop")


def let_age(person: str) -> None:
    """Their last confirmation is too long ago, and so is their last try."""
    from workspaces.sso.models import ProviderLogin

    ages = now() - timedelta(days=1)
    ProviderLogin.objects.filter(user__username=person).update(checked_at=ages, tried_at=None)
