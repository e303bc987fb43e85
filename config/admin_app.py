"""The admin site, for superusers only: its fixes go beyond every role, so Django's permissions do not open it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlencode

from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.sites import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


class MusterAdminConfig(SimpleAdminConfig):
    """The pages of the models are loaded by config/urls.py, and not with each command."""

    default_site = "config.admin_app.MusterAdminSite"


class MusterAdminSite(AdminSite):
    site_title = "Muster admin"
    site_header = "Muster: data fixes"
    index_title = "Fixes"

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect to the one login page, which limits tries (workspaces/people/password_login/login_page.py). A logged-in person who is not a superuser
        gets 403."""
        next_page = request.GET.get(REDIRECT_FIELD_NAME, "")
        address = next_page if url_has_allowed_host_and_scheme(next_page, allowed_hosts=None) else reverse("admin:index")
        if self.has_permission(request):
            return HttpResponseRedirect(address)
        if request.user.is_authenticated:
            raise PermissionDenied("The admin site is for admins of the whole server")
        return HttpResponseRedirect(f"{reverse('login')}?{urlencode({REDIRECT_FIELD_NAME: address}, safe='/')}")

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Refuse NUL, which Django's filters pass on and PostgreSQL does not accept. A key beyond the database's integers is 404."""

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if "\x00" in request.path or "\x00" in unquote(request.META.get("QUERY_STRING", "")):
                raise BadRequest("NUL in the address")
            try:
                return view(request, *args, **kwargs)  # type: ignore[no-any-return]
            except OverflowError:
                raise Http404("No such key") from None

        return super().admin_view(checked, cacheable)
