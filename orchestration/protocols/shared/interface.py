"""The values that pass between the gateway and the providers' protocols. Nothing here reads or sends anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Context = tuple[tuple[str, str], ...]
"""The price context, in pairs: `service_tier`, `speed`, `processing`, `inference_geo`. budget/ledger/prices.py gives them to the price library, which
ignores what it does not know: `inference_geo` is not in its table, so its surcharge is the caller's."""
CacheWrite = Literal["none", "5m", "1h"]


class Refused(Exception):
    """A request that the gateway does not pass on: an HTTP status, a code for programs, and a sentence for people."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.code, self.sentence = status, code, sentence


@dataclass(frozen=True, slots=True)
class Api:
    """The same for all requests to a provider's API. Header names are in lower case."""

    address: str
    """Its base URL, unless the workspace names another."""
    keys: tuple[str, ...]
    """The variables that may hold its key."""
    addresses: tuple[str, ...]
    """The variables in which an agent of the config may have another base URL."""
    key_header: tuple[str, str]
    """The header of a key, and the prefix of its value."""
    bearer_keys: frozenset[str] = frozenset()
    """The variables whose key is a bearer token instead."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with a request of Muster's own."""
    has_whole_paths: bool = False
    """A base URL with any path gets no version (`/openai/deployments/x`)."""
    rate_limit: str = ""
    """The headers of its rate limit, with `{}` for limit, remaining and reset; empty: it states none."""
    telemetry_name: str = ""
    """In the conventions of OpenTelemetry; empty: the protocol's own name."""

    def header_of(self, variable: str) -> tuple[str, str]:
        return BEARER if variable in self.bearer_keys else self.key_header


BEARER = ("authorization", "Bearer ")


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint of a provider. A free one costs nothing, so nothing is reserved."""

    kind: Literal["generate", "free"]
    version: str = ""  # of the client's path
    endpoint: str = ""  # the path below it
    model: str = ""  # only where the path states it, like streams
    streams: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A constant part of a conversation: a block of a message, a tool, a system text."""

    digest: bytes  # without cache marks: clients move them
    text_bytes: int  # of its compact JSON without base64
    media_tokens: int = 0
    hidden_tokens: int = 0
    is_remote: bool = False  # an address or an id, whose content may change between requests


@dataclass(frozen=True, slots=True)
class Request:
    """The contents of a body that its cost depends on."""

    model: str
    streams: bool
    output_limit: int | None = None
    """Tokens asked for; None: the body sets no limit."""
    thinking_budget: int = 0
    answers: int = 1
    """The number of answers: the output's bound is multiplied by it."""
    context: Context = ()
    cache_write: CacheWrite = "none"
    """The most expensive cache write that the body can cause. `5m` where the provider caches on its own: a model without such a price has none."""
    text_bytes: int = 0
    """Bytes of the body without base64 media."""
    media_tokens: int = 0
    hidden_tokens: int = 0
    """A bound of the prompt that the provider adds for tools and output formats."""
    items: tuple[Item, ...] = ()
    searches: int = 0
    """The most uses of a paid server tool that the body allows. Each reads the whole input again."""
    search_tokens: int = 0
    """A bound of the tokens that one such use adds to the input."""
    doubts: tuple[str, ...] = ()
    """The reasons why the bound is not exact, as `kind:name`: `beta:x`, `parameter:x`, `tool:x`, `media:x`. Empty: it is exact."""

    @property
    def is_exact(self) -> bool:
        return not self.doubts


@dataclass(frozen=True, slots=True)
class Usage:
    """The provider's count of one request. All numbers exclude each other, so that each is priced once."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    """Tokens kept for five minutes, or for as long as the provider's only cache keeps them."""
    cache_write_1h: int = 0
    searches: int = 0
    unexplained: int = 0
    """Tokens of a total that its parts do not explain: to be booked at the most expensive rate."""
    model: str = ""
    context: Context = ()
    provider_id: str = ""

    @property
    def all_input(self) -> int:
        """All tokens of the input, however they were served."""
        return self.input + self.cache_read + self.cache_write + self.cache_write_1h


@dataclass(frozen=True, slots=True)
class Reading:
    """The end of one answer, as its meter read it."""

    usage: Usage | None = None
    """The newest cumulative count; None: none came."""
    is_final: bool = False
    """The protocol's end came with its final count: the amount is exact."""
    streamed_bytes: int = 0
    """Bytes of generated text, thoughts and tool arguments that passed, without runs of one character: no fewer tokens than an eighth."""
    error: str = ""
    """The type or code of an error in the answer."""
    answer_model: str = ""
    problem: str = ""
    """The reason why the answer could not be read; empty: it could."""


class Meter(Protocol):
    """The reader of one answer, fed with the bytes of its body as they pass. It never raises, and its memory is bounded."""

    def feed(self, chunk: bytes) -> None: ...

    @property
    def is_over(self) -> bool:
        """The final count has passed: nothing that follows changes it."""
        ...

    def end(self, *, complete: bool) -> Reading:
        """The reading. `complete`: the body ended as HTTP says it should. May be called once, after the last `feed`."""
        ...


class ProviderProtocol(Protocol):
    """One provider's API. All functions are pure; header names are in lower case."""

    @property
    def name(self) -> str: ...

    @property
    def api(self) -> Api: ...

    @property
    def version(self) -> str:
        """The version in its paths, where neither the base URL nor the client names one."""
        ...

    @property
    def query(self) -> frozenset[str]:
        """The parameters of a query that it takes. Others are not passed on."""
        ...

    def match(self, method: str, path: str) -> Route | None:
        """The endpoint at this path; None: not one of this API. Raises Refused for endpoints that cannot be bounded."""
        ...

    def read(self, route: Route, body: bytes, headers: Mapping[str, str]) -> Request:
        """The request that a body is. Raises Refused."""
        ...

    def with_limit(self, body: bytes, limit: int) -> bytes:
        """The body with this output limit; every other byte stays."""
        ...

    def with_usage(self, body: bytes) -> bytes:
        """The body that makes the provider count its stream; every other byte stays."""
        ...

    def counting(self, route: Route, body: bytes) -> tuple[Route, bytes] | None:
        """The endpoint and the body by which the provider counts the input of a request, for nothing; None: it does not."""
        ...

    def meter(self, request: Request, content_type: str, encoding: str) -> Meter: ...

    def error(self, status: int, code: str, message: str) -> bytes:
        """An error in the provider's own shape, so that its clients show it."""
        ...
