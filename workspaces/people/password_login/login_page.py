"""Logging in with a password, in a limited number of tries."""

from typing import Any

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse

from workspaces.people import standing, throttle
from workspaces.people.password_login import second_step


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
        name, address = request.POST.get("username", "")[:150], request.META.get("REMOTE_ADDR", "")
        if (wait := throttle.count_try(name, address)) is not None:
            minutes = max(-(-int(wait) // 60), 1)
            sentence = f"Too many tries. Wait {minutes} minute{'' if minutes == 1 else 's'}, then try again."
            context = self.get_context_data(form=self.form_class(request), refused=sentence)
            return self.render_to_response(context, status=429, headers={"Retry-After": str(int(wait))})
        response: HttpResponse = super().post(request, *args, **kwargs)
        if response.status_code == 302:  # the password was right
            throttle.forget(name, address)
        return response
