"""Confirmation of destructive forms, enforced by the server: a form is executed only with the token issued with its confirmation.

The token is signed, and bound to the action, its subject (an object's version, an amount, a count) and the user. When the subject has
changed, the server asks again. A script can neither skip nor forge it.
"""

import time

from django.core import signing

from dashboard.shared.page_request import PageRequest

SALT = "muster.ask"
VALID_S = 24 * 3600  # pages stay open all day
STEP_S = 3600


class _Signer(signing.TimestampSigner):
    """Its tokens stay the same for an hour, so that a live region with a form in it does not differ by its token alone."""

    def timestamp(self) -> str:
        return signing.b62_encode(int(time.time()) // STEP_S * STEP_S)


def token(page_request: PageRequest, action: str, subject: object = "") -> str:
    """The signed token that the form sends back as `confirm`."""
    return _Signer(salt=SALT).sign_object(_bound(page_request, action, subject))


def is_confirmed(page_request: PageRequest, action: str, subject: object = "") -> bool:
    """True if the posted form carries a valid token for this action and subject."""
    try:
        payload = signing.loads(page_request.request.POST.get("confirm", "")[:400], salt=SALT, max_age=VALID_S)
    except signing.BadSignature:
        return False
    return bool(payload == _bound(page_request, action, subject))


def _bound(page_request: PageRequest, action: str, subject: object) -> list[str]:
    return [page_request.workspace.pk, action, str(subject), str(page_request.request.user.pk)]
