"""The paths of the providers' APIs. A client's path is parsed, and only its parts are used: no path traversal."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from orchestration.protocols.shared.interface import BEARER, Api, Route
from orchestration.protocols.shared.reading import unbounded

_PATH = re.compile(r"(?:/(v1(?:alpha|beta)?))?/([A-Za-z0-9._:@/-]{1,240}?)/?")
_NO_NAME = re.compile(r"(?:^|/)\.{0,2}(?:/|$)")
"""A segment that is empty, `.` or `..`: a server may read the path as another one."""

OPENAI = Api(
    address="https://api.openai.com/v1",
    keys=("OPENAI_API_KEY", "CODEX_API_KEY"),
    addresses=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    key_header=BEARER,
    has_whole_paths=True,
    rate_limit="x-ratelimit-{}-requests",
    telemetry_name="openai",
)
"""The part that both OpenAI protocols share."""
OPENAI_QUERY = frozenset(("api-version", "limit", "after", "before", "order"))
"""Query parameters of both."""


def parts_of(path: str) -> tuple[str, str]:
    """The API's version and the endpoint below it. Both are empty where the path has other characters than endpoints need: nothing is
    percent-decoded, since two servers may do that differently."""
    match = _PATH.fullmatch(path)
    if match is None or _NO_NAME.search(match[2]):
        return "", ""
    return match[1] or "", match[2]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The endpoints of one API: `GET models`, and these."""

    posts: Mapping[str, Literal["generate", "free"]]
    refused: Mapping[str, tuple[str, str]]  # unbounded ones, with all below them, by code and reason

    def match(self, method: str, path: str) -> Route | None:
        """Raises Refused for an endpoint that has no bound."""
        version, endpoint = parts_of(path)
        if method in ("GET", "HEAD"):
            return Route("free", version, endpoint) if _is_below(endpoint, "models") else None
        if method != "POST":
            return None
        for first, (code, reason) in self.refused.items():
            if _is_below(endpoint, first):
                raise unbounded(code, reason)
        kind = self.posts.get(endpoint)
        return Route(kind, version, endpoint) if kind else None


def _is_below(endpoint: str, first: str) -> bool:
    return endpoint == first or endpoint.startswith(f"{first}/")
