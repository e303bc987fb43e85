"""A session's failure at its provider, and the access that it closes: pure."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Reviewer = Literal["", "interceptor", "verifier"]

ALL_MODELS = ""
"""The family of a limit on a whole credential."""


class ModelAccess(NamedTuple):
    """A credential and models that a provider limits as one. `family`: of models, or ALL_MODELS."""

    credential: str
    family: str


def reviewer(role: str) -> Reviewer:
    """The part of the config whose agent has this role in a session."""
    return "interceptor" if role == "review" else "verifier" if role == "verify" else ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """setup: no session can work until a person acts. `retry_at`: as the provider requests, epoch seconds. `of`: the part of the config whose
    agent it met; empty: the session's own agent."""

    code: str
    message: str
    cause: Literal["provider", "setup"]
    retry_at: float | None = None
    of: Reviewer = ""
