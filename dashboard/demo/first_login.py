"""Starts the demo at the first login of a fresh installation. In web processes alone: the map of the site imports it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from orchestration.demo import starting


@receiver(user_logged_in, dispatch_uid="dashboard.demo")
def start(sender: Any, request: HttpRequest, user: Any, **_: Any) -> None:
    """Only for an admin of the server, who may create workspaces."""
    if user.is_superuser and starting.at_first_login() is not None:
        sentence = "The demo has started. Its agents need no network and cost nothing: open it to watch them work."
        messages.success(request, sentence, extra_tags="good", fail_silently=True)  # a login of a test has no messages
