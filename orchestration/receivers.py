"""Receivers of signals that the lower apps send: those know neither entries nor messages."""

from typing import Any

from budget.allocation import policy
from budget.limits import caps
from orchestration import funding
from orchestration.messaging import wake_ups
from workspaces import activity


def connect() -> None:
    caps.changed.connect(_on_budget_change, dispatch_uid="orchestration.money")
    activity.recorded.connect(_on_recorded, dispatch_uid="orchestration.notices")
    policy.register_reader(funding.read_policy)


def _on_budget_change(sender: Any, *, workspace_id: str, entry_id: str | None, shared_out: bool = False, **_: Any) -> None:
    funding.on_budget_change(workspace_id, entry_id, shared_out=shared_out)


def _on_recorded(sender: Any, **_: Any) -> None:
    wake_ups.enqueue_deliveries()
