"""The threads of agents' CLIs: an entry's next round continues its last one. `work_id`: `Session.work_id`, of an entry, a candidate, or a run."""

from typing import Any

from orchestration.models import Conversation


def find(work_id: str, role: str, kind: str) -> tuple[str, dict[str, Any]] | None:
    """The thread's id and totals; None: start a new thread."""
    return Conversation.objects.filter(**_of(work_id), role=role, kind=kind).values_list("thread_id", "totals").first()


def keep(work_id: str, role: str, kind: str, thread_id: str, totals: dict[str, Any]) -> None:
    """Continue this thread in the next round."""
    Conversation.objects.update_or_create(
        **_of(work_id), role=role, kind=kind, defaults={"thread_id": thread_id[:200], "totals": totals}
    )


def forget(work_id: str, *, role: str | None = None, kind: str | None = None) -> None:
    """Start a new thread next time: the old one is gone or full, or its entry is done."""
    threads = Conversation.objects.filter(**_of(work_id))
    if role is not None:
        threads = threads.filter(role=role)
    if kind is not None:
        threads = threads.filter(kind=kind)
    threads.delete()


def _of(work_id: str) -> dict[str, Any]:
    if work_id.startswith("run_"):
        return {"run_id": work_id}
    entry_id, _, candidate = work_id.partition("-")
    return {"entry_id": entry_id, "candidate": int(candidate or 0)}
