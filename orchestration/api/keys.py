"""The header `Idempotency-Key` of calls that create something."""

from typing import Annotated

from ninja import Header

from workspaces.access import Request

Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]


def once(request: Request, key: str | None, subject: str = "") -> str:
    """The caller's own key, about this subject; empty without one."""
    operation = request.path.rpartition("/")[2]
    return f"api:{request.auth.name}:{operation}:{subject}:{key}" if key else ""
