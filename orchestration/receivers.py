"""What the work does when the layers below say that something happened. They know nothing of entries and doorbells: they send, this listens."""

from typing import Any

from budget import caps
from orchestration import entries, wake
from workspaces import activity


def connect() -> None:
    caps.changed.connect(_on_money, dispatch_uid="orchestration.money")
    activity.told.connect(_on_told, dispatch_uid="orchestration.notices")


def _on_money(sender: Any, *, workspace_id: str, entry_id: str | None, **_: Any) -> None:
    entries.unblock_affordable(workspace_id, [entry_id] if entry_id else None)


def _on_told(sender: Any, **_: Any) -> None:
    wake.deliver()
