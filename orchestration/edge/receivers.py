"""Receivers of signals that the lower apps send: those know neither entries nor messages.

They import what they use when they are called: loading it takes longer than all else that most commands do.
"""

from collections.abc import Sequence
from typing import Any

from budget.allocation import policy
from budget.ledger import permit_gateway
from budget.limits import caps
from budget.models import Hold
from orchestration.facts import signals
from workspaces import activity


def connect() -> None:
    caps.changed.connect(_on_budget_change, dispatch_uid="orchestration.money")
    signals.may_be_short.connect(_on_less_money, dispatch_uid="orchestration.short")
    activity.recorded.connect(_on_recorded, dispatch_uid="orchestration.notices")
    policy.register_reader(_read_policy)
    permit_gateway.register_opener(_open_for_permit)


def _read_policy(workspace_id: str, lock: bool) -> policy.Policy:
    from orchestration import funding

    return funding.read_policy(workspace_id, lock)


def _open_for_permit(permit: Hold, names: Sequence[str] | None) -> permit_gateway.GatewayToken | str:
    from orchestration.edge import permit_accesses

    return permit_accesses.open_for(permit, names)


def _on_budget_change(sender: Any, *, workspace_id: str, entry_id: str | None, shared_out: bool = False, **_: Any) -> None:
    from orchestration import funding
    from orchestration.configuration import credentials

    credentials.recount_months(workspace_id)
    funding.on_budget_change(workspace_id, entry_id, shared_out=shared_out)


def _on_less_money(sender: Any, *, workspace_id: str, entry_ids: Sequence[str] | None, **_: Any) -> None:
    from orchestration.executor import blocking

    blocking.block_short(workspace_id, entry_ids)


def _on_recorded(sender: Any, **_: Any) -> None:
    from orchestration.messaging import wake_ups

    wake_ups.enqueue_deliveries()
