"""One-time login links: a person who can run a command on the server can log in without a password."""

from typing import Any

from django.contrib import auth
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import base36_to_int, int_to_base36
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

VALID_S = 60 * 60


class LinkTokens(PasswordResetTokenGenerator):
    key_salt = "muster.login-link"

    def _make_hash_value(self, user: AbstractBaseUser, timestamp: int) -> str:
        # With microseconds, unlike Django's: a link created and used within the second of an earlier login must expire too.
        last = user.last_login.isoformat() if user.last_login else ""
        return f"{user.pk}{user.password}{last}{timestamp}"

    def check_token(self, user: Any, token: str | None) -> bool:
        if not super().check_token(user, token):
            return False
        created_at = base36_to_int(str(token).split("-")[0])
        return self._num_seconds(self._now()) - created_at <= VALID_S


_tokens = LinkTokens()


def link_for(user: User) -> str:
    """A path that logs `user` in once, within the hour. Another login makes it void."""
    # Not by `reverse`: that would load the whole site's code, half of the start's time.
    return f"/login/link/{int_to_base36(user.pk)}.{_tokens.make_token(user)}/"


@never_cache
def follow(request: HttpRequest, token: str) -> HttpResponse:
    user = _user_of(token)
    if user is None or not _claim_login(user):
        return render(request, "account/login_link_expired.html", status=410)
    auth.login(request, user, backend="workspaces.people.Backend")
    return redirect("/")


def owner() -> User | None:
    """The default user of a link: the first superuser."""
    return User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()


def any_password_set() -> bool:
    return any(user.has_usable_password() for user in User.objects.filter(is_active=True).only("password")[:1000])


def _user_of(token: str) -> User | None:
    key, _, token_part = token.partition(".")
    try:
        user = User.objects.filter(pk=base36_to_int(key), is_active=True).first()
    except (ValueError, OverflowError):
        return None
    return user if user and _tokens.check_token(user, token_part) else None


def _claim_login(user: User) -> bool:
    """True for only one of two clicks at once: it logs in."""
    unused = User.objects.filter(pk=user.pk, last_login=user.last_login)
    return unused.update(last_login=now()) == 1
