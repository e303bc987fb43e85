"""What the work does when the money says that something changed. Budget knows nothing of entries: it sends, this listens."""

from typing import Any

from budget import caps
from orchestration import entries


def connect() -> None:
    caps.changed.connect(_on_money, dispatch_uid="orchestration.money")


def _on_money(sender: Any, *, workspace_id: str, entry_id: str | None, **_: Any) -> None:
    entries.unblock_affordable(workspace_id, [entry_id] if entry_id else None)
