"""A fault of this host is no entry's: it costs no attempt, is named, and is over by itself."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.executor import explain
from orchestration.hosts import online
from orchestration.models import Entry
from orchestration.processes.programs import Finder
from orchestration.sessions.sandbox import visible_paths
from orchestration.worker import availability
from tests.factories import an_entry
from tests.orchestration.worker.sessions.shop import Shop, entry_of, rounds_of, spends

Make = Callable[..., Shop]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "_next", {})


@pytest.fixture
def unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the worker's user may not enter, as another user's home; the tests' user may be root."""
    folder, real = tmp_path / "private", os.stat
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/tool").write_text("#!/bin/sh\n")

    def stat(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        if not isinstance(path, int) and Path(os.fsdecode(path)).is_relative_to(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "stat", stat)
    return folder


def why(work: Shop, entry: Entry) -> str:
    failed = explain.reasons(work.workspace.pk, [entry.pk])[entry.pk].why
    assert failed is not None
    return f"{failed.code}: {failed.message}"


def is_back(work: Shop) -> bool:
    availability._next.update(dict.fromkeys(availability._next, (0.0, availability.FIRST_PAUSE_S)))
    return work.workspace.pk in availability.look_again()


def test_what_the_user_may_not_read_is_not_there(unreadable: Path) -> None:
    finder = Finder(str(unreadable), f"{unreadable}/bin:{unreadable}:/usr/bin")
    named = [f"{unreadable}/bin/tool --x={unreadable}", "~/bin/tool", f"{unreadable}/bin", ["tool"]]
    assert finder.of_commands(named) == set() and finder.of_path() == set()
    assert finder.of_program(f"{unreadable}/bin/tool") <= {unreadable / "bin/tool"}
    assert visible_paths.mounts([unreadable, unreadable / "bin/tool"], writable=False) == []


@pytest.mark.parametrize("where", ["PATH", "args", "setup", "verify", "env", "read"])
def test_work_goes_on_with_a_folder_that_the_user_may_not_read(
    shop: Make, unreadable: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    config: dict[str, Any] = {
        "args": {"agent": {"command": "echo yes > ok", "args": [f"{unreadable}/bin/tool"]}},
        "setup": {"setup": [f"test {unreadable}/bin/tool"]},
        "verify": {"verify": [{"name": "ok", "run": f"test -f ok # {unreadable}/bin/tool"}]},
        "env": {"agent": {"command": "echo yes > ok", "env": {"CERT": f"{unreadable}/bin/tool"}}},
        "read": {"sandbox": {"read": [str(unreadable)]}},
    }.get(where, {})
    if where == "PATH":
        monkeypatch.setenv("PATH", f"{unreadable}/bin:{os.environ['PATH']}")
    session = shop(**config).run()
    assert session.outcome == "passed", session.outcome_message


def test_a_sandbox_that_cannot_be_built_costs_nothing_is_named_and_is_tried_again(
    shop: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, build = shop(spends(0.25) + "; echo yes > ok"), visible_paths.by_config

    def fails(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied", "/srv/tools")

    monkeypatch.setattr(visible_paths, "by_config", fails)
    session = work.supervise(work.claim())
    entry = entry_of(session)
    assert (session.outcome, entry.status, entry.crashes, entry.account.spent) == ("interrupted", "pending", 0, 0)
    assert "/srv/tools" in online.unreachable(work.workspace.pk)[work.heartbeat.worker.host]
    assert why(work, entry).startswith("no_host_fits: ") and "Let the worker's user read it" in why(work, entry)
    work.land()  # a lander waits too
    assert not is_back(work)
    monkeypatch.setattr(visible_paths, "by_config", build)
    assert is_back(work)
    assert work.run(entry).outcome == "passed"


@pytest.mark.parametrize("command", ["no-such-agent --fast", ["no-such-agent", "--fast"], "/srv/no-such/agent"])
def test_an_agents_program_that_is_missing_costs_no_attempt(shop: Make, command: str | list[str]) -> None:
    work = shop(agent={"command": command})
    session = work.supervise(work.claim())
    entry = entry_of(session)
    assert (session.outcome, entry.status, entry.crashes) == ("interrupted", "pending", 0), session.outcome_message
    assert "which the session workers do not find" in why(work, an_entry(work.workspace))


def test_a_program_of_the_working_copy_that_is_missing_is_the_works_own_fault(shop: Make) -> None:
    work = shop("rm -f check.sh; echo yes > ok", verify=[{"name": "own", "run": ["./check.sh"]}])
    session = work.run()
    assert session.outcome == "failed" and rounds_of(session)[0].findings
    assert online.unreachable(work.workspace.pk) == {}
