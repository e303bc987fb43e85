"""The ways in which an entry becomes done, each with its parts: pure. The database keeps which one it was (docs/reference/states.md)."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["landed", "merged", "closed", "children", "nothing_to_do"]


@dataclass(frozen=True, slots=True)
class Done:
    """`commit`: the tip of the integration branch that has the work. `round`: whose work it is. `pull_request`: the id of its row. `by`: the person who
    closed the entry, and `reason`, in their words."""

    kind: Kind
    commit: str = ""
    round: int | None = None
    pull_request: int | None = None
    by: str = ""
    reason: str = ""


def landed(commit: str, *, round: int) -> Done:
    """The work of this round is on the integration branch: `newest_work.proof` asks git."""
    return Done("landed", commit=commit, round=round)


def merged(pull_request: int) -> Done:
    """The forge merged its pull request, by whatever method."""
    return Done("merged", pull_request=pull_request)


def closed(*, by: str, reason: str = "") -> Done:
    """A person ended it without its work."""
    return Done("closed", by=by, reason=reason)


def nothing_to_do(*, round: int) -> Done:
    """The agent of this round ended well and changed nothing, and no other round has changed anything."""
    return Done("nothing_to_do", round=round)


CHILDREN = Done("children")
"""It is split, and all of its children are done."""
