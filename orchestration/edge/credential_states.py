"""The credentials of a workspace for pages and the API: those that are stored, and those that its agents derive from a variable or a login."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestration import configuration
from orchestration.configuration import agent_states, circuit_breaker, credentials, windows
from orchestration.models import Credential, Executor, ProviderBreaker


@dataclass(frozen=True, slots=True)
class Window:
    """`used`: percent, of a month USD; None: unknown. `at`: the value of `stop_at`; None: none is set."""

    name: str
    used: float | None
    resets_at: datetime | None
    read_at: datetime | None
    at: float | None

    @property
    def title(self) -> str:
        return credentials.window_title(self.name)

    @property
    def is_money(self) -> bool:
        return self.name == windows.OF_MONTH


@dataclass(frozen=True, slots=True)
class CredentialState:
    """`row`: not saved where the credential is only derived. `agents`: the names of those that use it. `breakers`: the open ones, by family of models;
    a window that stops its agents is the last, and in no table."""

    row: Credential
    agents: list[str]
    breakers: list[ProviderBreaker]
    address: str = ""
    """The base URL in the env of agents that derive it."""

    @property
    def is_own(self) -> bool:
        return credentials.is_named_by_admin(self.row.name)

    @property
    def may_be_retried(self) -> bool:
        """A window opens by itself, at its reset."""
        return any(breaker.pk is not None for breaker in self.breakers)

    @property
    def is_stored(self) -> bool:
        return self.row.pk is not None

    @property
    def has_key(self) -> bool:
        return self.row.sealed is not None

    def windows(self, at: datetime) -> list[Window]:
        """Windows with a reading of its provider whose reset is to come, and those that stop it."""
        known = {name: its for name, its in self.row.windows.items() if its["resets_at"] > at.timestamp()}
        names = sorted({*known, *self.row.stop_at}, key=_length)
        return [_window(name, known.get(name, {}), self.row.stop_at.get(name)) for name in names]


def of_executor(executor: Executor) -> list[CredentialState]:
    """By name, those in use first. Four queries."""
    config = configuration.load(executor.config)
    secrets = circuit_breaker.secret_names(executor.pk)
    used = credentials.agent_names(config, secrets)
    rows = {row.name: row for row in Credential.objects.filter(workspace_id=executor.pk)}
    open_ones: defaultdict[str, list[ProviderBreaker]] = defaultdict(list)
    for breaker in [*circuit_breaker.breakers(executor.pk), *agent_states.window_breakers(rows.values())]:
        if breaker.code:
            open_ones[breaker.credential].append(breaker)
    names = sorted({*rows, *used}, key=lambda name: (name not in used, name))
    return [
        CredentialState(
            rows.get(name) or Credential(workspace_id=executor.pk, name=name),
            used.get(name, []),
            open_ones.get(name, []),
            credentials.base_url(credentials.derived_users(config, secrets, name)),
        )
        for name in names
    ]


def as_json(state: CredentialState, at: datetime) -> dict[str, Any]:
    """For the API, without the key."""
    row = state.row
    return {
        "name": row.name,
        "agents": state.agents,
        "has_key": state.has_key,
        "variable": row.variable or None,
        "base_url": row.base_url or None,
        "billing": row.billing,
        "stop_at": row.stop_at,
        "windows": {
            window.name: {"used": window.used, "resets_at": window.resets_at, "read_at": window.read_at}
            for window in state.windows(at)
            if window.resets_at is not None
        },
        "breakers": [
            {"family": each.family or None, "code": each.code, "message": each.message, "since": each.since, "until": each.until}
            for each in state.breakers
        ],
        "changed_by": row.changed_by or None,
        "changed_at": row.changed_at,
    }


def _window(name: str, reading: Mapping[str, Any], at: float | None) -> Window:
    used = reading.get("used", 0 if name == windows.OF_MONTH else None)  # nothing yet, in a new month
    return Window(name, used, _time(reading.get("resets_at")), _time(reading.get("read_at")), at)


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _length(window: str) -> tuple[bool, bool, int]:
    """Hours before days before the month."""
    digits = "".join(filter(str.isdigit, window))
    return window == windows.OF_MONTH, window.endswith("d"), int(digits or 0)
