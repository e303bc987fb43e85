"""Values of a forge's answers, which may be of any shape."""

from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.timezone import now

from orchestration.forges.shared.interface import ForgeError, Problem, PullRequest, State
from orchestration.forges.shared.issues import Issue


def at(value: Any, *keys: str) -> Any:
    """The value under these keys; None where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text(value: Any, *keys: str) -> str:
    inner = at(value, *keys)
    return inner.replace("\0", "") if isinstance(inner, str) else ""


def number(value: Any, *keys: str) -> int | None:
    inner = at(value, *keys)
    return inner if isinstance(inner, int) and not isinstance(inner, bool) else None


def required(value: Any, *keys: str) -> int:
    """Raises ForgeError."""
    if (inner := number(value, *keys)) is None:
        raise ForgeError(Problem.INVALID, f"The forge's answer has no {'.'.join(keys)}")
    return inner


def moment(value: Any, *keys: str) -> datetime:
    """Now, where the forge gives no time: it is new then."""
    try:
        parsed = parse_datetime(text(value, *keys))
    except ValueError:
        parsed = None
    return parsed if parsed is not None and parsed.tzinfo is not None else now()


def written(time: datetime) -> str:
    """A time as a forge reads it."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def pull_request(row: Any, *, is_merged: bool) -> PullRequest:
    """A pull request in the names of GitHub, which other forges have too."""
    state: State = "merged" if is_merged else "closed" if text(row, "state") == "closed" else "open"
    return PullRequest(
        id=str(required(row, "id")),
        number=required(row, "number"),
        url=text(row, "html_url"),
        branch=text(row, "head", "ref"),
        base=text(row, "base", "ref"),
        head=text(row, "head", "sha"),
        state=state,
        body=text(row, "body"),
        merge_commit=text(row, "merge_commit_sha") if is_merged else "",
        ended_by=text(row, "merged_by", "login"),
    )


def issue(row: Any) -> Issue:
    """An issue in the names of GitHub, which other forges have too."""
    labels = at(row, "labels")
    return Issue(
        id=str(required(row, "id")),
        number=required(row, "number"),
        url=text(row, "html_url"),
        title=text(row, "title"),
        body=text(row, "body"),
        by=text(row, "user", "login"),
        is_open=text(row, "state") == "open",
        updated=text(row, "updated_at"),
        labels=frozenset(text(label, "name") for label in labels) if isinstance(labels, list) else frozenset(),
    )


def asks_muster(comment: str) -> bool:
    """True if a comment that is on no line is addressed to Muster."""
    return comment.lstrip().lower().startswith("/muster")
