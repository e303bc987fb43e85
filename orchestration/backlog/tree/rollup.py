"""The state of an entry that is split, by the states of its children: pure (docs/reference/states.md shows it)."""

from collections.abc import Sequence
from typing import Protocol

from orchestration.backlog.rules import ways
from orchestration.backlog.rules.transitions import Next
from orchestration.facts.reasons import WAITING_FOR_CHILDREN, Reason

WAITING = Next("pending", Reason.CHILDREN_UNFINISHED, WAITING_FOR_CHILDREN)
MAX_NAMED = 3
ENDED = ("done", "failed")


class Child(Protocol):
    """The fields of a child that count for the entry above it. `unmet_dependencies`: for how many it waits."""

    seq: int
    status: str
    reason_code: str
    unmet_dependencies: int
    is_container: bool

    @property
    def title(self) -> str: ...


def state_of(children: Sequence[Child]) -> Next:
    """The state of a split entry: in progress while a child is, done when all are. It has failed when all other children have failed or wait for
    failed ones, and is blocked when none of the others can start by itself."""
    if any(child.status == "in_progress" for child in children):
        return Next("in_progress")
    if children and all(child.status == "done" for child in children):
        return Next("done", done=ways.CHILDREN)
    pending = [child for child in children if child.status == "pending"]
    failed = [child for child in children if child.status == "failed"]
    blocked = [child for child in children if child.status == "blocked"]
    stuck = [child for child in blocked if child.reason_code != Reason.DEPENDENCY_FAILED]
    if failed and not pending and not stuck:
        return Next("failed", Reason.CHILDREN_UNFINISHED, _sentence(failed, "failed"))
    if any(child.is_container or not child.unmet_dependencies for child in pending) or not (failed or blocked):
        return WAITING
    named = [_sentence(failed, "failed"), _sentence(stuck or blocked, "blocked")]
    return Next("blocked", Reason.CHILDREN_UNFINISHED, ". ".join(part for part in named if part))


def _sentence(children: Sequence[Child], state: str) -> str:
    if not children:
        return ""
    named = ", ".join(f"#{child.seq} {child.title}"[:100] for child in children[:MAX_NAMED])
    more = f" and {len(children) - MAX_NAMED} more" if len(children) > MAX_NAMED else ""
    verb = "" if state == "failed" else ("are " if len(children) > 1 else "is ")
    return f"{named}{more} {verb}{state}"[:240]
