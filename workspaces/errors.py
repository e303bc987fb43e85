"""The errors that callers cause. Raised where they are known; turned into an answer in one place (config/api.py, config/errors.py)."""


class Refused(Exception):
    """Something was asked for that is not given. The message is for the caller."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unauthorized(Refused):
    """No credentials, or bad ones: 401."""


class Forbidden(Refused):
    """Known, but not allowed: 403."""


class NotFound(Refused):
    """Unknown, or not this caller's to see: 404."""


class Conflict(Refused):
    """What the caller saw has changed meanwhile: 409. Nothing was overwritten."""


class Invalid(Refused):
    """Bad input: 400. `names` are the offending path, query or body properties."""

    def __init__(self, message: str, *names: str) -> None:
        super().__init__(message)
        self.names = names
