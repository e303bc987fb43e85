"""The shape of a kind of channel. Most kinds post JSON to a URL, whose path and query may be a secret."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from workspaces.errors import Invalid
from workspaces.models import Delivery
from workspaces.outgoing import addresses, posting
from workspaces.outgoing.posting import Result

SECRET_WORD = 12  # of an address: a shorter part is no secret


def url(target: str) -> str:
    """A target that is a URL. Raises Invalid."""
    try:
        addresses.check(target)
    except addresses.NotAllowed as refused:
        raise Invalid(f"The address {refused}", "target") from None
    return target


def url_without_secrets(target: str) -> str:
    parts = urlsplit(target)
    return f"{parts.scheme}://{parts.netloc}/…"


def secrets_of_url(target: str) -> dict[str, str]:
    """The parts that the receiver knows and may repeat, by name: for most kinds its only secret."""
    parts = urlsplit(target)
    words = [*parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
    secrets = {f"of the address {n or ''}".strip(): word for n, word in enumerate(words) if len(word) >= SECRET_WORD}
    return secrets | ({"address": f"{parts.path}?{parts.query}"} if parts.query else {"address": parts.path})


def no_secrets(target: str) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Kind:
    """`send`: gets a delivery and the id of its message. `target`: checks and cleans a target, and raises Invalid; `shown`: hides its secrets, which
    `secrets` names. `is_signed`: the channel has a signing secret."""

    title: str
    send: Callable[[Delivery, str], Result]
    target: Callable[[str], str] = url
    shown: Callable[[str], str] = url_without_secrets
    secrets: Callable[[str], dict[str, str]] = secrets_of_url
    is_signed: bool = False
    needs_mail_server: bool = False


def post(delivery: Delivery, content: Mapping[str, Any], sign: Callable[[str], Mapping[str, str]] | None = None) -> Result:
    """Post JSON to the channel's URL. `sign`: gives the headers of the body."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    headers = {"Content-Type": "application/json", "User-Agent": "Muster/1", "Accept": "*/*", "Connection": "close"}
    return posting.post(delivery.channel.target, body.encode(), headers | dict(sign(body) if sign else {}))
