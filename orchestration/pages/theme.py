"""The theme, kept in a cookie and rendered by the server, so that no page flashes."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

CHOICES = ("system", "light", "dark")
A_YEAR_S = 365 * 24 * 3600


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    back = request.POST.get("next", "/")
    response = HttpResponseRedirect(back if url_has_allowed_host_and_scheme(back, allowed_hosts=None) else "/", status=303)
    if (wanted := request.POST.get("theme")) in CHOICES:
        response.set_cookie("theme", wanted, max_age=A_YEAR_S, samesite="Lax", httponly=True)
    return response
