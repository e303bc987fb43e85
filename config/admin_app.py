"""The admin site: for superusers, who may do what no role may. Whoever is less does not get in, whatever permissions they have."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from django.contrib.admin.apps import AdminConfig
from django.contrib.admin.sites import AdminSite
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse


class MusterAdminConfig(AdminConfig):
    default_site = "config.admin_app.MusterAdminSite"


class MusterAdminSite(AdminSite):
    site_title = "Muster admin"
    site_header = "Muster: data fixes"
    index_title = "Everything that is kept"

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """PostgreSQL takes no NUL, and Django's filters would hand it on: it is refused before any of them."""

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if "\x00" in request.path or "\x00" in unquote(request.META.get("QUERY_STRING", "")):
                raise BadRequest("NUL in the address")
            return view(request, *args, **kwargs)

        return super().admin_view(checked, cacheable)
