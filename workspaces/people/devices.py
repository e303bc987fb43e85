"""Logins of command lines by the device grant (RFC 8628): a program shows a code, a logged-in person confirms it on a page, and the program gets a
token that stands for them.

Each step is one conditional update: of two that do the same, one is first.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Least, Now
from django.utils import timezone

from workspaces.access import Caller, of_token
from workspaces.errors import Forbidden, Invalid, TooMany
from workspaces.models import ApiToken, DeviceLogin
from workspaces.people import throttle, tokens

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Without vowels and Y, so that no code is a word."""
LENGTH = 8
LASTS = timedelta(minutes=10)
KEPT = timedelta(hours=1)
INTERVAL_S = 5
MAX_INTERVAL_S = 60
MAX_CODES = 30
"""From one address, in the throttle's window."""
MAX_TRIES = 10
"""Of a person to type a code, in the throttle's window. Right ones do not count."""
MAX_OPEN = 10_000
State = DeviceLogin.State


class Pending(Exception):
    """No token yet. The message is the RFC's word for the reason."""


@dataclass(frozen=True)
class Begun:
    device_code: str
    user_code: str


def begin(client: str, address: str) -> Begun:
    """A new code for a program. Raises TooMany."""
    if (wait := throttle.count("codes of devices", address, MAX_CODES)) is not None:
        raise TooMany(wait)
    DeviceLogin.objects.filter(expires_at__lt=timezone.now() - KEPT).delete()
    if DeviceLogin.objects.filter(expires_at__gt=Now()).count() >= MAX_OPEN:
        raise TooMany(60)
    begun = Begun(secrets.token_urlsafe(32), "".join(secrets.choice(LETTERS) for _ in range(LENGTH)))
    try:
        with transaction.atomic():
            DeviceLogin.objects.create(
                digest=_digest(begun.device_code),
                user_code=begun.user_code,
                client=client[:80],
                address=address[:45],
                interval_s=INTERVAL_S,
                expires_at=timezone.now() + LASTS,
            )
    except IntegrityError:  # the code of another: rarer than any other accident, and the program may ask again
        raise TooMany(1) from None
    return begun


def spelled(code: str) -> str:
    """A code as people read it: BCDF-GHJK."""
    return f"{code[:4]}-{code[4:]}"


def typed(text: str) -> str:
    """A code as it is stored, however a person types it."""
    return "".join(letter for letter in text[:40].upper() if letter.isalnum())


def find(code: str, *, by: Caller) -> DeviceLogin:
    """The login that waits with this code. A wrong code costs a try. Raises Invalid, TooMany, and Forbidden for tokens."""
    if by.token or not by.user:
        raise Forbidden("Only a person who is logged in confirms a login")
    tries = f"codes typed by {by.user.pk}"
    if (wait := throttle.count(tries, "", MAX_TRIES)) is not None:
        raise TooMany(wait)
    row = DeviceLogin.objects.filter(user_code=typed(code), state=State.PENDING, expires_at__gt=Now()).first()
    if row is None:
        raise Invalid("No login waits with this code: it is wrong, used or expired", "code")
    throttle.take_back(tries, "")
    return row


def decide(code: str, *, confirm: bool, by: Caller) -> DeviceLogin:
    """Confirm or refuse the login with this code. Raises as `find` does, and Invalid when no token can stand for the person."""
    row = find(code, by=by)
    if confirm and (why := tokens.why_no_login(by.user)):
        raise Invalid(why)
    waiting = DeviceLogin.objects.filter(pk=row.pk, state=State.PENDING, expires_at__gt=Now())
    if not waiting.update(state=State.APPROVED if confirm else State.DENIED, user=by.user):
        raise Invalid("This login was decided in another window, or expired", "code")
    return row


def redeem(device_code: str) -> tuple[ApiToken, str]:
    """The token, once. Raises Pending with one of the RFC's words."""
    row = DeviceLogin.objects.select_related("user").filter(digest=_digest(device_code)).first()
    if row is None or row.state == State.USED:
        raise Pending("invalid_grant")
    if row.state == State.DENIED:
        raise Pending("access_denied")
    if row.expires_at <= timezone.now():
        raise Pending("expired_token")
    mine = DeviceLogin.objects.filter(pk=row.pk)
    if row.state == State.PENDING:
        raise Pending("authorization_pending" if _is_in_time(mine, row) else "slow_down")
    try:
        with transaction.atomic():
            if not mine.filter(state=State.APPROVED).update(state=State.USED):
                raise Pending("invalid_grant")
            return tokens.log_in(row.user, str(row))
    except Invalid:  # between the confirmation and now the person has lost their login or their last workspace
        raise Pending("access_denied") from None


def log_out(secret: str) -> bool:
    """Revoke a token that a login has made. False: the token is live, and of another kind. One that is dead already is fine."""
    token = tokens.find(secret)
    if token is None:
        return True
    if not token.stands_for_owner:
        return False
    try:
        tokens.revoke(token, by=of_token(token), reason="logged out")
    except Invalid:  # a second logout was first
        pass
    return True


def _is_in_time(mine: Any, row: DeviceLogin) -> bool:
    """False: the program asks again before its interval is over. It is longer from then on."""
    allowed = timezone.now() - timedelta(seconds=row.interval_s - 0.5)  # the clock of the network is not exact
    if mine.filter(Q(polled_at__isnull=True) | Q(polled_at__lte=allowed)).update(polled_at=Now()):
        return True
    mine.update(polled_at=Now(), interval_s=Least(F("interval_s") + INTERVAL_S, MAX_INTERVAL_S))
    return False


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
