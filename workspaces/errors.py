"""Errors that callers cause. Turned into responses in one place (config/http/api.py, config/http/errors.py)."""


class Refused(Exception):
    """A refused request. The message is for the caller."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unauthorized(Refused):
    """Missing or invalid credentials: 401."""


class Forbidden(Refused):
    """Known, but not allowed: 403."""


class NotFound(Refused):
    """Unknown, or not visible to this caller: 404."""


class Conflict(Refused):
    """The state that the caller saw has changed meanwhile: 409. Nothing was overwritten."""


class Invalid(Refused):
    """Bad input: 400. `names` are the offending path, query or body properties."""

    def __init__(self, message: str, *names: str) -> None:
        super().__init__(message)
        self.names = names
