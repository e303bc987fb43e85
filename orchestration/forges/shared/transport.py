"""The HTTP client of the adapters: JSON, one host, no redirect but a log's, a time limit, and conditional requests, which cost nothing of a
forge's limit when nothing has changed."""

import hashlib
import http.client
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.utils.timezone import now

from orchestration.forges.shared.interface import ForgeError, Problem
from workspaces.outgoing import addresses, posting
from workspaces.outgoing.addresses import NotAllowed
from workspaces.secrets import masking
from workspaces.secrets.masking import Mask

TIMEOUT_S = 15.0
MAX_BYTES = 8_000_000
MAX_LOG_BYTES = 2_000_000
MAX_CACHED = 1000
MAX_CACHED_BYTES = 200_000
MAX_PAGES, MAX_WHOLE_PAGES = 5, 50
PER_PAGE = 100
CREDENTIALS = ("Authorization", "PRIVATE-TOKEN")

_cache: OrderedDict[tuple[str, str], tuple[str, bytes]] = OrderedDict()
_cache_lock = threading.Lock()
"""By token and address: the ETag and what came with it. Of this process; another one asks once more."""


@dataclass(frozen=True)
class Client:
    """`root`: the API's address. `headers`: with the token. `page_size`: as many as the forge gives at most: fewer are the last page."""

    root: str
    headers: Mapping[str, str] = field(repr=False)
    page_size_name: str = "per_page"
    page_size: int = PER_PAGE

    @cached_property
    def _mask(self) -> Mask:
        """Masks the credentials that are sent, which an answer may repeat."""
        return Mask({name: value.rpartition(" ")[2] for name, value in self.headers.items() if name in CREDENTIALS})

    def get(self, path: str, **query: Any) -> Any:
        """Raises ForgeError."""
        url = self.root + path + (f"?{urlencode(query)}" if query else "")
        key = (_digest(self.headers), url)
        with _cache_lock:
            etag, cached = _cache.get(key, ("", b""))
        answer = self._send("GET", url, etag=etag)
        if answer.status == 304 and etag:
            return self._json(cached)
        self._check(answer)
        if (new := answer.headers.get("etag")) and len(answer.content) <= MAX_CACHED_BYTES:
            with _cache_lock:
                _cache[key] = (new, answer.content)
                _cache.move_to_end(key)
                while len(_cache) > MAX_CACHED:
                    _cache.popitem(last=False)
        return self._json(answer.content)

    def pages(self, path: str, name: str = "", **query: Any) -> Iterator[Any]:
        """The items of at most MAX_PAGES pages. `name`: the key of the list, where the answer is an object."""
        return self._pages(path, name, query, MAX_PAGES)

    def whole(self, path: str, **query: Any) -> Iterator[Any]:
        """The items of all pages, where none may be missed. Raises ForgeError after those of MAX_WHOLE_PAGES."""
        if not (yield from self._pages(path, "", query, MAX_WHOLE_PAGES)):
            raise ForgeError(Problem.TOO_MANY, f"The forge has {MAX_WHOLE_PAGES * self.page_size} or more for {path}")

    def _pages(self, path: str, name: str, query: Mapping[str, Any], most: int) -> Generator[Any, None, bool]:
        """Returns whether these were all."""
        for page in range(1, most + 1):
            answer = self.get(path, **query, **{self.page_size_name: self.page_size}, page=page)
            items = answer.get(name) if name and isinstance(answer, dict) else answer
            if not isinstance(items, list):
                raise ForgeError(Problem.INVALID, f"The forge's answer for {path} is no list")
            yield from items
            if len(items) < self.page_size:
                return True
        return False

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Raises ForgeError."""
        answer = self._send(method, self.root + path, body=json.dumps(body).encode())
        self._check(answer)
        return self._json(answer.content)

    def text(self, path: str) -> str:
        """A log; of a redirect, what is there, which must not get the token. Raises ForgeError."""
        answer = self._send("GET", self.root + path, max_bytes=MAX_LOG_BYTES)
        if answer.status in (301, 302, 303, 307, 308) and (where := answer.headers.get("location", "")):
            answer = self._exchange("GET", where, {}, b"", MAX_LOG_BYTES)
        self._check(answer)
        return self._mask(answer.content.decode("utf-8", "replace"))

    def _send(self, method: str, url: str, *, body: bytes = b"", etag: str = "", max_bytes: int = MAX_BYTES) -> posting.Answer:
        headers = {"Accept": "application/json", "User-Agent": "Muster", **self.headers}
        headers |= {"Content-Type": "application/json"} if body else {}
        headers |= {"If-None-Match": etag} if etag else {}
        return self._exchange(method, url, headers, body, max_bytes)

    def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes, max_bytes: int) -> posting.Answer:
        with masking.hiding(self._mask):
            return _exchange(method, url, headers, body, max_bytes)

    def _json(self, content: bytes) -> Any:
        return masking.in_all(_json(content), self._mask)

    def _check(self, answer: posting.Answer) -> None:
        if 200 <= answer.status < 300:
            return
        with masking.hiding(self._mask):
            raise problem_of(answer.status, answer.headers, message_of(answer.content))


def problem_of(status: int, headers: Mapping[str, str], message: str) -> ForgeError:
    """The error by name, from a refusal."""
    text = f"The forge answered {status}: {message}" if message else f"The forge answered {status}"
    limited = headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers or "rate limit" in message.lower()
    if status == 429 or (status == 403 and limited):
        return ForgeError(Problem.RATE_LIMITED, text, until=_retry_at(headers), status=status)
    if 300 <= status < 400:
        return ForgeError(Problem.NOT_FOUND, f"{text}, a redirect: the repository may have a new name", status=status)
    if status in (403, 405, 422) and ("protected" in message.lower() or "not allowed to merge" in message.lower()):
        return ForgeError(Problem.PROTECTED_BRANCH, text, status=status)
    if status == 422 and "already exists" in message.lower():
        return ForgeError(Problem.EXISTS, text, status=status)
    known = {401: Problem.AUTH, 403: Problem.AUTH, 404: Problem.NOT_FOUND, 405: Problem.PROTECTED_BRANCH, 410: Problem.NOT_FOUND}
    return ForgeError(known.get(status, Problem.UNREACHABLE if status >= 500 else Problem.INVALID), text, status=status)


def message_of(content: bytes) -> str:
    """The forge's own words: `message` or `error`, with what is listed in `errors`. Printable, and short."""
    try:
        answer = json.loads(content)
    except ValueError:
        return ""
    if not isinstance(answer, dict):
        return ""
    parts = [answer.get("message") or answer.get("error") or ""]
    errors = answer.get("errors")
    listed = errors if isinstance(errors, list) else []
    parts += [each.get("message", "") if isinstance(each, dict) else each for each in listed]
    words = [part if isinstance(part, str) else json.dumps(part) for part in parts if part]
    return posting.printable("; ".join(words))


