"""OAuth clients: by a client id metadata document at an https address, or by dynamic registration (RFC 7591). Their name and redirect URIs are claims of their
own: the consent page shows the hosts, and the code goes nowhere else.
"""

import http.client
import json
import re
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from workspaces.errors import Invalid, TooMany
from workspaces.oauth.models import RegisteredClient
from workspaces.outgoing import addresses, posting
from workspaces.outgoing.addresses import NotAllowed
from workspaces.people import throttle

MAX_ADDRESS = 500
MAX_REDIRECTS = 20
MAX_DOCUMENT = 16 * 1024
TIMEOUT_S = 5.0
CACHE_S = 300.0
BACKOFF_S = 10.0
"""The back-off after a failed fetch."""
MAX_CACHED = 200
MAX_READ = 30
"""Fetches for one person, in the throttle's window."""
MAX_REGISTERED = 1000
MAX_REGISTRATIONS_PER_ADDRESS = 20
"""Registrations from one address, in the throttle's window."""
UNUSED, INACTIVE = timedelta(days=1), timedelta(days=180)
"""A registered client is deleted so long after its registration without an approval, or after its last approval."""
REGISTERED = re.compile(r"mcp_[A-Za-z0-9_-]{20,36}")
_PATH = r"/(?:[!\"$-\[\]-~]*)"  # visible ASCII but # and \
_WEB = re.compile(rf"https://[A-Za-z0-9.-]+(?::[0-9]{{1,5}})?(?:{_PATH})?")
_LOOPBACK = re.compile(rf"http://(127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]{{1,5}})?({_PATH})?")
_lock = threading.Lock()
_documents: dict[str, tuple[float, dict[str, Any] | str]] = {}


@dataclass(frozen=True)
class Client:
    """An OAuth client, by its own claims."""

    id: str
    name: str
    redirect_uris: list[str]
    host: str = ""  # of its metadata document

    def takes(self, address: str) -> bool:
        """True for a redirect URI of the client. On loopback any port matches (RFC 8252, 7.3)."""
        return any(address == mine or _is_same_but_port(address, mine) for mine in self.redirect_uris)


def find(client_id: str, *, reader: Any) -> Client:
    """The client with this id. Raises Invalid with a sentence for the reader, and TooMany."""
    if REGISTERED.fullmatch(client_id):
        row = RegisteredClient.objects.filter(pk=client_id).first() if "registration" in settings.MCP_CLIENTS else None
        if row is None:
            raise Invalid("This program is not registered here, or no longer: let it register again", "client_id")
        return Client(row.pk, row.name, row.redirect_uris)
    if "documents" not in settings.MCP_CLIENTS:
        raise Invalid("This server reads no documents of programs: let it register", "client_id")
    if not _is_document(client_id):
        raise Invalid("The program's id is not the https address of a document about it", "client_id")
    return _described(client_id, _document(client_id, reader))


def register(given: Any, address: str) -> RegisteredClient:
    """Dynamic client registration. Raises Invalid, named by the RFC's error, and TooMany."""
    if (wait := throttle.count("registrations of programs", address, MAX_REGISTRATIONS_PER_ADDRESS)) is not None:
        raise TooMany(wait, "registrations")
    redirects = _redirects(given)
    if not redirects:
        raise Invalid("Give redirect_uris: https, or http on loopback", "invalid_redirect_uri")
    unused = RegisteredClient.objects.filter(approved_at__isnull=True)
    unused.filter(created_at__lt=timezone.now() - UNUSED).delete()
    RegisteredClient.objects.filter(approved_at__lt=timezone.now() - INACTIVE).delete()
    if unused.count() >= MAX_REGISTERED:
        raise TooMany(3600, "registrations")
    name = _name(given.get("client_name")) or "An MCP client"
    new = {"name": name, "redirect_uris": redirects, "address": address[:45]}
    return RegisteredClient.objects.create(id="mcp_" + secrets.token_urlsafe(18), **new)


def mark_approved(client: Client) -> None:
    """Renew a registered client's time."""
    RegisteredClient.objects.filter(pk=client.id).update(approved_at=timezone.now())


