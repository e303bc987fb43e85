"""The accesses of tokens, with their workspace's rules. Both are cached: a stale access sends nothing, since the database refuses that."""

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
from orchestration.gateway.database import RefreshingCache
from orchestration.models import Executor, ProviderBreaker


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a workspace."""

    prices: Mapping[str, Rates]  # its own, by model
    allows_inexact: bool = False  # requests without an exact bound
    breakers: tuple[ProviderBreaker, ...] = ()
    overrunning: frozenset[tuple[str, str]] = frozenset()  # credentials and models that exceed their output limit

    def open_breakers(self, credential: str) -> list[ProviderBreaker]:
        """The open breakers of a credential."""
        at = datetime.now(UTC)
        mine = (row for row in self.breakers if row.credential == credential and row.code in circuit_breaker.GATEWAY_CODES)
        return [row for row in mine if row.until is not None and row.until > at]

    def retried_at(self, credential: str) -> datetime | None:
        """The time of a person's newest retry; None: there is none."""
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
        """The owner of its conversations: its entry, whose next session continues them; else its session or permit."""
        return self.access.hold.account_id or self.access.session_ref

    def upstream(self, api: str) -> dict[str, Any] | None:
        """The upstream of this API; None: not permitted."""
        place = self.access.upstreams.get(api)
        return place if isinstance(place, dict) else None


async def find(access_id: str, *, now: bool = False) -> Permitted | None:
    """The open access, or None. `now` skips the cache: for free requests, which the database does not check."""
    access = await cache.get(access_id, now=now)
    return None if access is None else Permitted(access, await rules_cache.get(access.hold.project_id))


async def may_use(permitted: Permitted, origin: str) -> bool:
    """True for the address of the access's first use. The first caller binds it."""
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


cache = RefreshingCache(_access, fresh_s=30, stale_s=120)
rules_cache = RefreshingCache(_read_rules, fresh_s=2, stale_s=6)
