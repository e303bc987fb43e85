"""Errors that callers cause. Turned into responses in one place (config/http/api.py, config/http/errors.py)."""

from collections.abc import Sequence


class Refused(Exception):
    """A refused request. The message is for the caller."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unauthorized(Refused):
    """Missing or invalid credentials: 401."""


class Forbidden(Refused):
    """Known, but not allowed: 403. `roles`: those that may, where a role is what is missing."""

    def __init__(self, message: str, roles: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.roles = roles


class NotFound(Refused):
    """Unknown, or not visible to this caller: 404."""


class Conflict(Refused):
    """The state that the caller saw has changed meanwhile: 409. Nothing was overwritten."""


class TooMany(Refused):
    """More tries than a window allows: 429. `wait`: seconds."""

    def __init__(self, wait: float, what: str = "tries") -> None:
        minutes = max(-(-int(wait) // 60), 1)
        super().__init__(f"Too many {what}. Wait {minutes} minute{'' if minutes == 1 else 's'}, then try again.")
        self.wait = int(wait)


class Invalid(Refused):
    """Bad input: 400. `names` are the offending path, query or body properties."""

    def __init__(self, message: str, *names: str) -> None:
        super().__init__(message)
        self.names = names
