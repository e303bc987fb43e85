"""Issues of a repository, and who labelled them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Standing = Literal["writer", "stranger", "bot"]
"""writer: may write to the repository. bot: an account of a program, whatever it may do."""


@dataclass(frozen=True, slots=True)
class Issue:
    """`id`: the forge's own, which never changes. `by`: its author. `updated`: another text after each change, in seconds at best."""

    id: str
    number: int
    url: str
    title: str
    body: str
    by: str
    is_open: bool
    updated: str
    labels: frozenset[str] = frozenset()

    def has(self, label: str) -> bool:
        return label.casefold() in {name.casefold() for name in self.labels}


@dataclass(frozen=True, slots=True)
class Account:
    """Empty: it was deleted. `is_program`: the forge's event itself says that a program did it."""

    id: str = ""
    login: str = ""
    is_program: bool = False


@dataclass(frozen=True, slots=True)
class LabelEvent:
    """A label was added. `id`: the forge's own of this event."""

    id: str
    by: Account
    at: datetime


class Tracker(Protocol):
    """The issues of one repository. Every method raises ForgeError."""

    def labelled(self, label: str, since: datetime) -> Iterator[Issue]:
        """Open issues that have it, and changed at that time or later. Raises ForgeError where there are more than it can read, after those."""
        ...

    def label_event(self, number: int, label: str, since: datetime) -> LabelEvent | None:
        """The newest event that added it. None: there is none, or it was removed later. `since`: earlier ones need not be read."""
        ...

    def standing(self, account: Account) -> Standing: ...

    def own_login(self) -> str:
        """The account of the token; empty where it has none, as an app's."""
        ...

    def get(self, number: int) -> Issue: ...

    def has_comment(self, number: int, marker: str, since: datetime) -> bool:
        """True if a comment of that time or later has the marker."""
        ...

    def comment(self, number: int, text: str) -> None: ...

    def close(self, number: int) -> None: ...


def newest(events: Sequence[tuple[bool, LabelEvent]]) -> LabelEvent | None:
    """The newest of (was added, event), unless that removed it."""
    added, event = max(events, key=lambda each: int(each[1].id), default=(False, None))
    return event if added else None
