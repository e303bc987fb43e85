"""What the work does when the money says that something changed. Budget knows nothing of entries: it sends, this listens."""

from typing import Any

from budget import caps, terms
from orchestration import funding


def connect() -> None:
    caps.changed.connect(_on_money, dispatch_uid="orchestration.money")
    terms.read_with(funding.read_terms)


def _on_money(sender: Any, *, workspace_id: str, entry_id: str | None, shared_out: bool = False, **_: Any) -> None:
    funding.on_money(workspace_id, entry_id, shared_out=shared_out)
