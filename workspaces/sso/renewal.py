"""The refresh of a provider's login at its first use after MUSTER_OIDC_MAX_AGE. Else it ends with a reason."""

from datetime import timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now

from workspaces.activity import events
from workspaces.activity.events import counted
from workspaces.errors import Refused
from workspaces.people import logins
from workspaces.secrets import sealing
from workspaces.sso import people, provider
from workspaces.sso.groups import BY_PROVIDER
from workspaces.sso.models import ProviderLogin

log = structlog.get_logger(__name__)
GRACE = timedelta(days=1)
"""The grace of a login while the provider is unavailable or rejects this client. A rotated client secret logs out no one at once, and no login lasts for ever."""
RETRY = timedelta(seconds=120)
"""The time between two tries, longer than one can take: two requests with one refresh token lose the login at a provider with rotation. Times are the
database's, since clocks of hosts differ."""


def why_over(person_id: int) -> str:
    """The reason for a new login by the provider, or "". People without such a login have none."""
    of_person = ProviderLogin.objects.filter(user_id=person_id)
    row = of_person.annotate(is_old=ExpressionWrapper(_is_old(), BooleanField())).first()
    if row is None:
        return ""
    if row.issuer != settings.OIDC_ISSUER:
        return f"Your login was by another provider. {_again()}"
    if row.over_because or not row.is_old:
        return row.over_because
    due = Q(tried_at__isnull=True) | Q(tried_at__lt=Now() - RETRY)
    if not _not_renewed(row).filter(due).update(tried_at=Now()):
        return ""  # another request renews it, or the provider was away a moment ago
    return _renew(row)


def _renew(row: ProviderLogin) -> str:
    if not row.refresh_token:
        return _end(row, f"Your login is over. {_again()}")
    try:
        secret = sealing.unseal(row.refresh_token, purpose=people.PURPOSE)
        identity = provider.renew(secret, row.subject, keep=partial(_keep, row))
        with transaction.atomic():
            locked = ProviderLogin.objects.select_for_update(of=("self",)).select_related("user").get(pk=row.pk)
            if locked.checked_at == row.checked_at:  # else they have logged in meanwhile
                people.confirm(locked, identity)
    except provider.Unavailable as away:
        log.warning("sso.away", person=row.user_id, problem=str(away))
        provider.back_off(away)
        _not_renewed(row).update(problem=_words(away))
        if ProviderLogin.objects.filter(_is_old(GRACE), pk=row.pk).exists():
            return _end(
                row, f"{settings.OIDC_NAME} has confirmed no login for a day ({away}): ask an admin of this server. {_again()}"
            )
        return ""
    except (Refused, sealing.Sealed) as refused:
        log.warning("sso.over", person=row.user_id, problem=str(refused))
        return _end(row, f"{settings.OIDC_NAME} no longer confirms your login. {_again()}")
    return ""


def _words(away: provider.Unavailable) -> str:
    if isinstance(away, provider.ClientRejected):
        return f"it does not know this server by its id and secret ({away}): set MUSTER_OIDC_CLIENT_SECRET"[:300]
    return str(away)[:300]


def trouble() -> str:
    """A sentence for server admins while refreshes fail; "" after a success."""
    logins_here = ProviderLogin.objects.filter(issuer=settings.OIDC_ISSUER)
    failed = logins_here.exclude(problem="").order_by("-tried_at").first()
    if failed is None or failed.tried_at is None or logins_here.filter(checked_at__gt=failed.tried_at).exists():
        return ""
    number = logins_here.exclude(problem="").count()
    return f"{settings.OIDC_NAME} could not renew {counted(number, 'login', 'logins')}, and each ends a day after its time: {failed.problem}"


def refuses_this_server() -> str:
    """Probe discovery and the token endpoint: a sentence about a failure, or "". A provider that accepts this client refuses the probe's refresh token."""
    try:
        provider.discovery()
    except (provider.Unavailable, Refused) as problem:
        return f"{settings.OIDC_NAME}: {problem}"
    try:
        provider.renew("none", "", keep=lambda _: None)
    except provider.Unavailable as away:
        return f"{settings.OIDC_NAME}: {_words(away)}"
    except Refused:
        pass
    return ""


def _keep(row: ProviderLogin, refresh_token: str) -> None:
    sealed = sealing.seal(refresh_token, purpose=people.PURPOSE)
    _not_renewed(row).update(refresh_token=sealed)


def _end(row: ProviderLogin, why: str) -> str:
    with transaction.atomic():
        if _not_renewed(row).update(over_because=why[:300], refresh_token=b""):
            logins.record_own(row.user, events.PersonLoginOver, by=BY_PROVIDER, reason=why)
            return why
    return ProviderLogin.objects.get(pk=row.pk).over_because  # they have logged in meanwhile, or another request was first


def _is_old(grace: timedelta = timedelta()) -> Q:
    return Q(checked_at__lte=Now() - timedelta(seconds=settings.OIDC_MAX_AGE_S) - grace)


def _not_renewed(row: ProviderLogin) -> QuerySet[ProviderLogin]:
    """The row, unless it was renewed or ended meanwhile. `checked_at` is not compared: SQLite writes three digits of it, Django six."""
    return ProviderLogin.objects.filter(_is_old(), pk=row.pk, over_because="")


def _again() -> str:
    return f"Log in by {settings.OIDC_NAME} again"


def has_login(person_id: int) -> bool:
    return ProviderLogin.objects.filter(user_id=person_id).exists()
