"""Connections that threads share: given back only where they are shared, and never within a transaction."""

from types import SimpleNamespace
from typing import Any

import pytest

from orchestration.sessions import connections


@pytest.mark.parametrize(
    ("is_open", "options", "in_atomic_block", "is_closed"),
    [
        (True, {"pool": {}}, False, True),
        (True, {"pool": {}}, True, False),
        (True, {}, False, False),
        (False, {"pool": {}}, False, False),
    ],
)
def test_a_shared_connection_is_given_back_between_transactions(
    monkeypatch: pytest.MonkeyPatch, is_open: bool, options: dict[str, Any], in_atomic_block: bool, is_closed: bool
) -> None:
    closed: list[bool] = []
    row = SimpleNamespace(
        connection=object() if is_open else None,
        settings_dict={"OPTIONS": options},
        in_atomic_block=in_atomic_block,
        close=lambda: closed.append(True),
    )
    monkeypatch.setattr(connections, "connection", row)
    connections.give_back()
    assert bool(closed) is is_closed


@pytest.mark.parametrize(
    ("engine", "is_shared"), [("django.db.backends.postgresql", True), ("django.db.backends.sqlite3", False)]
)
def test_threads_share_as_many_connections_to_postgresql_as_there_are_threads(
    monkeypatch: pytest.MonkeyPatch, engine: str, is_shared: bool
) -> None:
    given: dict[str, Any] = {
        "ENGINE": engine,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"sslmode": "require"},
    }
    monkeypatch.setattr(connections, "connections", SimpleNamespace(settings={"default": given}))
    connections.share(7)
    pool = {"min_size": 1, "max_size": 7, "max_idle": 1.0, "timeout": connections.WAIT_S}
    assert given["OPTIONS"] == {"sslmode": "require"} | ({"pool": pool} if is_shared else {})
    assert given["CONN_MAX_AGE"] == (0 if is_shared else 60)
    assert given["CONN_HEALTH_CHECKS"]
    connections.share(7, are_checked=False)
    assert given["CONN_HEALTH_CHECKS"] is not is_shared
