"""Asking twice, kept by the server: a destructive form is carried out only with the word that its question gave out.

The word is signed, and bound to the act, to what it is about (an object's version, an amount, a count) and to who was asked. What was
asked about has changed: it is asked anew. No script can lose it, none can make it.
"""

from django.core import signing

from dashboard.shared.page_request import PageRequest

SALT = "muster.ask"
VALID_S = 24 * 3600  # pages stay open all day


def token(page_request: PageRequest, action: str, subject: object = "") -> str:
    """What the form sends back as `confirm`."""
    return signing.dumps(_bound(page_request, action, subject), salt=SALT, compress=False)


def is_confirmed(page_request: PageRequest, action: str, subject: object = "") -> bool:
    """The form that is being answered carries the word for this very question."""
    try:
        payload = signing.loads(page_request.request.POST.get("confirm", "")[:400], salt=SALT, max_age=VALID_S)
    except signing.BadSignature:
        return False
    return bool(payload == _bound(page_request, action, subject))


def _bound(page_request: PageRequest, action: str, subject: object) -> list[str]:
    return [page_request.workspace.pk, action, str(subject), str(page_request.request.user.pk)]
