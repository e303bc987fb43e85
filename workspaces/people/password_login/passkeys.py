"""Passkeys: a second factor of logins by password, and logins without one. Each challenge belongs to one browser and one purpose, and counts once;
a device whose count of uses goes back was copied, and is refused."""

import secrets
from typing import Any, Literal

import structlog
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.timezone import now

from workspaces.activity import events
from workspaces.errors import Invalid, NotFound, Refused
from workspaces.models import Passkey, SecondFactor
from workspaces.people import logins, pending
from workspaces.people.password_login import ceremonies, codes

log = structlog.get_logger(__name__)
KIND = "passkeys"
MAX = 20
Purpose = Literal["add", "login", "step", "remove"]
UNKNOWN = "This passkey is not known here: it was removed, or belongs to another server"
NOT_BEGUN = "This answer belongs to nothing that began in this browser in the last ten minutes: try again"


def list_of(user: Any) -> QuerySet[Passkey]:
    return Passkey.objects.filter(factor=user.pk).order_by("pk")


def places(request: HttpRequest, user: Any) -> dict[str, Any]:
    """For pages: the person's passkeys, whether any works at this address, and the other host names that the rest belongs to."""
    mine, site = list(list_of(user)), ceremonies.site_of(request)
    return {
        "passkeys": mine,
        "passkey_here": any(row.host == site.name for row in mine),
        "passkeys_elsewhere": sorted({row.host for row in mine if row.host != site.name}),
        "site_name": site.name,
    }


def begin_add(request: HttpRequest, name: str) -> dict[str, Any]:
    """A request to create one. The caller has checked the person's password. Raises Invalid."""
    user: Any = request.user
    name = "".join(filter(str.isprintable, " ".join(name.split())))[:60].strip()
    if not name:
        raise Invalid("Write a name", "name")
    with transaction.atomic():
        row = codes.row_of(user)
        _check_free(row, name)
        if row.handle is None:
            row.handle = secrets.token_bytes(32)
            row.save(update_fields=["handle"])
        handle = bytes(row.handle)
        existing = [bytes(key) for key in row.passkeys.values_list("credential_id", flat=True)]
    site, challenge = ceremonies.site_of(request), _begin(request, "add", user, name=name, handle=ceremonies.encode(handle))
    return ceremonies.request_new(site, challenge, handle=handle, user=user.get_username(), existing=existing)


def add(request: HttpRequest, answer: str) -> list[str]:
    """Returns the recovery codes if it is the first factor. Raises Refused."""
    read = ceremonies.read(answer)
    mine, site = _take(request, read, "add", request.user), ceremonies.site_of(request)
    fresh = ceremonies.check_new(site, read.challenge, read)
    try:
        with transaction.atomic():
            row = codes.row_of(request.user)
            if row.handle is None or ceremonies.encode(bytes(row.handle)) != mine["handle"]:
                raise Refused(NOT_BEGUN)  # their second factor was removed meanwhile
            _check_free(row, mine["name"])
            recovery = codes.recovery_with_first(row)
            Passkey.objects.create(factor=row, name=mine["name"], host=site.name, **vars(fresh))
            logins.record_own(row.user, events.PasskeyAdded, name=mine["name"])
    except IntegrityError:
        raise Refused("This passkey was added already") from None
    return recovery


def begin_use(request: HttpRequest, purpose: Purpose, user: Any = None) -> dict[str, Any]:
    """A request to use one: any of this site for a login, else one of the person."""
    site = ceremonies.site_of(request)
    mine = [] if user is None else list_of(user).filter(host=site.name).values_list("credential_id", flat=True)
    challenge = _begin(request, purpose, user)
    return ceremonies.request_use(site, challenge, allowed=[bytes(key) for key in mine], verified=user is None)


def use(request: HttpRequest, answer: str, purpose: Purpose, user: Any = None) -> User:
    """The person of a passkey that was used; `user`: the only one it may be. Raises Refused, and changes nothing then."""
    read = ceremonies.read(answer)
    _take(request, read, purpose, user)
    row = _row_of(read)
    owner: User | None = row.factor.user if row else None
    if row is None or owner is None or not owner.is_active or (user is not None and user.pk != owner.pk):
        raise Refused(UNKNOWN)
    site = ceremonies.site_of(request)
    if row.host != site.name:
        raise Refused(f"This passkey belongs to {row.host}, and this address is {site.name}")
    if not _names(read, row.factor, needed=user is None):
        raise Refused(UNKNOWN)
    count = ceremonies.check_use(
        site,
        read.challenge,
        read,
        public_key=bytes(row.public_key),
        credential_id=bytes(row.credential_id),
        verified=user is None,
    )
    grown = Q(sign_count__lt=count) if count else Q(sign_count=0)  # 0: the device does not count
    if not Passkey.objects.filter(grown, pk=row.pk).update(sign_count=count, last_used_at=now()):
        log.warning("passkey.copied", person=owner.pk, passkey=row.pk)
        raise Refused("This passkey may have been copied: its device counts fewer uses than before. Remove it, and add a new one")
    return owner


def remove(user: Any, passkey_id: int) -> str:
    """Its name. The caller has checked a code or a passkey. Raises NotFound."""
    with transaction.atomic():
        row = codes.row_of(user)
        passkey = row.passkeys.filter(pk=passkey_id).first()
        if passkey is None:
            raise NotFound("Passkey not found")
        passkey.delete()
        if row.confirmed_at is None and not row.passkeys.exists():
            row.delete()
        logins.record_own(user, events.PasskeyRemoved, name=passkey.name)
    return passkey.name


def _begin(request: HttpRequest, purpose: Purpose, user: Any, **details: str) -> str:
    challenge = ceremonies.new_challenge()
    pending.begin(request, KIND, challenge, {"for": purpose, "user": user.pk if user else None, **details})
    return challenge


def _take(request: HttpRequest, read: ceremonies.Answer, purpose: Purpose, user: Any) -> dict[str, Any]:
    mine = pending.take(request, KIND, read.challenge)
    if mine is None or mine["for"] != purpose or mine["user"] != (user.pk if user else None):
        raise Refused(NOT_BEGUN)
    return mine


def _check_free(row: SecondFactor, name: str) -> None:
    if row.passkeys.filter(name=name).exists():
        raise Invalid(f"You have a passkey {name} already", "name")
    if row.passkeys.count() >= MAX:
        raise Invalid(f"You have {MAX} passkeys: remove one first", "name")


def _row_of(read: ceremonies.Answer) -> Passkey | None:
    try:
        key = ceremonies.decode(read.parsed["rawId"])
    except (ValueError, LookupError):
        raise Refused(ceremonies.REFUSED) from None
    return Passkey.objects.select_related("factor__user").filter(credential_id=key).first()


def _names(read: ceremonies.Answer, factor: SecondFactor, *, needed: bool) -> bool:
    """True if the device names the person that the passkey is of. It may leave that out where they are known."""
    named = read.parsed["response"].get("userHandle")
    if not named:
        return not needed
    return factor.handle is not None and named == ceremonies.encode(bytes(factor.handle))
