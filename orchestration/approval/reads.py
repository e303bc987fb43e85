"""Work that waits for approval, as the pages and the API show it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.db.models import Q, QuerySet

from orchestration.approval import findings
from orchestration.facts.reasons import Reason
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.models import Approval, Entry, FileLock, Landing, ReviewComment, Round

MAX_COMMENTS = 500


@dataclass(frozen=True)
class Waiting:
    """An entry whose work waits for a person. `why`: the rule that asks for one."""

    workspace_id: str
    entry_id: str
    seq: int
    title: str
    commit: str
    why: str
    since: datetime


@dataclass(frozen=True)
class AwaitedWork:
    """The work that a person decides about. `landing`: None when nothing waits. `approval`: the last one that counts. `notes`: the number
    of a round, and what people wrote of its work as a whole when they sent it back, the oldest first. `locks_free_at`: from when on a
    person may release the locks."""

    landing: Landing | None
    approval: Approval | None
    comments: list[ReviewComment]
    notes: list[tuple[int, str]]
    rounds: list[Round]
    locks: list[str]
    locks_free_at: datetime | None


def waiting(workspace_ids: Collection[str], *, limit: int | None = None) -> list[Waiting]:
    """The work of these workspaces that waits for approval, the longest first. `limit`: the first ones alone. One query."""
    return [
        Waiting(
            workspace_id=landing.workspace_id,
            entry_id=landing.entry.pk,
            seq=landing.entry.seq,
            title=landing.entry.title,
            commit=landing.commit,
            why=landing.approval_needed or landing.entry.reason_message,
            since=landing.entry.reason_at or landing.queued_at,
        )
        for landing in _waiting(workspace_ids).select_related("entry").order_by("entry__reason_at", "pk")[:limit]
        if landing.entry is not None
    ]


def number_waiting(workspace_ids: Collection[str]) -> int:
    """The number of all of it. One query."""
    return _waiting(workspace_ids).count()


def _waiting(workspace_ids: Collection[str]) -> QuerySet[Landing]:
    asked = Q(state=Landing.State.WAITING) | Q(state=Landing.State.UNPROVEN, entry__reason_code=Reason.UNPROVEN)
    return Landing.objects.filter(asked, workspace_id__in=workspace_ids, entry__isnull=False)


def review(entry: Entry, *, lock_hours: int) -> AwaitedWork:
    """Five queries."""
    related = ("round__session", "tried_verdict")
    asked = (Landing.State.WAITING, Landing.State.UNPROVEN)
    landing = Landing.objects.filter(entry=entry, state__in=asked).select_related(*related).first()
    free_at = entry.reason_at + timedelta(hours=lock_hours) if landing is not None and entry.reason_at else None
    written, rounds = comments(entry), list(Round.objects.filter(entry=entry).order_by("-number")[:20])
    return AwaitedWork(
        landing=landing,
        approval=Approval.objects.filter(entry=entry, void_at__isnull=True).order_by("-at").first(),
        comments=written,
        notes=_notes(rounds, written),
        rounds=rounds,
        locks=list(FileLock.objects.filter(entry=entry).order_by("path").values_list("path", flat=True)),
        locks_free_at=free_at,
    )


def comments(entry: Entry) -> list[ReviewComment]:
    """The newest ones, in their order."""
    return list(ReviewComment.objects.filter(entry=entry).order_by("-pk")[:MAX_COMMENTS])[::-1]


def _notes(rounds: Iterable[Round], written: Iterable[ReviewComment]) -> list[tuple[int, str]]:
    """Findings of a review that are no comments."""
    known = {findings.of_comment(comment) for comment in written}
    notes = [
        (r.number, text) for r in rounds for text in r.findings if text.startswith(findings.BY_A_PERSON) and text not in known
    ]
    return notes[::-1]


def base_of(repo: Path, landing: Landing) -> str:
    """The commit that the work is compared with: where it left the integration branch. Without git's answer, where its round began."""
    began = landing.round.base_commit if landing.round is not None else ""
    if landing.tried_tip:
        try:
            code, base, _ = git.attempt(repo, "merge-base", landing.tried_tip, landing.commit)
        except GitError:
            return began
        return base.strip() if code == 0 else began
    return began
