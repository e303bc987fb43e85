"""Codes of an app (TOTP, RFC 6238) and recovery codes, as a second step of a login by password. Each code counts once: its use is one conditional
update. Recovery codes come with the first factor, be it the app or a passkey, and go with the last."""

import base64
import hashlib
import hmac
import secrets
import time
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import now

from workspaces.access import MUSTER
from workspaces.activity import events
from workspaces.errors import Invalid, NotFound
from workspaces.models import Passkey, RecoveryCode, SecondFactor
from workspaces.people import logins, throttle
from workspaces.secrets import sealing

STEP_S = 30
DRIFT = 1
"""Steps that a clock may be wrong, either way."""
RECOVERY_CODES = 10
PURPOSE = "second factor"
WRONG = "The code is wrong, or was used already"


def is_on(user: Any) -> bool:
    """True if a login by password needs a second step: the person has confirmed an app, or has a passkey."""
    has_passkey = Exists(Passkey.objects.filter(factor=OuterRef("pk")))
    return SecondFactor.objects.filter(Q(confirmed_at__isnull=False) | has_passkey, user=user).exists()


def has_app(user: Any) -> bool:
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).exists()


def row_of(user: Any) -> SecondFactor:
    """The person's row, locked. Call it in a transaction."""
    return SecondFactor.objects.select_for_update().get_or_create(user=user, defaults={"sealed_key": _fresh_key()})[0]


def recovery_with_first(row: SecondFactor) -> list[str]:
    """Codes for a person whose first factor is about to be added, which cannot be read again; none for a person who has them."""
    if row.confirmed_at or row.passkeys.exists():
        return []
    codes = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(factor=row, digest=_digest(code)) for code in codes)
    return codes


def begin(user: Any) -> str:
    """The key for the app: the same until it is confirmed. Raises Invalid when it is."""
    with transaction.atomic():
        row = row_of(user)
        if row.confirmed_at:
            raise Invalid("A second factor is set up already", "code")
        return sealing.unseal(row.sealed_key, purpose=PURPOSE)


def confirm(user: Any, code: str) -> list[str]:
    """From now on logins by password need a code. Returns the recovery codes if it is the first factor. Raises Invalid."""
    with transaction.atomic():
        row = SecondFactor.objects.select_for_update().filter(user=user, confirmed_at__isnull=True).first()
        if row is None or not _is_of_app(row, code):
            raise Invalid(WRONG, "code")
        codes = recovery_with_first(row)
        SecondFactor.objects.filter(pk=row.pk).update(confirmed_at=now())
        logins.record_own(user, events.SecondFactorOn)
    return codes


def remove(user: Any, code: str | None) -> None:
    """Remove the app. `code`: None where the person has used a passkey. Raises Invalid."""
    with transaction.atomic():
        row = row_of(user)
        if code is not None:
            check(user, code)
        if row.confirmed_at is None:
            raise Invalid("No app is set up", "code")
        if row.passkeys.exists():
            SecondFactor.objects.filter(pk=row.pk).update(confirmed_at=None, last_step=0, sealed_key=_fresh_key())
        else:
            row.delete()
        logins.record_own(user, events.SecondFactorOff)


def remove_lost(user: Any) -> None:
    """App, passkeys and recovery codes, without a code, by who may run commands on the server. Raises NotFound."""
    with transaction.atomic():
        if not SecondFactor.objects.filter(user=user).delete()[0]:
            raise NotFound(f"{user.get_username()} has no second factor")
        logins.record_own(user, events.SecondFactorOff, by=MUSTER, reason="lost")


def check(user: Any, code: str) -> None:
    """Use a code of the app, or a recovery code. Raises Invalid."""
    row = SecondFactor.objects.filter(user=user).first()
    if row is None or not ((row.confirmed_at and _is_of_app(row, code)) or _is_recovery(row, code)):
        raise Invalid(WRONG, "code")


def count_try(user: Any) -> float | None:
    """Count a try before it is made, wherever it comes from. Returns the seconds to wait when it is too many."""
    return throttle.count(f"second factor of {user.pk}", "", throttle.MAX_TRIES)


def take_back(user: Any) -> None:
    throttle.take_back(f"second factor of {user.pk}", "")


def _fresh_key() -> bytes:
    return sealing.seal(base64.b32encode(secrets.token_bytes(20)).decode(), purpose=PURPOSE)


def _is_of_app(row: SecondFactor, code: str) -> bool:
    digits = code.replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) == 6):
        return False
    try:
        key = base64.b32decode(sealing.unseal(row.sealed_key, purpose=PURPOSE))
    except sealing.Sealed:
        return False
    current = int(time.time()) // STEP_S
    for step in range(current - DRIFT, current + DRIFT + 1):
        if hmac.compare_digest(code_at(key, step), digits):
            return bool(SecondFactor.objects.filter(pk=row.pk, last_step__lt=step).update(last_step=step))
    return False


def code_at(key: bytes, step: int) -> str:
    mark = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    start = mark[-1] & 15
    return f"{(int.from_bytes(mark[start : start + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def _is_recovery(row: SecondFactor, code: str) -> bool:
    return bool(RecoveryCode.objects.filter(factor=row, digest=_digest(code)).delete()[0])


def _digest(code: str) -> str:
    return hashlib.sha256(code.replace(" ", "").lower().encode("utf-8", "surrogatepass")).hexdigest()