def _retry_at(headers: Mapping[str, str]) -> datetime:
    """The time when a forge may be asked again: in a minute where it gives none."""
    after, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset") or ""
    if after.isdigit():
        return now() + timedelta(seconds=min(int(after), 3600))
    if reset.isdigit():
        return min(datetime.fromtimestamp(min(int(reset), 2**33), UTC), now() + timedelta(hours=1))
    return now() + timedelta(minutes=1)


def _exchange(method: str, url: str, headers: Mapping[str, str], body: bytes, max_bytes: int) -> posting.Answer:
    began = time.monotonic()
    try:
        return posting.exchange(
            addresses.resolve(url), method, body, headers, until=began + TIMEOUT_S, max_bytes=max_bytes, timeout_s=TIMEOUT_S
        )
    except NotAllowed as refused:
        raise ForgeError(Problem.UNREACHABLE, f"The forge's address {refused}") from None
    except (OSError, http.client.HTTPException) as error:
        raise ForgeError(Problem.UNREACHABLE, posting.why(error, time.monotonic() - began, TIMEOUT_S)) from None


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else {}
    except ValueError:
        raise ForgeError(Problem.INVALID, "The forge's answer is no JSON: forge.url may be a page's address") from None


def _digest(headers: Mapping[str, str]) -> str:
    return hashlib.sha256(repr(sorted(headers.items())).encode()).hexdigest()
