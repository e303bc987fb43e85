"""The reason why a session had no provider: pure."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Trouble:
    """setup: no session can work until a person acts. `retry_at`: as the provider requests, epoch seconds."""

    code: str
    message: str
    cause: Literal["provider", "setup"]
    retry_at: float | None = None
