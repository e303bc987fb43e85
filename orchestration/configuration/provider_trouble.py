"""A session's failure at its provider, and the closed access. Pure."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Reviewer = Literal["", "interceptor", "verifier"]

ALL_MODELS = ""
"""The family of a limit on a whole credential."""


class ModelAccess(NamedTuple):
    """A credential and a model family: the scope of a provider's limit."""

    credential: str
    family: str  # or ALL_MODELS


def reviewer(role: str) -> Reviewer:
    """The reviewer with this role in a session."""
    return "interceptor" if role == "review" else "verifier" if role == "verify" else ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure at a provider."""

    code: str
    message: str
    cause: Literal["provider", "setup"]  # setup: no session can work until a person acts
    retry_at: float | None = None  # Unix time, by the provider
    of: Reviewer = ""  # empty: the session's own agent
