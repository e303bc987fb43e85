"""The theme, rendered by the server so that no page flashes: kept with the person, and in a cookie for who is not logged in."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from workspaces import people
from workspaces.models import Preferences

A_YEAR_S = 365 * 24 * 3600


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    back = request.POST.get("next", "/")
    response = HttpResponseRedirect(back if url_has_allowed_host_and_scheme(back, allowed_hosts=None) else "/", status=303)
    if (wanted := request.POST.get("theme")) in Preferences.Theme.values:
        if request.user.is_authenticated:
            people.save_preferences(request.user, theme=wanted)
        response.set_cookie("theme", wanted, max_age=A_YEAR_S, samesite="Lax", httponly=True)
    return response
