"""The person of an identity at the provider."""

import re

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from workspaces.activity import events
from workspaces.errors import Refused
from workspaces.people import logins
from workspaces.secrets import sealing
from workspaces.sso import groups
from workspaces.sso.models import ProviderLogin
from workspaces.sso.provider import Identity

PURPOSE = "refresh token"
TRIES = 3


class NotLetIn(Refused):
    """A person whose login was deactivated on this server."""

    def __init__(self, user: User) -> None:
        super().__init__("Your login was taken away on this server: ask an admin of it")
        self.user = user


def log_in(identity: Identity) -> User:
    """The identity's user, with their groups' roles. A new identity is linked by its verified e-mail, else gets a new account. Raises Refused."""
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                return _log_in(identity)
        except NotLetIn as refusal:
            logins.record_own(refusal.user, events.PersonLoginRefused, reason=refusal.message)
            raise
        except IntegrityError:  # another login of the same person, or one with the same name, was first
            continue
    raise Refused("Somebody logs in with the same account in this moment: try again")


def _log_in(identity: Identity) -> User:
    known = ProviderLogin.objects.select_for_update(of=("self",)).select_related("user")
    row = known.filter(issuer=settings.OIDC_ISSUER, subject=identity.subject).first()
    user = row.user if row else _by_email(identity) or _create(identity)
    if not user.is_active:
        raise NotLetIn(user)
    if row is None:  # new, or of the provider before
        row = known.filter(user=user).first() or ProviderLogin(user=user)
        row.issuer, row.subject, row.refresh_token = settings.OIDC_ISSUER, identity.subject, b""
    confirm(row, identity)
    logins.record_own(user, events.PersonLoggedIn)
    return user


def confirm(row: ProviderLogin, identity: Identity) -> None:
    """Save a confirmed login. A provider with refresh token rotation sends a new one, another none."""
    if identity.refresh_token:
        row.refresh_token = sealing.seal(identity.refresh_token, purpose=PURPOSE)
    row.checked_at, row.tried_at, row.problem, row.over_because = Now(), None, "", ""
    row.save()
    groups.apply(row.user, identity.groups)


def _by_email(identity: Identity) -> User | None:
    """The account with this verified e-mail. It is compared in Python: PostgreSQL's UPPER() makes `mıke@x.example` (dotless i) equal to Mike's."""
    address = _comparable(identity.email)
    if not address:
        return None
    likely = User.objects.filter(email__iexact=identity.email).order_by("pk")
    same = [user for user in likely if _comparable(user.email) == address]
    if len(same) > 1:
        raise Refused(f"Several accounts here have the address {identity.email}: ask an admin of this server")
    if same and _is_of_another(same[0], identity):
        raise Refused(f"The account with the address {identity.email} belongs to another login at the provider")
    return same[0] if same else None


def _comparable(email: str) -> str:
    """The folded address; "" for a non-ASCII one, which may look like another and links no accounts."""
    return email.casefold() if email.isascii() else ""


def _is_of_another(user: User, identity: Identity) -> bool:
    """True for an account with another subject. A simultaneous first login has the same one."""
    theirs = ProviderLogin.objects.filter(user=user, issuer=settings.OIDC_ISSUER)
    return theirs.exclude(subject=identity.subject).exists()


def _create(identity: Identity) -> User:
    """An account with a free name. It has no unverified e-mail: that could be anyone's."""
    base = re.sub(r"[^\w.@+-]", "-", identity.name)[:100].strip("-") or "person"
    name, number = base, 1
    while User.objects.filter(username__iexact=name).exists():
        number += 1
        name = f"{base}-{number}"
    return User.objects.create_user(name, email=identity.email)
