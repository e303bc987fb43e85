"""Authorization code grants. Each step locks the grant's row: of two simultaneous redemptions one gets the token, and the other revokes it, since a code that
comes twice was stolen (RFC 6749, 4.1.2).
"""

import base64
import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from workspaces.access import MUSTER, of_token
from workspaces.errors import Invalid
from workspaces.models import ApiToken
from workspaces.oauth import clients
from workspaces.oauth.clients import Client
from workspaces.oauth.models import Grant
from workspaces.people import tokens

LASTS = timedelta(seconds=60)
KEPT = timedelta(days=1)
State = Grant.State


class NoGrant(Exception):
    """No token. The message says why."""


@dataclass(frozen=True)
class Request:
    """A valid authorization request."""

    client: Client
    redirect_uri: str
    challenge: str
    resource: str
    state: str | None


def approve(request: Request, *, user: Any) -> str:
    """A code for an approved client. Raises Invalid for a person who may have no token."""
    if why := tokens.why_no_login(user):
        raise Invalid(why)
    over = Grant.objects.filter(expires_at__lt=timezone.now() - KEPT)
    over.exclude(state=State.USED, token__revoked_at__isnull=True, token__expires_at__gt=timezone.now()).delete()
    clients.mark_approved(request.client)
    code = secrets.token_urlsafe(32)
    Grant.objects.create(
        user=user,
        client_id=request.client.id,
        client_name=request.client.name[:80],
        redirect_uri=request.redirect_uri,
        resource=request.resource,
        digest=_digest(code),
        challenge=request.challenge,
        expires_at=timezone.now() + LASTS,
    )
    return code


def redeem(code: str, *, client_id: str, redirect_uri: str, verifier: str, resource: str | None) -> str:
    """Exchange a code for a token's secret. A repeated code revokes the token. Raises NoGrant."""
    with transaction.atomic():
        grant = Grant.objects.select_for_update(of=("self",)).select_related("user").filter(digest=_digest(code)).first()
        if grant is None:
            raise NoGrant("The code is unknown")
        if grant.state == State.APPROVED:
            _check(grant, client_id, redirect_uri, verifier, resource)
            return _use(grant)
        _end(grant)
    raise NoGrant("The code was used already: what it gave is revoked")


def revoke(secret: str) -> None:
    """End a token by its secret (RFC 7009). An unknown one is fine."""
    with tokens.at_mcp():
        token = tokens.find(secret)
    if token is None or not hasattr(token, "grant"):
        return
    with transaction.atomic():
        _end(Grant.objects.select_for_update(of=("self",)).get(token=token), token)


def _check(grant: Grant, client_id: str, redirect_uri: str, verifier: str, resource: str | None) -> None:
    if grant.expires_at <= timezone.now():
        raise NoGrant("The code has expired")
    if (grant.client_id, grant.redirect_uri) != (client_id, redirect_uri):
        raise NoGrant("The code was for another program or redirect_uri")
    proof = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not hmac.compare_digest(proof, grant.challenge):
        raise NoGrant("The code_verifier does not fit")
    if resource is not None and resource != grant.resource:
        raise NoGrant("The code was for another resource")


def _use(grant: Grant) -> str:
    try:
        token, secret = tokens.log_in(grant.user, grant.client_name, mark=tokens.MCP_MARK)
    except Invalid as problem:  # between the approval and now the person has lost their login or their last workspace
        raise NoGrant(problem.message) from None
    Grant.objects.filter(pk=grant.pk).update(state=State.USED, token=token)
    return secret


def _end(grant: Grant, by: ApiToken | None = None) -> None:
    """Call it in a transaction, with the grant locked. `by`: the token that ends itself."""
    if grant.token_id is not None and grant.token is not None and grant.token.revoked_at is None:
        reason = "logged out" if by else "its code was used twice"
        with suppress(Invalid):  # its owner was first
            tokens.revoke(grant.token, by=of_token(by) if by else MUSTER, reason=reason)
    Grant.objects.filter(pk=grant.pk).update(state=State.ENDED)


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
