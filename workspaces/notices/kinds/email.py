"""Notices by e-mail, through the server that MUSTER_EMAIL_URL names."""

import smtplib
import time

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.validators import validate_email

from workspaces.errors import Invalid
from workspaces.models import Delivery
from workspaces.notices.kinds import messages
from workspaces.notices.kinds.shape import Kind, no_secrets
from workspaces.outgoing.posting import Result, printable

MAX_ADDRESSES = 20
NO_SERVER = "No mail server is set: MUSTER_EMAIL_URL"


def addresses_in(target: str) -> list[str]:
    """The addresses of an e-mail channel. Raises Invalid."""
    addresses = list(dict.fromkeys(part.strip() for part in target.split(",") if part.strip()))
    if not 1 <= len(addresses) <= MAX_ADDRESSES:
        raise Invalid(f"must have 1 to {MAX_ADDRESSES} addresses, with commas between them", "target")
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError:
            raise Invalid(f"{address[:100]!r} is not an e-mail address", "target") from None
    return addresses


def send(target: str, *, subject: str, text: str, message_id: str) -> Result:
    """One message to all of a channel's addresses. The same Message-ID at every attempt: mail programs show a repeat once."""
    if not settings.EMAIL_HOST:
        return Result(False, NO_SERVER)
    began = time.monotonic()
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "muster"
    headers = {"Message-ID": f"<{message_id}@{domain}>", "Auto-Submitted": "auto-generated"}
    try:
        with get_connection("django.core.mail.backends.smtp.EmailBackend") as connection:
            EmailMessage(subject, text, to=addresses_in(target), headers=headers, connection=connection).send()
    except smtplib.SMTPResponseException as error:
        reply = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else str(error.smtp_error)
        result = Result(False, printable(f"The mail server refused: {error.smtp_code} {reply}"))
    except smtplib.SMTPRecipientsRefused:
        result = Result(False, "The mail server refused every address")
    except (smtplib.SMTPException, OSError) as error:
        result = Result(False, printable(f"The mail server could not be reached: {error}"))
    else:
        result = Result(True, "The mail server took it")
    return Result(result.ok, result.text, None, int((time.monotonic() - began) * 1000))


def _shown(target: str) -> str:
    count = target.count(",") + 1
    return f"{count} {'address' if count == 1 else 'addresses'}"


def _send(delivery: Delivery, message_id: str) -> Result:
    subject, text = messages.subject(delivery), messages.text(delivery)
    return send(delivery.channel.target, subject=subject, text=text, message_id=message_id)


KIND = Kind(
    "E-mail",
    _send,
    target=lambda target: ", ".join(addresses_in(target)),
    shown=_shown,
    secrets=no_secrets,
    needs_mail_server=True,
)
