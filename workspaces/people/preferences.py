"""A person at the browser: who they are and how they want to see the pages, found in one query."""

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
    """Django's own, with the preferences beside the user: no page asks for them by a query of its own."""

    def authenticate(self, request: HttpRequest | None, username: Any = None, password: Any = None, **more: Any) -> Any:
        """Raises PermissionDenied, so that the backend that is kept for old sessions does not hash the same password again."""
        found = super().authenticate(request, username, password, **more)
        if found is None:
            raise PermissionDenied
        return found

    def get_user(self, user_id: Any) -> Any:
        found = User.objects.select_related("preferences").filter(pk=user_id).first()
        return found if found and self.user_can_authenticate(found) else None


@dataclass(frozen=True)
class Shown:
    """What the templates read as `preferences`: every value chosen or defaulted."""

    theme: str = Preferences.Theme.SYSTEM.value
    zone: str = "UTC"
    density: str = Preferences.Density.NORMAL.value
    shortcuts: bool = True


def of(user: Any) -> Preferences:
    """What they chose; the defaults, not saved, for who never did."""
    try:
        found: Preferences = user.preferences
    except Preferences.DoesNotExist:
        return Preferences(user=user)
    return found


def prefer(user: Any, **chosen: Any) -> None:
    """Keep what was chosen; the rest stays as it is."""
    Preferences.objects.update_or_create(user=user, defaults=chosen)


@cache
def zones() -> frozenset[str]:
    """The names that may be chosen: places, and UTC. Not the old names of countries, nor what a system calls its own files."""
    areas = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
    return frozenset({"UTC", *(name for name in available_timezones() if name.split("/")[0] in areas and "/" in name)})


def as_they_prefer(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Times of a page are in the person's zone while it is made. The API speaks UTC, whoever asks."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(_NO_PAGES) and not request.path.startswith("/api/v1/docs"):
            return get_response(request)
        shown = request.preferences = _shown(request)  # type: ignore[attr-defined]
        with timezone.override(ZoneInfo(shown.zone)):
            return get_response(request)

    return middleware


def on_pages(request: HttpRequest) -> dict[str, Any]:
    """The context processor. Without a query: an error page is rendered through it too, while the database is away."""
    shown = getattr(request, "preferences", None) or Shown(theme=_theme_of_cookie(request), zone=settings.DISPLAY_TIME_ZONE)
    return {"preferences": shown, "env_label": settings.ENV_LABEL}


def _shown(request: HttpRequest) -> Shown:
    theme, server = _theme_of_cookie(request), settings.DISPLAY_TIME_ZONE
    if not request.user.is_authenticated:
        return Shown(theme=theme, zone=server)
    chosen = of(request.user)
    if chosen._state.adding:
        return Shown(theme=theme, zone=server)
    # A name that the server's list of zones no longer has must not take every page away.
    zone = chosen.time_zone if chosen.time_zone in zones() else server
    return Shown(theme=chosen.theme, zone=zone, density=chosen.density, shortcuts=chosen.shortcuts)


def _theme_of_cookie(request: HttpRequest) -> str:
    said = request.COOKIES.get("theme", "")
    return said if said in Preferences.Theme.values else Preferences.Theme.SYSTEM.value
