"""Muster's own message to an agent whose round leads nowhere: once in a round, whatever becomes of its worker."""

from hashlib import sha256

from django.db import transaction

from orchestration.backlog import entry_state
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Message, Session
from workspaces import activity
from workspaces.access import MUSTER

TEXT = """Muster sees that you make no progress: {seen}.
Say in one sentence what you expected and what happened instead, then do something else. If you cannot go on, end your turn and say why.
A round that goes on like this is ended."""


def known(entry_id: str, key: str) -> Message | None:
    """The warning with this key, if it was sent before."""
    return Message.objects.filter(entry_id=entry_id, key=_hash(key)).first()


def send(session: Session, seen: str, *, key: str) -> Message:
    """`seen`: in words."""
    with transaction.atomic():
        entry = entry_state.lock(session.entry)
        if message := known(entry.pk, key):
            return message
        text = TEXT.format(seen=seen)
        message = Message.objects.create(entry=entry, session=session, text=text, sent_by=MUSTER.name, key=_hash(key))
        event = events.MessageSent(entry=entry.pk, session=session.pk, text=text[:200])
        activity.record(entry.workspace_id, event, by=MUSTER, object_id=entry.pk)
    wake_ups.publish_change(entry.workspace_id, "entries", "workers")
    return message


def withdraw(message: Message) -> None:
    """Take it back where it has not arrived."""
    Message.objects.filter(pk=message.pk, delivered_at__isnull=True).delete()


def _hash(key: str) -> str:
    return sha256(f"{MUSTER.name}\n{key}".encode()).hexdigest()
