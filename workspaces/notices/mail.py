"""Notices by e-mail, through the server that MUSTER_EMAIL_URL names."""

import smtplib
import time

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.validators import validate_email

from workspaces.errors import Invalid
from workspaces.notices.posting import Answer, printable

MOST_ADDRESSES = 20
NO_SERVER = "No mail server is set: MUSTER_EMAIL_URL"


def addresses_in(target: str) -> list[str]:
    """The addresses of an e-mail channel. Raises Invalid."""
    found = list(dict.fromkeys(part.strip() for part in target.split(",") if part.strip()))
    if not 1 <= len(found) <= MOST_ADDRESSES:
        raise Invalid(f"must have 1 to {MOST_ADDRESSES} addresses, with commas between them", "target")
    for address in found:
        try:
            validate_email(address)
        except ValidationError:
            raise Invalid(f"{address[:100]!r} is not an e-mail address", "target") from None
    return found


def send(target: str, *, subject: str, text: str, message_id: str) -> Answer:
    """One message to all of a channel's addresses. The same Message-ID at every attempt: mail programs show a repeat once."""
    if not settings.EMAIL_HOST:
        return Answer(False, NO_SERVER)
    began = time.monotonic()
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "muster"
    headers = {"Message-ID": f"<{message_id}@{domain}>", "Auto-Submitted": "auto-generated"}
    try:
        with get_connection("django.core.mail.backends.smtp.EmailBackend") as connection:
            EmailMessage(subject, text, to=addresses_in(target), headers=headers, connection=connection).send()
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else str(error.smtp_error)
        answer = Answer(False, printable(f"The mail server refused: {error.smtp_code} {said}"))
    except smtplib.SMTPRecipientsRefused:
        answer = Answer(False, "The mail server refused every address")
    except (smtplib.SMTPException, OSError) as error:
        answer = Answer(False, printable(f"The mail server could not be reached: {error}"))
    else:
        answer = Answer(True, "The mail server took it")
    return Answer(answer.ok, answer.text, None, int((time.monotonic() - began) * 1000))
