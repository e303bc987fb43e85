"""Decisions that follow from what a forge shows of a pull request: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestration.forges.shared.interface import Check, Comment, PullRequest

QUIET = timedelta(seconds=60)
"""A person writes several comments one after the other: they start one round together, once the newest is so old."""
CI_BEGINS, NO_CI = timedelta(seconds=60), timedelta(minutes=5)
"""A forge may show a check only some time after the push: so long nothing is merged, and without any check so much longer."""
MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class View:
    """`head`: the commit that Muster verified and pushed. `waits`: the entry waits for the merge; otherwise it is at work again. `is_approved`: exactly this head. `comments`:
    which no round was given yet. `merges`: Muster merges what is green and approved. `below`: the numbers of pull requests that it contains, which are to be merged first."""

    pull: PullRequest
    head: str
    waits: bool
    now: datetime
    checks: Sequence[Check] = ()
    comments: Sequence[Comment] = ()
    is_approved: bool = False
    merges: bool = False
    below: Sequence[int] = ()
    pushed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    commit: str
    by: str


@dataclass(frozen=True, slots=True)
class Closed:
    by: str


@dataclass(frozen=True, slots=True)
class Adopt:
    """Other commits than Muster's are there: they are verified first."""

    head: str


@dataclass(frozen=True, slots=True)
class SendBack:
    """A round is needed. `comments`: all that the agent is to read, the failed `checks` too."""

    checks: Sequence[Check]
    comments: Sequence[Comment]


@dataclass(frozen=True, slots=True)
class Merge:
    pass


@dataclass(frozen=True, slots=True)
class Wait:
    """`why`: a sentence."""

    why: str


Decision = Merged | Closed | Adopt | SendBack | Merge | Wait


def decide(view: View) -> Decision:
    """Decide what to do now. Checks count for exactly the head that was verified."""
    pull = view.pull
    if pull.state == "merged":
        return Merged(pull.merge_commit or pull.head, pull.ended_by)
    if pull.state == "closed":
        return Closed(pull.ended_by)
    if not view.waits:
        return Wait("Its entry is at work again")
    if pull.head != view.head:
        return Adopt(pull.head)
    return _of_evidence(view)


def counts(comment: Comment) -> bool:
    """True if a comment may become a finding: strangers start no paid work, and put no words into a prompt."""
    return comment.is_trusted and bool(comment.text.strip())


def _of_evidence(view: View) -> Decision:
    pending = [check for check in view.checks if check.outcome == "pending"]
    failed = [check for check in view.checks if check.outcome == "failed"]
    comments = [comment for comment in view.comments if counts(comment)]
    if any(comment.asks for comment in comments):
        newest = max(comment.at for comment in comments)
        if view.now - newest < QUIET:
            return Wait("Waiting for the reviewer to finish: the newest comment is less than a minute old")
        return SendBack(failed, comments)
    if failed and not pending:
        return SendBack(failed, comments)
    if pending:
        return Wait(f"Waiting for {_named(pending)} in CI")
    if view.below:
        numbers = ", ".join(map(str, view.below))
        return Wait(f"Waiting for pull request{'' if len(view.below) == 1 else 's'} {numbers} to be merged first")
    if not view.merges:
        return Wait("Waiting for a person to merge it")
    if not view.is_approved:
        return Wait("Waiting for an approval there")
    age = view.now - view.pushed_at if view.pushed_at else timedelta()
    return Merge() if age >= (CI_BEGINS if view.checks else NO_CI) else Wait("Approved: waiting for CI to begin")


def _named(checks: Sequence[Check]) -> str:
    more = f" and {len(checks) - MAX_NAMED} more" if len(checks) > MAX_NAMED else ""
    return ", ".join(check.name[:60] for check in checks[:MAX_NAMED]) + more


def log_end(log: str, *, lines: int = 200, max_chars: int = 20_000) -> str:
    """The last lines of a log, which say why a check failed."""
    return "\n".join(log.rstrip().splitlines()[-lines:])[-max_chars:]
