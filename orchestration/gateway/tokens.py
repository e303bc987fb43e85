"""Tokens that agents show in place of a provider's key: the id of its access, with a signature. A token that Muster did not make is refused without
a look at the database; whether an access is still open, the database knows."""

import hashlib
import hmac
import re

from django.conf import settings

_TOKEN = re.compile(r"muster-(?P<access>access_[0-9a-z]{20})-(?P<signature>[0-9a-f]{40})")


def token_of(access_id: str) -> str:
    return f"muster-{access_id}-{_signature(access_id)}"


def access_of(token: str) -> str | None:
    """The id of its access; None: Muster did not make this token."""
    match = _TOKEN.fullmatch(token)
    if match is None or not hmac.compare_digest(match["signature"], _signature(match["access"])):
        return None
    return match["access"]


def _signature(access_id: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), f"gateway {access_id}".encode(), hashlib.sha256).hexdigest()[:40]
