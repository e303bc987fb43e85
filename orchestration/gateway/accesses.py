"""The accesses that tokens stand for, with the prices of their workspace. Read again after a few seconds: an access that has ended sends nothing in any
case, since the database refuses that."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from budget.ledger.prices import Rates
from budget.models import GatewayAccess, Hold
from orchestration import configuration
from orchestration.gateway import database
from orchestration.models import Executor

FRESH_S = 2.0
MOST_KEPT = 5000


@dataclass(frozen=True, slots=True)
class Permitted:
    """An open access. `prices`: the workspace's own, by model. `allows_inexact`: it takes requests whose bound is not sure."""

    access: GatewayAccess
    workspace_id: str
    prices: Mapping[str, Rates]
    allows_inexact: bool = False

    @property
    def owner(self) -> str:
        """Its entry, whose conversations go on in its next session; else its session or permit."""
        return self.access.hold.account_id or self.access.session_ref

    def upstream(self, api: str) -> dict[str, Any] | None:
        """The place where requests of this API go; None: they may not."""
        place = self.access.upstreams.get(api)
        return place if isinstance(place, dict) else None


_kept: dict[str, tuple[float, Permitted | None]] = {}


async def find(access_id: str) -> Permitted | None:
    """None: there is none, or it has ended."""
    kept = _kept.get(access_id)
    if kept is not None and time.monotonic() - kept[0] < FRESH_S:
        return kept[1]
    permitted = await database.run(lambda: _read(access_id))
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept[access_id] = (time.monotonic(), permitted)
    return permitted


def _read(access_id: str) -> Permitted | None:
    is_open = GatewayAccess.objects.filter(pk=access_id, ended_at__isnull=True, hold__state=Hold.State.OPEN)
    access = is_open.select_related("hold").first()
    if access is None:
        return None
    workspace_id = access.hold.project_id
    config = configuration.load(Executor.objects.values_list("config", flat=True).get(pk=workspace_id))
    return Permitted(access, workspace_id, config.rates, config.gateway == "inexact")
