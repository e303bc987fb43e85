"""Comments of people on lines of work that waits for approval. Once the work is sent back, each comment is a finding."""

from pathlib import Path

from django.db import transaction
from django.utils.timezone import now

from orchestration import configuration
from orchestration.approval import deciding, people, reads
from orchestration.backlog import entry_state
from orchestration.configuration import secrets
from orchestration.git import changes
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.models import Entry, Executor, Landing, ReviewComment
from orchestration.repositories import local_repository
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid, NotFound

Side = ReviewComment.Side
MAX_COMMENTS = 200
MAX_FILE_BYTES = 5_000_000


def draft(
    entry: Entry, commit: str, text: str, *, by: Caller, path: str = "", line: int | None = None, side: Side = Side.NEW
) -> ReviewComment:
    """A comment on a line, on a file (no line), or on the work (no path), not saved. `side`: whether the line is counted after the change,
    or before. Raises Conflict when another commit waits, Forbidden, or Invalid for a place that the work does not have."""
    people.refuse_agents(by)
    landing = deciding.waiting_landing(entry)
    if landing is None or landing.commit != commit:
        raise Conflict("This commit does not wait for approval any more: look again. Nothing was written")
    if line is not None and not path:
        raise Invalid("needs the path of its file", "line")
    quote = _quote(entry, landing, path, line, side) if path else ""
    return ReviewComment(
        entry=entry, commit=commit, path=path, line=line, side=side, quote=quote, text=text.strip(), by=by.name, at=now()
    )


def add(
    entry: Entry, commit: str, text: str, *, by: Caller, path: str = "", line: int | None = None, side: Side = Side.NEW
) -> ReviewComment:
    """Save a `draft`."""
    comment = draft(entry, commit, text, by=by, path=path, line=line, side=side)
    with transaction.atomic():
        row = entry_state.lock(entry)
        if ReviewComment.objects.filter(entry=row, commit=commit).count() >= MAX_COMMENTS:
            raise Invalid(f"There are {MAX_COMMENTS} comments on this commit: send it back with these first", "text")
        comment.save()
    return comment


def remove(entry: Entry, comment_id: int, *, by: Caller) -> None:
    """Take a comment back that no agent was given yet. Raises NotFound, or Conflict."""
    people.refuse_agents(by)
    comment = ReviewComment.objects.filter(pk=comment_id, entry=entry).first() if comment_id < 2**63 else None
    if comment is None:
        raise NotFound("Comment not found")
    if not ReviewComment.objects.filter(pk=comment.pk, sent_at__isnull=True).delete()[0]:
        raise Conflict("The work was sent back with this comment: it stays")


def _quote(entry: Entry, landing: Landing, path: str, line: int | None, side: Side) -> str:
    """The line itself, without secrets. Raises Invalid."""
    repo = local_repository.to_show(entry.workspace, landing.commit)
    base = reads.base_of(repo, landing)
    try:
        if path not in changes.changed_files(repo, base, landing.commit):
            raise Invalid("is not a file that this work changes", "path")
        if line is None:
            return ""
        lines = _lines(repo, base if side == Side.OLD else landing.commit, path)
    except GitError as problem:
        raise Invalid(f"cannot be read: {str(problem)[-200:]}", "path") from None
    if line > len(lines):
        raise Invalid(f"has {len(lines)} lines {'before' if side == Side.OLD else 'after'} the change", "line")
    config = configuration.load(Executor.objects.get(pk=entry.workspace_id).config)
    return secrets.mask_for(entry.workspace_id, configuration.envs(config))(lines[line - 1])[:300].replace("\0", "")


def _lines(repo: Path, commit: str, path: str) -> list[str]:
    """The lines of a file at a commit; none where it is not there."""
    if git.attempt(repo, "cat-file", "-e", f"{commit}:{path}")[0]:
        return []
    text, _ = git.read_start(repo, "cat-file", "blob", f"{commit}:{path}", limit_bytes=MAX_FILE_BYTES)
    return text.removesuffix("\n").split("\n")
