"""The theme, rendered by the server so that no page flashes: stored with the person, or in a cookie for anonymous visitors."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from workspaces import people
from workspaces.models import Preferences

A_YEAR_S = 365 * 24 * 3600


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    back = request.POST.get("next", "/")
    response = HttpResponseRedirect(back if url_has_allowed_host_and_scheme(back, allowed_hosts=None) else "/", status=303)
    if (theme := request.POST.get("theme")) in Preferences.Theme.values:
        if request.user.is_authenticated:
            people.save_preferences(request.user, theme=theme)
        response.set_cookie("theme", theme, max_age=A_YEAR_S, samesite="Lax", httponly=True)
    return response
