"""What people and agents said, for pages and the API, each in one query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestration.models import Entry, Message, Question

MAX_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question that waits for a person."""

    workspace_id: str
    entry_id: str
    seq: int
    title: str
    question_id: int
    text: str
    since: datetime


def unanswered(workspace_ids: Sequence[str], *, limit: int = 500) -> list[Unanswered]:
    """The unanswered questions of these workspaces, oldest first. Not of entries that are done or deleted: nobody waits for those."""
    open_questions = Question.objects.filter(entry__workspace_id__in=workspace_ids, answered_at__isnull=True)
    rows = open_questions.filter(entry__deleted_at__isnull=True).exclude(entry__status=Entry.Status.DONE).select_related("entry")
    return [
        Unanswered(row.entry.workspace_id, row.entry_id, row.entry.seq, row.entry.title, row.pk, row.text, row.asked_at)
        for row in rows.order_by("asked_at", "id")[:limit]
    ]


def questions(entry: Entry) -> list[Question]:
    """The entry's newest questions, newest first."""
    return list(Question.objects.filter(entry=entry).select_related("round").order_by("-id")[:MAX_SHOWN])


def messages(entry: Entry) -> list[Message]:
    """What people said to the entry's agents, newest first: instructions, and messages to sessions."""
    return list(Message.objects.filter(entry=entry).select_related("round").order_by("-id")[:MAX_SHOWN])
