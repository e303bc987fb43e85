"""Coming in with a password, in a bounded number of tries. Beside the links, whose command need not load all of this."""

from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse

from workspaces.people import throttle


class Page(LoginView):
    """With a bound on the tries: beyond it nothing is compared any more, right or wrong, whoever there is."""

    template_name = "account/login.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        name, address = request.POST.get("username", "")[:150], request.META.get("REMOTE_ADDR", "")
        if (wait := throttle.count(name, address)) is not None:
            minutes = max(-(-int(wait) // 60), 1)
            sentence = f"Too many tries. Wait {minutes} minute{'' if minutes == 1 else 's'}, then try again."
            context = self.get_context_data(form=self.form_class(request), refused=sentence)
            return self.render_to_response(context, status=429, headers={"Retry-After": str(int(wait))})
        answer: HttpResponse = super().post(request, *args, **kwargs)
        if request.user.is_authenticated and answer.status_code == 302:
            throttle.forget(name, address)
        return answer
