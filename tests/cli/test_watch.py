"""`--watch`: the same answer again and again, until Ctrl-C."""

from collections.abc import Callable

import httpx2
import pytest

from tests.cli.terminal import InProcess, Terminal


def refused(_: InProcess, request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("refused", request=request)


def behind_a_proxy(_: InProcess, request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(502, text="<html>", request=request)


def until_ctrl_c(monkeypatch: pytest.MonkeyPatch, *answers: Callable[..., httpx2.Response]) -> None:
    """The server answers so after each of the waits."""
    from muster_cli import run

    remaining = iter(answers)

    def wait(_: float) -> None:
        answer = next(remaining, None)
        if answer is None:
            raise KeyboardInterrupt
        monkeypatch.setattr(InProcess, "handle_request", answer)

    monkeypatch.setattr(run.time, "sleep", wait)


@pytest.mark.parametrize("away", [refused, behind_a_proxy])
def test_a_watch_survives_a_server_that_restarts(
    muster: Terminal, monkeypatch: pytest.MonkeyPatch, away: Callable[..., httpx2.Response]
) -> None:
    until_ctrl_c(monkeypatch, away, away, away, InProcess.handle_request)
    outcome = muster("workspaces", "--watch")
    assert (outcome.code, outcome.out.count("Shop")) == (130, 2)
    went, came = outcome.err.splitlines()
    assert went.endswith(". Trying again.") and came == "muster: The server answers again."


def test_a_watch_ends_where_no_server_has_answered_yet(muster: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InProcess, "handle_request", refused)
    outcome = muster("workspaces", "--watch")
    assert (outcome.code, outcome.err) == (1, "muster: No Muster answers at http://testserver: refused\n")
