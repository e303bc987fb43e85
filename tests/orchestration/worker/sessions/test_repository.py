"""The repository is away, damaged or taken for a while: no entry pays for it, and all go on when it is back."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.executor import dispatch, explain
from orchestration.git.clones import delivery
from orchestration.git.command import GitError
from orchestration.models import Entry, Executor, Session, Worker
from orchestration.worker import repository_watch
from orchestration.worker.steps import implementing
from orchestration.worker.steps.context import RoundContext
from tests.factories import an_entry
from tests.orchestration.worker.sessions.shop import BRANCH, Shop, entry_of, rounds_of, spends
from workspaces.models import Event

Make = Callable[..., Shop]


def breaker(work: Shop) -> str:
    return Executor.objects.values_list("repository_code", flat=True).get(pk=work.workspace.pk)


def test_forty_entries_wait_for_a_repository_that_is_away_and_go_on_after_it(shop: Make) -> None:
    work = shop("echo yes > $MUSTER_ENTRY_ID", max_workers=40, verify=[{"name": "ok", "run": "ls entry_*"}])
    Worker.objects.update(slots=40)
    entries = [an_entry(work.workspace, budget="1") for _ in range(40)]
    Executor.objects.filter(pk=work.workspace.pk).update(config={**work.workspace.executor.config, "max_workers": 4})
    at_work = [start.entry.id for start in dispatch.cycle(work.workspace.pk).started]
    away = work.repo.rename(work.repo.with_name("away"))
    ended = [work.supervise(session) for session in Session.objects.filter(entry_id__in=at_work)]
    assert [session.outcome for session in ended] == ["interrupted"] * 4 and breaker(work) == "missing"
    assert dispatch.cycle(work.workspace.pk).started == []
    assert set(Entry.objects.values_list("status", "crashes", "rounds_completed")) == {("pending", 0, 0)}
    _, explained = explain.explain(work.workspace.pk)
    assert {why.why.code for why in explained if why.why} == {"repository_unavailable"}
    assert explained[0].why and "put it back" in explained[0].why.message

    away.rename(work.repo)
    Executor.objects.filter(pk=work.workspace.pk).update(config={**work.workspace.executor.config, "max_workers": 40})
    assert list(repository_watch.look_at_all()) == [work.workspace.pk]
    assert len(dispatch.cycle(work.workspace.pk).started) == len(entries)
    for session in Session.objects.filter(status=Session.Status.CLAIMED)[:3]:
        assert work.supervise(session).outcome == "passed"
    verbs = Event.objects.filter(verb__startswith="repository.").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["repository.unavailable", "repository.available"]


def test_nothing_starts_while_a_session_worker_sees_that_the_repository_is_away(shop: Make) -> None:
    work = shop()
    an_entry(work.workspace, budget="1")
    away = work.repo.rename(work.repo.with_name("away"))
    assert list(repository_watch.look_at_all()) == [] and breaker(work) == "missing"
    assert dispatch.cycle(work.workspace.pk).started == [] and not Session.objects.exists()
    away.rename(work.repo)
    repository_watch.look_at_all()
    assert breaker(work) == "" and len(dispatch.cycle(work.workspace.pk).started) == 1


def test_the_lock_that_a_killed_git_left_on_musters_own_branch_is_removed(shop: Make) -> None:
    work = shop()
    work.land()
    lock = work.repo / ".git/refs/heads" / f"{BRANCH}.lock"
    lock.touch()
    for age_s, code in ((30, "locked"), (150, "locked"), (150, "")):
        if lock.exists():
            os.utime(lock, (time.time() - age_s,) * 2)
        repository_watch.look_at_all()
        assert breaker(work) == code
    assert not lock.exists()


def test_a_session_whose_repository_goes_away_keeps_the_agents_work(shop: Make, tmp_path: Path) -> None:
    started, gone = tmp_path / "started", tmp_path / "gone"
    work = shop(f"{spends(0.1)}; echo yes > ok; echo turn >> turns; touch {started}; while [ ! -f {gone} ]; do sleep 0.02; done")
    away = work.repo.with_name("away")
    work.meanwhile(started.exists, lambda: (work.repo.rename(away), gone.touch()))
    first = work.supervise(work.claim())
    entry = entry_of(first)
    assert (first.outcome, entry.status, entry.crashes, entry.rounds_completed) == ("interrupted", "pending", 0, 0)
    assert breaker(work) == "missing" and entry.account.held == 0
    away.rename(work.repo)
    repository_watch.look_at_all()
    assert work.run(entry).outcome == "passed"
    assert (work.merged("turns") or "").startswith("turn\n") and entry_of(first).status == "done"


def test_a_failure_after_the_repository_was_away_for_a_moment_counts_nothing(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    work = shop("exit 3")
    implement = implementing.implement

    def blink(context: RoundContext) -> list[str]:
        away = work.repo.rename(work.repo.with_name("away"))
        repository_watch.look_at_all()
        away.rename(work.repo)
        repository_watch.look_at_all()
        return implement(context)

    monkeypatch.setattr(implementing, "implement", blink)
    session = work.run()
    assert (session.outcome, entry_of(session).crashes, breaker(work)) == ("interrupted", 0, "")


def test_a_repository_that_was_read_only_for_a_moment_counts_nothing(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> str:
        raise GitError("update-ref", "fatal: unable to create 'x.lock': Read-only file system")

    work = shop("touch ok")
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(delivery, "move_branch", refused)
        session = work.run()
    assert (session.outcome, entry_of(session).status, entry_of(session).crashes) == ("interrupted", "pending", 0)
    assert work.run(entry_of(session)).outcome == "passed"


def test_an_agent_that_crashes_in_a_good_repository_has_crashed(shop: Make) -> None:
    work = shop("exit 3")
    session = work.run()
    assert (session.outcome, entry_of(session).crashes, breaker(work)) == ("crashed", 1, "")


def test_an_integration_branch_that_is_checked_out_stops_nothing(shop: Make) -> None:
    work = shop()
    work.git("switch", "--quiet", BRANCH)
    session = work.run()
    assert (session.outcome, entry_of(session).status, breaker(work)) == ("passed", "done", "")


def test_an_entrys_branch_that_a_person_has_checked_out_waits_for_them(shop: Make) -> None:
    work = shop("echo $MUSTER_ROUND > round; test $MUSTER_ROUND = 1 || echo yes > ok")
    first = work.run()
    assert first.outcome == "failed"
    branch = entry_of(first).branch
    work.git("switch", "--quiet", branch)
    second = work.run(entry_of(first))
    assert (second.outcome, entry_of(first).crashes, breaker(work)) == ("interrupted", 0, "checked_out")
    repository_watch.look_at_all()
    assert breaker(work) == "checked_out"
    work.git("switch", "--quiet", "main")
    repository_watch.look_at_all()
    assert breaker(work) == "" and work.run(entry_of(first)).outcome == "passed"
    assert len(rounds_of(first)) == 2


def test_a_damaged_repository_waits_until_it_is_restored(shop: Make) -> None:
    work = shop()
    sha = work.git("rev-parse", f"{BRANCH}:README")
    file = work.repo / ".git/objects" / sha[:2] / sha[2:]
    kept = file.read_bytes()
    file.unlink()
    session = work.run()
    assert (session.outcome, entry_of(session).crashes, breaker(work)) == ("interrupted", 0, "bad_object")
    file.write_bytes(kept)
    repository_watch.look_at_all()
    assert breaker(work) == "" and work.run(entry_of(session)).outcome == "passed"
