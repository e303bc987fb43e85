"""A database that is away for a while costs a supervisor nothing but its connection."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError

from orchestration.sessions import supervise


def raises(error: Exception) -> Callable[[], object]:
    def action() -> object:
        raise error

    return action


@pytest.mark.parametrize(
    "error", [OperationalError("the connection is lost\nwhere"), InterfaceError("closed"), DatabaseError("x")]
)
def test_the_broken_connection_is_closed_so_that_the_next_action_opens_another(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(supervise.connection, "close", lambda: closed.append(True))
    assert not supervise.try_database(raises(error)) and closed == [True]
    assert supervise.try_database(lambda: None) and closed == [True]
    with pytest.raises(ValueError, match="of its own"):
        supervise.try_database(raises(ValueError("of its own")))
    assert closed == [True]


def test_a_command_line_is_run_by_a_shell_and_a_list_as_it_is() -> None:
    assert supervise.argv_of("make test && true") == ["sh", "-c", "make test && true"]
    assert supervise.argv_of(["make", "a b"]) == ["make", "a b"]