def host_of(address: str) -> str:
    """The host of a redirect URI, or "" for loopback."""
    return "" if _LOOPBACK.fullmatch(address) else (urlsplit(address).hostname or "")


def forget() -> None:
    """Read the documents again."""
    _documents.clear()


def _described(client_id: str, document: dict[str, Any]) -> Client:
    redirects = _redirects(document)
    if document.get("client_id") != client_id:
        raise Invalid("The program's document is about another program", "client_id")
    if not redirects:
        raise Invalid("The program's document lacks usable redirect_uris: https, or http on loopback", "client_id")
    if document.get("token_endpoint_auth_method", "none") != "none" or "client_secret" in document:
        raise Invalid("The program's document asks for a secret, and programs have none here", "client_id")
    host = urlsplit(client_id).hostname or ""
    return Client(client_id, _name(document.get("client_name")) or host, redirects, host)


def _document(address: str, reader: Any) -> dict[str, Any]:
    with _lock:
        until, kept = _documents.get(address, (0.0, ""))
    if time.monotonic() >= until:
        if (wait := throttle.count(f"programs read for {reader.pk}", "", MAX_READ)) is not None:
            raise TooMany(wait, "programs")
        kept = _fetched(address)
        with _lock:
            if len(_documents) >= MAX_CACHED:
                _documents.clear()
            _documents[address] = (time.monotonic() + (BACKOFF_S if isinstance(kept, str) else CACHE_S), kept)
    if isinstance(kept, str):
        raise Invalid(f"The program's document cannot be read. {kept}", "client_id")
    return kept


def _fetched(address: str) -> dict[str, Any] | str:
    """The metadata document, or a sentence about the failure. It quotes nothing of the answer (SSRF): the reader may not see that server."""
    began = time.monotonic()
    try:
        place = addresses.resolve(address)
        until, asks = began + TIMEOUT_S, {"Accept": "application/json", "User-Agent": "muster"}
        answer = posting.exchange(place, "GET", b"", asks, until=until, timeout_s=TIMEOUT_S, max_bytes=MAX_DOCUMENT + 1)
        if answer.status != 200:
            return f"Its server answered {answer.status}"
        if len(answer.content) > MAX_DOCUMENT:
            return f"It has more than {MAX_DOCUMENT} bytes"
        document = json.loads(answer.content)
    except NotAllowed as refused:
        return f"The address {refused}"
    except (OSError, http.client.HTTPException) as error:
        return posting.why(error, time.monotonic() - began, TIMEOUT_S)
    except (ValueError, RecursionError):
        return "It is not JSON"
    return document if isinstance(document, dict) else "It is no object"


def _is_document(address: str) -> bool:
    """True for an https URL with a path, and without anything ambiguous, such as dot segments."""
    if len(address) > MAX_ADDRESS or not _WEB.fullmatch(address) or not host_of(address):
        return False
    path = urlsplit(address).path
    return path not in ("", "/") and not any(
        part in (".", "..") for part in path.replace("%2e", ".").replace("%2E", ".").split("/")
    )


def _redirects(described: Any) -> list[str]:
    """The usable redirect URIs: no custom schemes, which any program may claim, and no plain http but loopback."""
    named = described.get("redirect_uris") if isinstance(described, dict) else None
    return [item for item in named if _is_redirect(item)] if isinstance(named, list) and len(named) <= MAX_REDIRECTS else []


def _is_redirect(given: Any) -> bool:
    if not isinstance(given, str) or len(given) > MAX_ADDRESS:
        return False
    if not (_WEB.fullmatch(given) or _LOOPBACK.fullmatch(given)):
        return False
    try:
        return urlsplit(given).port != 0
    except ValueError:  # a port beyond 65535
        return False


def _is_same_but_port(address: str, mine: str) -> bool:
    first, second = _LOOPBACK.fullmatch(address), _LOOPBACK.fullmatch(mine)
    return bool(first and second and first[1] == second[1] and (first[2] or "/") == (second[2] or "/"))


def _name(given: Any) -> str:
    """A client's name without characters that could disguise it."""
    return re.sub(r"[^A-Za-z0-9._/() -]", "", given)[:60].strip() if isinstance(given, str) else ""
