"""A page shows the person's choice, else the browser's theme and the server's zone; and the API stays in UTC."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from workspaces.models import Preferences
from workspaces.people import preferences
from workspaces.people.preferences import PagePreferences

pytestmark = pytest.mark.django_db
CHOSEN = {"time_zone": "Asia/Tokyo", "theme": "light", "density": "comfortable", "shortcuts": False}


@pytest.fixture(autouse=True)
def _a_server_in_berlin(settings: Any) -> None:
    settings.DISPLAY_TIME_ZONE = "Europe/Berlin"


def shown(user: Any, path: str = "/", *, theme: str = "dark") -> tuple[PagePreferences | None, str]:
    """The page's preferences, and the zone of its times."""
    request = RequestFactory().get(path)
    request.user, request.COOKIES["theme"] = user, theme
    zones: list[str] = []

    def page(_: Any) -> HttpResponse:
        zones.append(str(timezone.get_current_timezone()))
        return HttpResponse()

    preferences.use_time_zone(page)(request)
    return getattr(request, "preferences", None), zones[0]


def test_whoever_chose_sees_their_choice_and_others_the_theme_of_the_browser_in_the_servers_zone() -> None:
    bea, zoe = User.objects.create_user("bea"), User.objects.create_user("zoe")
    preferences.save_preferences(bea, **CHOSEN)
    browser = PagePreferences(theme="dark", zone="Europe/Berlin")
    assert shown(User.objects.get(pk=bea.pk)) == (PagePreferences("light", "Asia/Tokyo", "comfortable", False), "Asia/Tokyo")
    assert shown(zoe) == shown(AnonymousUser()) == (browser, "Europe/Berlin")
    assert shown(AnonymousUser(), theme="pink") == (PagePreferences(theme="system", zone="Europe/Berlin"), "Europe/Berlin")
    assert preferences.preferences_of(zoe).theme == "system" and not Preferences.objects.filter(user=zoe).exists()


@pytest.mark.parametrize("zone", ["", "Mars/Base", "CET"])
def test_a_zone_that_the_server_does_not_know_is_the_servers(zone: str) -> None:
    bea = User.objects.create_user("bea")
    Preferences.objects.create(user=bea, **CHOSEN | {"time_zone": zone})
    assert shown(bea)[1] == "Europe/Berlin"


def test_the_zone_of_a_page_ends_with_it_and_the_api_has_none() -> None:
    bea = User.objects.create_user("bea")
    preferences.save_preferences(bea, time_zone="Asia/Tokyo")
    with timezone.override(ZoneInfo("UTC")):
        assert shown(bea)[1] == "Asia/Tokyo" and str(timezone.get_current_timezone()) == "UTC"
        assert shown(bea, "/api/v1/workspace") == (None, "UTC") == shown(bea, "/healthz")
        assert shown(bea, "/api/v1/docs")[1] == "Asia/Tokyo"


def test_one_choice_leaves_the_others() -> None:
    bea = User.objects.create_user("bea")
    preferences.save_preferences(bea, **CHOSEN)
    preferences.save_preferences(bea, theme="dark")
    row = Preferences.objects.get(user=bea)
    assert {name: getattr(row, name) for name in CHOSEN} == CHOSEN | {"theme": "dark"}


def test_an_error_page_has_the_theme_of_the_browser_and_the_servers_zone(settings: Any) -> None:
    settings.ENV_LABEL = "test"
    request = RequestFactory().get("/")
    request.COOKIES["theme"] = "light"
    browser = PagePreferences(theme="light", zone="Europe/Berlin")
    assert preferences.template_context(request) == {"preferences": browser, "env_label": "test"}
    request.preferences = PagePreferences(zone="Asia/Tokyo")  # type: ignore[attr-defined]
    assert preferences.template_context(request)["preferences"].zone == "Asia/Tokyo"


def test_whoever_may_no_longer_log_in_is_not_known_and_a_wrong_password_is_compared_once(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    backend, bea = preferences.Backend(), User.objects.create_user("bea", password="a long one")
    assert backend.get_user(bea.pk) == bea == backend.authenticate(None, "bea", "a long one")
    with pytest.raises(PermissionDenied):
        backend.authenticate(None, "bea", "a wrong one")
    User.objects.update(is_active=False)
    assert backend.get_user(bea.pk) is None
    with pytest.raises(PermissionDenied):
        backend.authenticate(None, "bea", "a long one")
