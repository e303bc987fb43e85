"""A session that ends by Muster's own trouble after its agent: the next one goes on where it ended, and no agent is paid again."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from orchestration.git import changes
from orchestration.git.clones import entry_clones
from orchestration.git.command import GitError
from orchestration.models import FileLock, Session
from orchestration.worker import session_run
from orchestration.worker.endings.table import OUTAGE
from orchestration.worker.steps import implementing, reviewing, verifying
from tests.factories import an_entry
from tests.orchestration.worker.sessions.shop import Shop, entry_of, gives, rounds_of, spends

Make = Callable[..., Shop]
AGENT = f"echo turn >> ../turns; echo yes > ok; {spends(0.2)}"


def turns(work: Shop) -> int:
    """The number of the implementing agent's runs."""
    return sum(len(path.read_text().split()) for path in work.repo.parent.parent.rglob("turns"))


def breaks_once(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, error: Exception) -> None:
    real = getattr(module, name)
    broken: list[bool] = []

    def call(*arguments: Any, **named: Any) -> Any:
        if not broken:
            broken.append(True)
            raise error
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, call)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (entry_clones, "commit"),
        (changes, "diffstat"),
        (implementing, "check_changes"),
        (reviewing, "intercept"),
        (verifying, "verify"),
    ],
)
@pytest.mark.parametrize("error", [GitError("commit", "index.lock exists"), RuntimeError("a bug")])
def test_trouble_after_the_agent_never_pays_it_again(
    shop: Make, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, error: Exception
) -> None:
    work = shop(AGENT)
    breaks_once(monkeypatch, module, name, error)
    first = work.run()
    assert first.outcome == Session.Outcome.CRASHED and entry_of(first).status == "pending"
    work.run(entry_of(first))
    entry = entry_of(first)
    assert (entry.status, turns(work), entry.account.spent) == ("done", 1, 200_000)
    assert work.merged("ok") == "yes\n"


def test_the_interceptor_reads_the_work_although_a_session_ended_before_its_turn(
    shop: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = shop(AGENT, interceptor={"agent": {"command": gives("FAIL", "no tests")}})
    breaks_once(monkeypatch, reviewing, "intercept", RuntimeError("a bug"))
    first = work.run()
    work.run(entry_of(first))
    assert rounds_of(first)[-1].verdict == "failed" and "review: no tests" in rounds_of(first)[-1].findings
    assert turns(work) == 1 and work.merged("ok") is None


def test_a_file_of_another_entry_is_seen_by_the_session_that_goes_on(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    work = shop(AGENT)
    other = an_entry(work.workspace)
    breaks_once(monkeypatch, implementing, "check_changes", RuntimeError("a bug"))
    first = work.run()
    FileLock.objects.filter(path="ok").delete()
    FileLock.objects.create(workspace=work.workspace, entry=other, path="ok")
    second = work.run(entry_of(first))
    assert second.outcome == "interrupted" and second.outcome_message.startswith(f"files_locked: #{other.seq} has locked ok")
    assert entry_of(first).next_work == "verify" and turns(work) == 1


def test_an_agent_that_failed_is_run_again(shop: Make, tmp_path: Path) -> None:
    work = shop("echo turn >> ../turns; test $(wc -l < ../turns) = 2 && echo yes > ok")
    first = work.run()
    assert first.outcome == Session.Outcome.CRASHED
    work.run(entry_of(first))
    assert turns(work) == 2 and entry_of(first).status == "done"


def test_no_entry_pays_for_a_database_that_was_away_in_the_middle_of_a_round(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    work = shop("echo yes > ok")

    def away(*_: object) -> None:
        raise OperationalError("terminating connection due to administrator command")

    with monkeypatch.context() as patch:
        patch.setattr(session_run.verifying, "verify", away)
        patch.setattr(session_run, "connection", SimpleNamespace(close=lambda: None))  # the test's transaction stays open
        broken_off = work.supervise(work.claim())
    assert (broken_off.outcome, broken_off.outcome_message) == ("interrupted", OUTAGE)
    entry = entry_of(broken_off)
    assert (entry.status, entry.crashes, entry.next_work) == ("pending", 0, "verify")
    assert work.run(entry).outcome == "passed"
