"""The failures of agents, by name. Each has a cause, which decides what happens next, and a next step for a person."""

import re
from dataclasses import dataclass
from typing import Literal

Cause = Literal["provider", "setup", "agent"]
"""provider: wait, it is temporary. setup: every run fails until a person acts. agent: this run failed."""


@dataclass(frozen=True, slots=True)
class Kind:
    title: str
    cause: Cause
    next_step: str


KINDS = {
    "rate_limited": Kind("The provider limits the rate", "provider", "Nothing to do: Muster waits and tries again"),
    "overloaded": Kind("The provider is overloaded", "provider", "Nothing to do: Muster waits and tries again"),
    "network": Kind("The provider cannot be reached", "provider", "Check the network and the base URL in the agent's env"),
    "auth": Kind("The provider refused the key", "setup", "Set a valid key among the workspace's secrets, then try again"),
    "quota": Kind(
        "The provider's account has no credit", "setup", "Add credit at the provider or change the key, then try again"
    ),
    "unknown_model": Kind("The provider does not know the model", "setup", "Correct agent.model in the config, then try again"),
    "cli_missing": Kind(
        "The agent's program is not installed", "setup", "Install it where the session workers run, then try again"
    ),
    "cli_refused": Kind(
        "The agent's program refuses to start", "setup", "Read the session's log, correct the config, then try again"
    ),
    "bad_request": Kind("The provider refused the request", "agent", "Read the session's log: the request itself is wrong"),
    "context_full": Kind("The conversation no longer fits the model", "agent", "Muster starts a new conversation"),
    "thread_lost": Kind("The conversation to resume is gone", "agent", "Muster starts a new conversation"),
    "permission_denied": Kind(
        "The agent was not allowed to use its tools", "agent", "Allow its tools in agent.settings or agent.args"
    ),
    "turns_exhausted": Kind("The agent used up its turns", "agent", "Raise its turn limit, or split the entry"),
    "crashed": Kind("The agent's program broke", "agent", "Read the session's log"),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A named failure. `retry_at`: when the provider accepts requests again, in seconds since the epoch."""

    code: str
    message: str
    retry_at: float | None = None

    @property
    def kind(self) -> Kind:
        return KINDS[self.code]

    @property
    def sentence(self) -> str:
        """The failure and its remedy, for pages and the log."""
        return f"{self.kind.title}: {self.message[:300]}. {self.kind.next_step}."


_QUOTA = re.compile(r"insufficient[_ ]quota|credit balance|billing|out of credits|payment required", re.I)
_MODEL = re.compile(r"model.{0,60}?(not[ _]?found|does not exist|unknown|not supported|invalid)|(unknown|invalid) model", re.I)
_CONTEXT = re.compile(r"context[_ ]?(length|window)|prompt is too long|maximum context|too many tokens|input token count", re.I)
_LIMIT = re.compile(r"rate[_ -]?limit|too many requests|resource[_ ]exhausted", re.I)
_AUTH = re.compile(
    r"api[_ ]key|unauthori[sz]ed|authentication|permission_error|invalid x-api-key|not logged in"
    r"|failed to sign in|client is no longer supported|unsupported_client|oauth free tier has been discontinued",
    re.I,
)
_OVER = re.compile(r"overloaded|unavailable|internal ?server ?error|bad ?gateway|gateway ?timeout|server had an error", re.I)
_NETWORK = re.compile(
    r"econnrefused|econnreset|enotfound|etimedout|connection ?(refused|reset|error)|(cannot|unable to) connect"
    r"|fetch failed|socket hang up",
    re.I,
)
_BAD = re.compile(r"bad ?request|invalid_request_error", re.I)
_GOOGLES_RATE_LIMIT = (
    "ai.google.dev/gemini-api/docs/rate-limits"  # Google describes its rate limit per minute as an exceeded quota
)


def from_status(status: int, text: str = "") -> str:
    """The name for a provider's HTTP response; the text decides where a status is ambiguous."""
    if status == 402 or (status in (400, 403, 429) and _is_quota(text)):
        return "quota"
    if status in (401, 403):
        return "auth"
    if status == 404 or (status == 400 and _MODEL.search(text)):
        return "unknown_model"
    if status == 413 or (status == 400 and _CONTEXT.search(text)):
        return "context_full"
    if status == 429:
        return "rate_limited"
    if status >= 500:
        return "overloaded"
    return "bad_request"


def from_text(text: str) -> str | None:
    """The name of a failure that a CLI reports only as text; None: the text is unknown."""
    if status := re.search(
        r"\b(?:status(?: code)?|error(?: code)?|code|HTTP|API Error)\"?[:= ]{1,2}(4\d\d|5\d\d)\b|\b(4\d\d|5\d\d) \{", text, re.I
    ):
        return from_status(int(status.group(1) or status.group(2)), text)
    if _is_quota(text):
        return "quota"
    for pattern, code in (
        (_CONTEXT, "context_full"),
        (_LIMIT, "rate_limited"),
        (_AUTH, "auth"),
        (_MODEL, "unknown_model"),
        (_NETWORK, "network"),
        (_OVER, "overloaded"),
        (_BAD, "bad_request"),
    ):
        if pattern.search(text):
            return code
    return None


def _is_quota(text: str) -> bool:
    return _GOOGLES_RATE_LIMIT not in text and _QUOTA.search(text) is not None
