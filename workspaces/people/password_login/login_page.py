"""Logging in with a password, in a limited number of tries."""

from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from workspaces.errors import Refused, TooMany
from workspaces.people import standing, throttle
from workspaces.people.password_login import passkeys, second_step

MAX_STARTS = 300
"""Logins by passkey that begin at one address, in the throttle's window: an office has one."""
MAX_REFUSED = 60


@require_POST
@never_cache
def passkey_options(request: HttpRequest) -> JsonResponse:
    """The request to the browser, to log in without a password."""
    if (wait := throttle.count("passkey login", request.META.get("REMOTE_ADDR", ""), MAX_STARTS)) is not None:
        return JsonResponse({"message": TooMany(wait).message}, status=429, headers={"Retry-After": str(int(wait))})
    return JsonResponse(passkeys.begin_use(request, "login"))


class Page(LoginView):
    """With a limit of tries: beyond it no password is compared, whether the name exists or not."""

    template_name = "account/login.html"

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        ended = standing.SWITCHED_OFF if standing.is_by_provider(self.request) and not settings.SSO else ""
        return {"refused": ended, **super().get_context_data(**more), "providers": [button() for button in standing.buttons]}

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Log in, unless a second step comes before."""
        return second_step.ask(self.request, form.get_user(), self.get_success_url()) or super().form_valid(form)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "answer" in request.POST:
            return self._by_passkey(request)
        name, address = request.POST.get("username", "")[:150], request.META.get("REMOTE_ADDR", "")
        browser = throttle.browser_of(request.COOKIES.get(throttle.COOKIE, ""), name)
        if (wait := throttle.count_try(name, address, browser=browser)) is not None:
            return self._refuse(TooMany(wait).message, status=429, headers={"Retry-After": str(int(wait))})
        response: HttpResponse = super().post(request, *args, **kwargs)
        if response.status_code == 302:  # the password was right
            throttle.forget(name, address, browser=browser)
            is_secure, age = settings.SESSION_COOKIE_SECURE, int(throttle.MARKED.total_seconds())
            response.set_cookie(
                throttle.COOKIE, throttle.mark(name), max_age=age, secure=is_secure, httponly=True, samesite="Lax", path="/login/"
            )
        return response

    def _by_passkey(self, request: HttpRequest) -> HttpResponse:
        """Both factors in one: the device has checked its person."""
        address = request.META.get("REMOTE_ADDR", "")
        if (wait := throttle.count("passkey answer", address, MAX_REFUSED)) is not None:
            return self._refuse(TooMany(wait).message, status=429, headers={"Retry-After": str(int(wait))})
        try:
            user = passkeys.use(request, request.POST["answer"], "login")
        except Refused as refused:
            return self._refuse(refused.message, status=400)
        throttle.take_back("passkey answer", address)
        auth.login(request, user, backend="workspaces.people.Backend")
        request.session.pop(second_step.KEY, None)
        return HttpResponseRedirect(self.get_success_url())

    def _refuse(self, sentence: str, *, status: int, headers: dict[str, str] | None = None) -> HttpResponse:
        context = self.get_context_data(form=self.form_class(self.request), refused=sentence)
        return self.render_to_response(context, status=status, headers=headers)
