"""Messages of people to agents: an instruction for the entry's next prompt, or a message to an agent at work."""

import hashlib
from typing import Any, Literal

from django.db import transaction

from orchestration.backlog import entry_actions, entry_state
from orchestration.dialogue import texts
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Message, Session
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid

MAX_QUEUED = 20
MAX_KEY_CHARS = 200
STUCK = (Entry.Status.BLOCKED, Entry.Status.FAILED)

State = Literal["queued", "delivered", "refused"]


def instruct(entry: Entry, text: str, *, by: Caller, key: str | None = None, retry: bool = False) -> Message:
    """Give an entry an instruction: it is first in the next prompt. `retry`: an entry that is blocked or failed goes on with it. The same `key`
    counts once. Raises Invalid for an entry that is done or split, and where too much is queued."""
    text = texts.checked(text, "text")
    with transaction.atomic():
        row = entry_state.lock(entry)
        if message := _known(row, text, by=by, key=key):
            return message
        if row.status == Entry.Status.DONE:
            raise Invalid("The entry is done: reopen it first, or add a new entry", "entryID")
        if row.is_container:
            raise Invalid("The entry is split: give its children the instruction", "entryID")
        message = _queue(row, text, by=by, key=key)
        event = events.EntryInstructed(entry=row.pk, text=text[:200])
        activity.record(row.workspace_id, event, by=by, object_id=row.pk)
        if retry and row.status in STUCK:
            entry_actions.resume(row, by=by, reason=f"Try again with: {text}"[:500])
    wake_ups.publish_change(entry.workspace_id, "entries", "workers")
    return message


def send(session: Session, text: str, *, by: Caller, key: str | None = None) -> Message:
    """Write to the agent of a session at work: at its next tool where its CLI has a hook, else with its next prompt. Raises Conflict if the
    session has ended."""
    text = texts.checked(text, "text")
    with transaction.atomic():
        row = entry_state.lock(session.entry)
        if message := _known(row, text, by=by, key=key):
            return message
        if not Session.objects.filter(pk=session.pk, status__in=Session.OPEN).exists():
            raise Conflict("The session has ended: give its entry an instruction instead")
        message = _queue(row, text, by=by, key=key, session=session)
        event = events.MessageSent(entry=row.pk, session=session.pk, text=text[:200])
        activity.record(row.workspace_id, event, by=by, object_id=row.pk)
    wake_ups.publish_change(row.workspace_id, "entries", "workers")
    return message


def state(message: Message, entry: Entry) -> State:
    """delivered: an agent is known to have got it. refused: its entry is done, so no agent will. Else it waits for one."""
    if message.delivered_at is not None:
        return "delivered"
    return "refused" if entry.status == Entry.Status.DONE or entry.deleted_at is not None else "queued"


def _queue(entry: Entry, text: str, *, by: Caller, key: str | None, **more: Any) -> Message:
    if Message.objects.filter(entry=entry, delivered_at__isnull=True).count() >= MAX_QUEUED:
        raise Invalid(f"{MAX_QUEUED} messages wait for this entry's agent already: wait until it has got them", "text")
    return Message.objects.create(entry=entry, text=text, sent_by=by.name, key=_hash(by, key), **more)


def _known(entry: Entry, text: str, *, by: Caller, key: str | None) -> Message | None:
    """The message that the same request made before. Raises Invalid for another text with its key."""
    if key is None:
        return None
    message = Message.objects.filter(entry=entry, key=_hash(by, key)).first()
    if message is not None and message.text != text:
        raise Invalid("This key was used for another message", "Idempotency-Key")
    return message


def _hash(by: Caller, key: str | None) -> str:
    if key is None:
        return ""
    if not 1 <= len(key) <= MAX_KEY_CHARS:
        raise Invalid(f"The key must have 1 to {MAX_KEY_CHARS} characters", "Idempotency-Key")
    return hashlib.sha256(f"{by.name}\n{key}".encode("utf-8", "surrogatepass")).hexdigest()
