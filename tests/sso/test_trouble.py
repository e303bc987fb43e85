"""An admin of the server hears of logins that cannot be renewed, on their pages and by doctor, until the provider confirms one."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from orchestration.maintenance import doctor
from tests.sso.conftest import Browser, a_browser, let_age
from tests.sso.provider import Provider
from workspaces.people import standing
from workspaces.sso import provider as client

pytestmark = pytest.mark.django_db
WORDS = "Acme could not renew 1 login, and each ends a day after its time"


def home(user: str, *, is_admin: bool) -> str:
    browser = Browser()
    browser.force_login(
        User.objects.create_user(user, is_superuser=is_admin), backend="django.contrib.auth.backends.ModelBackend"
    )
    return browser.get("/").content.decode()


@pytest.mark.parametrize("trouble", ["away", "secret"])
def test_logins_that_cannot_be_renewed_are_shown_to_admins_alone(
    browser: Browser, provider: Provider, settings: Any, trouble: str
) -> None:
    browser.log_in()
    assert WORDS not in home("first", is_admin=True) and not [each.problem for each in doctor._logins() if each.problem]
    secret = settings.OIDC_CLIENT_SECRET
    provider.down = 503 if trouble == "away" else 0
    settings.OIDC_CLIENT_SECRET = "rotated" if trouble == "secret" else secret
    let_age("bea")
    assert browser.get("/account/").status_code == 200
    [finding] = doctor._logins()
    assert finding.is_needed and ("MUSTER_OIDC_CLIENT_SECRET" in finding.problem) == (trouble == "secret")
    assert WORDS in home("admin", is_admin=True) and WORDS not in home("person", is_admin=False)
    settings.OIDC_CLIENT_SECRET, provider.down = secret, 0
    client.forget()
    a_browser(provider).log_in()
    assert standing.trouble() == "" and WORDS not in home("later", is_admin=True)
