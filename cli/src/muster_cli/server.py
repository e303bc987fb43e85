"""The server: one call at a time, its errors as sentences, and how old it is beside this command."""

import json
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2 as httpx

from muster_cli import __version__
from muster_cli.errors import LoginNeeded, Problem, Refused, Unreachable
from muster_cli.profiles import Profile
from muster_cli.sentences.roles import with_roles
from muster_cli.sentences.typed_names import as_it_is, typed
from muster_client import AuthenticatedClient, Client
from muster_client.api.workspaces import workspaces_list

Request = dict[str, Any]
"""The arguments of an HTTP request, from `request` of a module of muster_client."""

CONNECT_S = 10.0
VERSION_HEADER = "Muster-Version"
ROLES_HEADER = "Muster-Roles"
GATEWAY_ERRORS = (502, 503, 504)
"""The answers of a proxy while the server behind it is away."""

UNKNOWN_CALL = (404, 405, 501)
"""The answers of a server that does not know a call. Python's own web server has 501."""


class Server:
    """`note`: takes sentences that are no result."""

    def __init__(
        self,
        profile: Profile,
        note: Callable[[str], None],
        transport: httpx.BaseTransport | None = None,
        *,
        timeout_s: float = 60,
    ) -> None:
        self.profile = profile
        self.url = profile.url
        self.version = ""
        self._note = note
        shared: dict[str, Any] = {
            "base_url": profile.url,
            "timeout": httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_S)),
            "headers": {"User-Agent": f"muster-cli/{__version__}", "Accept": "application/json"},
            "httpx_args": {"transport": transport} if transport else {},
        }
        self._client = AuthenticatedClient(token=profile.token, **shared) if profile.token else Client(**shared)

    def call(self, request: Request, names: Callable[[str], str] = typed) -> Any:
        """The parsed answer, with all its fields: also those that are newer than this command. `names`: what a sentence about a property of the
        request calls it."""
        answer = self.answer(request)
        self._check(answer, names)
        try:
            return answer.json()
        except ValueError:
            raise Problem(f"{self.url} answers, but not as a Muster does. Is the address right?") from None

    def is_a_muster(self) -> bool:
        """True where the API answers, with or without a token."""
        response = self.answer(workspaces_list.request())
        return response.status_code in (200, 401) and isinstance(_parsed(response), dict)

    def answer(self, request: Request) -> httpx.Response:
        """The answer as it is, an error too."""
        with self._reaching():
            response = self._client.get_httpx_client().request(**request)
        self._look_at_version(response)
        return response

    def lines(self, request: Request) -> Iterator[str]:
        """The lines of an answer of any length, while it arrives."""
        with self._reaching(), self._client.get_httpx_client().stream(**request) as response:
            self._look_at_version(response)
            if response.is_error:
                response.read()
            self._check(response)
            unfinished = ""
            for text in response.iter_text():
                *whole, unfinished = (unfinished + text).split("\n")  # str.splitlines would cut at more than line ends
                yield from whole
            if unfinished:
                yield unfinished

    def pages(self, request: Request, name: str) -> Iterator[dict[str, Any]]:
        """All rows of a list that comes in pages."""
        while True:
            page = self.call(request)
            yield from page[name]
            if not page.get("next_cursor"):
                return
            request = {**request, "params": {**request.get("params", {}), "cursor": page["next_cursor"]}}

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException:
            raise Unreachable(f"{self.url} did not answer in time.") from None
        except httpx.TransportError as error:
            if _is_about_certificates(error):
                hint = "Let SSL_CERT_FILE name the certificate of your own authority."
                raise Problem(f"{self.url} has a certificate that this machine does not trust: {error}. {hint}") from None
            raise Unreachable(f"No Muster answers at {self.url}{_by_proxy(self.url)}: {error}") from None

    def _check(self, response: httpx.Response, names: Callable[[str], str] = typed) -> None:
        if response.is_success:
            return
        sentence = error_sentence(response, names)
        if response.status_code == 401:
            raise LoginNeeded(self.profile.refusal)
        if response.status_code in (404, 405) and compare(self.version, __version__) < 0:
            sentence += (
                f" This server is Muster {self.version}, older than this command ({__version__}), and may not know this call."
            )
        if response.status_code == 403:
            sentence = with_roles(sentence, response.headers.get(ROLES_HEADER, ""))
        if response.status_code in GATEWAY_ERRORS:
            raise Unreachable(sentence)
        raise Refused(response.status_code, sentence)

    def _look_at_version(self, response: httpx.Response) -> None:
        is_first, self.version = not self.version, response.headers.get(VERSION_HEADER, "")
        if is_first and compare(self.version, __version__) > 0:
            self._note(f"{self.url} is Muster {self.version}, newer than this command ({__version__}): update muster-cli.")


def compare(version: str, other: str) -> int:
    """Above 0 where the first is newer. Releases that differ in their last number alone have the same calls."""
    numbers, others = (tuple(map(int, re.findall(r"\d+", each)[:2])) for each in (version, other))
    return (numbers > others) - (numbers < others) if numbers and others else 0


def error_sentence(response: httpx.Response, names: Callable[[str], str] = as_it_is) -> str:
    """The server's own sentence about a request that it did not carry out."""
    if response.has_redirect_location:
        return f"The server refers to {response.headers['Location']}: use that address."
    body = _parsed(response)
    if isinstance(body, dict) and isinstance(body.get("errors"), list):
        return "; ".join(_complaint(each, names) for each in body["errors"])
    message = body.get("data", {}).get("message") if isinstance(body, dict) and isinstance(body.get("data"), dict) else None
    return str(message or f"The server answered {response.status_code} to {response.request.method} {response.request.url.path}.")


def _parsed(response: httpx.Response) -> Any:
    try:
        return json.loads(response.text)
    except ValueError:
        return None


def _complaint(error: dict[str, Any], names: Callable[[str], str]) -> str:
    about = ", ".join(filter(None, (names(str(name)) for name in error.get("propertyNames", ()))))
    return f"{about}: {error.get('message', '')}" if about else str(error.get("message", ""))


def _by_proxy(url: str) -> str:
    """The proxy that the environment puts between, for a sentence."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    proxy = proxy and proxy.rpartition("@")[2]  # without a password
    return f" by the proxy {proxy}" if proxy and not proxy_bypass(parts.hostname or "") else ""


def _is_about_certificates(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
