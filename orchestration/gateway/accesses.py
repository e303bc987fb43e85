"""The accesses that tokens stand for, with the prices of their workspace. An access that has ended sends nothing in any case, since the database
refuses that."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from budget.ledger import requests
from budget.ledger.prices import Rates
from budget.models import GatewayAccess, Hold
from orchestration import configuration
from orchestration.configuration import circuit_breaker
from orchestration.gateway import database
from orchestration.gateway.database import Kept
from orchestration.models import Executor, ProviderBreaker


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a workspace. `prices`: its own, by model. `allows_inexact`: it takes requests whose bound is not sure. `breakers`: of its providers.
    `overrunning`: credentials and models that make more than they are asked for."""

    prices: Mapping[str, Rates]
    allows_inexact: bool = False
    breakers: tuple[ProviderBreaker, ...] = ()
    overrunning: frozenset[tuple[str, str]] = frozenset()

    def shut(self, credential: str) -> list[ProviderBreaker]:
        """The breakers of a credential by which the gateway sends nothing now."""
        at = datetime.now(UTC)
        mine = (row for row in self.breakers if row.credential == credential and row.code in circuit_breaker.OF_GATEWAY)
        return [row for row in mine if row.until is not None and row.until > at]

    def retried_at(self, credential: str) -> datetime | None:
        """The moment at which a person wanted it tried again; None: nobody did."""
        return next((row.since for row in self.breakers if row.credential == credential and not row.code), None)


@dataclass(frozen=True, slots=True)
class Permitted:
    """An open access."""

    access: GatewayAccess
    rules: Rules

    @property
    def workspace_id(self) -> str:
        return str(self.access.hold.project_id)

    @property
    def owner(self) -> str:
        """Its entry, whose conversations go on in its next session; else its session or permit."""
        return self.access.hold.account_id or self.access.session_ref

    def upstream(self, api: str) -> dict[str, Any] | None:
        """The place where requests of this API go; None: they may not."""
        place = self.access.upstreams.get(api)
        return place if isinstance(place, dict) else None


async def find(access_id: str, *, now: bool = False) -> Permitted | None:
    """None: there is none, or it has ended. `now`: as the database has it, for requests that it does not see."""
    access = await kept.get(access_id, now=now)
    return None if access is None else Permitted(access, await rules.get(access.hold.project_id))


async def may_use(permitted: Permitted, origin: str) -> bool:
    """True for the address that used the access first, which this one may be."""
    access = permitted.access
    if not access.origin:
        access.origin = await database.run(lambda: requests.bind_access(access.pk, origin))
    return access.origin in (origin, GatewayAccess.ANYWHERE)


def _access(access_id: str) -> GatewayAccess | None:
    is_open = GatewayAccess.objects.filter(pk=access_id, ended_at__isnull=True, hold__state=Hold.State.OPEN)
    return is_open.select_related("hold").first()


def _read_rules(workspace_id: str) -> Rules:
    config = configuration.load(Executor.objects.values_list("config", flat=True).get(pk=workspace_id))
    breakers = tuple(circuit_breaker.breakers(workspace_id))
    return Rules(config.rates, config.gateway == "inexact", breakers, requests.overrunning(workspace_id))


kept = Kept(_access, fresh_s=30, stale_s=120)
rules = Kept(_read_rules, fresh_s=2, stale_s=6)
