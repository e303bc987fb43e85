"""A login by the provider goes on by its refresh token, or ends with a reason. The first use after its time renews it."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from workspaces.activity import events
from workspaces.errors import Refused
from workspaces.secrets import sealing
from workspaces.sso import people, provider
from workspaces.sso.groups import BY_PROVIDER
from workspaces.sso.models import ProviderLogin

log = structlog.get_logger(__name__)
RETRY = timedelta(seconds=60)
"""While the provider is away, or another request renews."""


def why_over(person_id: int) -> str:
    """The reason why a person must log in again by the provider; empty while their login counts, and for people who never did."""
    row = ProviderLogin.objects.filter(user_id=person_id).first()
    if row is None or row.over_because:
        return row.over_because if row else ""
    if row.checked_at > now() - timedelta(seconds=settings.OIDC_MAX_AGE_S):
        return ""
    due = Q(tried_at__isnull=True) | Q(tried_at__lt=now() - RETRY)
    mine = ProviderLogin.objects.filter(due, pk=row.pk, checked_at=row.checked_at, over_because="")
    if not mine.update(tried_at=now()):
        return ""  # another request renews it, or the provider was away a moment ago
    return _renew(row)


def _renew(row: ProviderLogin) -> str:
    again = f"Log in by {settings.OIDC_NAME} again"
    if row.issuer != settings.OIDC_ISSUER:
        return _end(row, f"Your login was by another provider. {again}")
    if not row.refresh_token:
        return _end(row, f"Your login is over. {again}")
    try:
        secret = sealing.unseal(row.refresh_token, purpose=people.PURPOSE)
        identity = provider.renew(secret, row.subject)
        with transaction.atomic():
            locked = ProviderLogin.objects.select_for_update(of=("self",)).select_related("user").get(pk=row.pk)
            if locked.checked_at == row.checked_at:  # else they have logged in meanwhile
                people.confirm(locked, identity)
    except provider.Away as away:
        log.warning("sso.away", person=row.user_id, problem=str(away))
        provider.forget()
        return ""
    except (Refused, sealing.Sealed) as refused:
        log.warning("sso.over", person=row.user_id, problem=str(refused))
        return _end(row, f"{settings.OIDC_NAME} no longer confirms your login. {again}")
    return ""


def _end(row: ProviderLogin, why: str) -> str:
    with transaction.atomic():
        mine = ProviderLogin.objects.filter(pk=row.pk, checked_at=row.checked_at, over_because="")
        if mine.update(over_because=why[:300], refresh_token=b""):
            people.record(row.user, events.PersonLoginOver, by=BY_PROVIDER, reason=why)
    return why
