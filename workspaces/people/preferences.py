"""The person at the browser and their preferences, read in one query."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from workspaces.models import Preferences

_NO_PAGES = ("/api/", "/healthz")


class Backend(ModelBackend):
    """Django's backend, which reads the preferences with the user, so that no page needs another query."""

    def authenticate(self, request: HttpRequest | None, username: Any = None, password: Any = None, **more: Any) -> Any:
        """Raises PermissionDenied, so that the backend for old sessions does not hash the same password again."""
        user = super().authenticate(request, username, password, **more)
        if user is None:
            raise PermissionDenied
        return user

    def get_user(self, user_id: Any) -> Any:
        user = User.objects.select_related("preferences").filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None


@dataclass(frozen=True)
class PagePreferences:
    """The templates' `preferences`: every value chosen or defaulted."""

    theme: str = Preferences.Theme.SYSTEM.value
    zone: str = "UTC"
    density: str = Preferences.Density.NORMAL.value
    shortcuts: bool = True


def preferences_of(user: Any) -> Preferences:
    """The person's preferences, or unsaved defaults."""
    try:
        preferences: Preferences = user.preferences
    except Preferences.DoesNotExist:
        return Preferences(user=user)
    return preferences


def save_preferences(user: Any, **chosen: Any) -> None:
    """Values that are not given stay."""
    Preferences.objects.update_or_create(user=user, defaults=chosen)


@cache
def zones() -> frozenset[str]:
    """Time zones to choose from: places, and UTC. Without old names of countries and files of the system."""
    areas = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
    return frozenset({"UTC", *(name for name in available_timezones() if name.split("/")[0] in areas and "/" in name)})


def use_time_zone(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: pages show times in the person's zone. The API always uses UTC."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(_NO_PAGES) and not request.path.startswith("/api/v1/docs"):
            return get_response(request)
        shown = request.preferences = _shown(request)  # type: ignore[attr-defined]
        with timezone.override(ZoneInfo(shown.zone)):
            return get_response(request)

    return middleware


def template_context(request: HttpRequest) -> dict[str, Any]:
    """The context processor. Without a query, because error pages use it while the database is away."""
    shown = getattr(request, "preferences", None) or PagePreferences(
        theme=_theme_of_cookie(request), zone=settings.DISPLAY_TIME_ZONE
    )
    return {"preferences": shown, "env_label": settings.ENV_LABEL}


def _shown(request: HttpRequest) -> PagePreferences:
    theme, server = _theme_of_cookie(request), settings.DISPLAY_TIME_ZONE
    if not request.user.is_authenticated:
        return PagePreferences(theme=theme, zone=server)
    chosen = preferences_of(request.user)
    if chosen._state.adding:
        return PagePreferences(theme=theme, zone=server)
    # A zone that the server no longer knows must not break every page.
    zone = chosen.time_zone if chosen.time_zone in zones() else server
    return PagePreferences(theme=chosen.theme, zone=zone, density=chosen.density, shortcuts=chosen.shortcuts)


def _theme_of_cookie(request: HttpRequest) -> str:
    theme = request.COOKIES.get("theme", "")
    return theme if theme in Preferences.Theme.values else Preferences.Theme.SYSTEM.value
