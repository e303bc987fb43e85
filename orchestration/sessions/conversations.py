"""The threads of agents' CLIs: which one an entry's next round goes on with."""

from typing import Any

from orchestration.models import Conversation


def find(entry_id: str, role: str, kind: str) -> tuple[str, dict[str, Any]] | None:
    """The thread's id and totals; None: a new one is to be started."""
    return Conversation.objects.filter(entry_id=entry_id, role=role, kind=kind).values_list("thread_id", "totals").first()


def keep(entry_id: str, role: str, kind: str, thread_id: str, totals: dict[str, Any]) -> None:
    """This thread is the one to go on with."""
    Conversation.objects.update_or_create(
        entry_id=entry_id, role=role, kind=kind, defaults={"thread_id": thread_id[:200], "totals": totals}
    )


def forget(entry_id: str, *, role: str | None = None, kind: str | None = None) -> None:
    """Start anew next time: the thread is gone, full, or its entry done."""
    threads = Conversation.objects.filter(entry_id=entry_id)
    if role is not None:
        threads = threads.filter(role=role)
    if kind is not None:
        threads = threads.filter(kind=kind)
    threads.delete()
