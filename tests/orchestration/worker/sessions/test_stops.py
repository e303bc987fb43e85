"""A session that must end: stopped, interrupted, or no longer this worker's. Stop means stopped, and a fenced worker writes no more."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestration.git.command import GitError
from orchestration.models import Round, Session
from orchestration.processes import leftovers, shim_watch
from orchestration.sessions import rounds, supervise
from orchestration.sessions.ending import Verdict
from tests.orchestration.worker.sessions.shop import Shop, entry_of, rounds_of, spends

Make = Callable[..., Shop]


@pytest.fixture
def busy(shop: Make, tmp_path: Path) -> tuple[Shop, Callable[[], bool]]:
    """A shop whose agent works until it is made to end, and whether it has begun."""
    started = tmp_path / "started"
    return shop(f"echo half > part; touch {started}; exec sleep 600"), started.exists


Busy = tuple[Shop, Callable[[], bool]]


@pytest.mark.parametrize(("for_good", "status"), [(True, "blocked"), (False, "pending")])
def test_a_stop_ends_the_agent_and_keeps_its_work(busy: Busy, for_good: bool, status: str) -> None:
    work, has_begun = busy
    session = work.claim()
    Session.objects.filter(pk=session.pk).update(stop_wanted_by="ana", stop_for_good=for_good)
    work.meanwhile(has_begun, lambda: work.flags(session).request_end("stopped"))
    work.supervise(session)
    assert (session.outcome, session.outcome_message) == ("stopped", "Stopped by ana: its work is kept")
    assert entry_of(session).status == status
    assert work.git("show", f"{entry_of(session).branch}:part") == "half"
    assert leftovers.marked_pids(session.pk) == []


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shim_watch, "SILENCE_S", 2.5)
    monkeypatch.setattr(shim_watch, "MARGIN_S", 0.5)


FROZEN = "(a signal had frozen it): the worker ended its processes itself"


@pytest.mark.usefixtures("hasty")
def test_a_stop_ends_an_agent_that_froze_its_shim_and_charges_what_it_may_have_spent(shop: Make, tmp_path: Path) -> None:
    started = tmp_path / "started"
    work = shop(f"echo half > part; {spends(0.25)}; kill -STOP $PPID; touch {started}; exec sleep 600")
    session = work.claim()
    Session.objects.filter(pk=session.pk).update(stop_wanted_by="ana")
    work.meanwhile(started.exists, lambda: work.flags(session).request_end("stopped"))
    work.supervise(session)
    assert (session.outcome, leftovers.marked_pids(session.pk)) == ("stopped", [])
    assert session.outcome_message == f"Stopped by ana: its work is kept; its shim did not answer the stop within 2 s {FROZEN}"
    assert (entry_of(session).account.spent, entry_of(session).account.held) == (5_000_000, 0)
    assert work.git("show", f"{entry_of(session).branch}:part") == "half"


@pytest.mark.usefixtures("hasty")
def test_an_agent_that_froze_its_shim_and_that_is_not_stopped_has_crashed(shop: Make) -> None:
    session = shop("kill -STOP $PPID; exec sleep 600").run()
    assert (session.outcome, leftovers.marked_pids(session.pk)) == ("crashed", [])
    assert session.outcome_message == f"The agent was killed; its shim was silent for 2 s {FROZEN}"
    assert rounds_of(session)[0].findings == [session.outcome_message]


@pytest.mark.usefixtures("hasty")
def test_a_check_that_froze_its_shim_fails_with_that_finding(shop: Make) -> None:
    run = "test -f ok || exit 1; kill -STOP $PPID; exec sleep 600"
    session = shop("touch ok", verify=[{"name": "evil", "run": run}]).run()
    assert session.outcome == "failed" and session.outcome_message.endswith(FROZEN), session.outcome_message


def test_a_session_stays_open_while_a_process_outlives_its_kill(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that sleeps in a driver outlives its kill."""
    work = shop("kill -KILL $PPID; exec sleep 600")
    session = work.claim()
    end, survivors = leftovers.end_marked, [1, 1, 0]

    def end_marked(*args: str, **options: object) -> int:
        assert Session.objects.get(pk=session.pk).status == "running"
        return end(*args, **options) + survivors.pop(0)  # type: ignore[arg-type]

    monkeypatch.setattr(leftovers, "end_marked", end_marked)
    monkeypatch.setattr(supervise, "SURVIVORS_S", 0.01)
    work.supervise(session)
    assert (session.outcome, survivors) == ("crashed", [])


def test_on_a_disk_that_is_nearly_full_no_session_is_taken(shop: Make, settings: Any) -> None:
    work = shop()
    session = work.claim()
    settings.DATA_DIR.mkdir(exist_ok=True)
    settings.DISK_RESERVE_MB = 100_000_000
    assert work.supervise(session).status == "claimed"
    settings.DISK_RESERVE_MB = 0
    assert work.supervise(session).outcome == "passed"


def test_a_worker_that_shuts_down_queues_its_entry_again(busy: Busy) -> None:
    work, has_begun = busy
    session = work.claim()
    work.meanwhile(has_begun, work.heartbeat.end)
    work.supervise(session)
    assert (session.outcome, entry_of(session).status, entry_of(session).crashes) == ("interrupted", "pending", 0)


def test_a_session_that_begins_while_its_worker_shuts_down_starts_no_agent(shop: Make, tmp_path: Path) -> None:
    work = shop(f"touch {tmp_path}/ran; touch ok")
    work.heartbeat.end()
    session = work.run()
    assert session.outcome == "interrupted" and work.merged("ok") is None


@pytest.mark.parametrize("reason", ["fenced", "superseded"])
def test_a_worker_that_lost_its_session_ends_its_agent_and_does_not_conclude_it(busy: Busy, reason: str) -> None:
    work, has_begun = busy
    session = work.claim()
    work.meanwhile(has_begun, lambda: work.flags(session).request_end(reason))
    work.supervise(session)
    assert (session.status, session.outcome, session.ended_at) == ("running", "", None)
    assert (entry_of(session).status, entry_of(session).account.held) == ("in_progress", 5_000_000)
    assert leftovers.marked_pids(session.pk) == [] and rounds_of(session)[0].verdict == "open"


def test_a_stop_during_verification_ends_the_check_and_verifies_next(shop: Make, tmp_path: Path) -> None:
    started = tmp_path / "started"
    work = shop("touch ok", verify=[{"name": "slow", "run": f"touch {started}; exec sleep 600"}])
    session = work.claim()
    Session.objects.filter(pk=session.pk).update(stop_wanted_by="ana")
    work.meanwhile(started.exists, lambda: work.flags(session).request_end("stopped"))
    work.supervise(session)
    assert (session.outcome, entry_of(session).next_work, work.merged("ok")) == ("stopped", "verify", None)


def test_a_session_that_another_ended_meanwhile_starts_no_agent(
    shop: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = rounds.begin

    def ended_by_another(session: Session, *, base_commit: str, sandbox: str) -> object:
        opened = begin(session, base_commit=base_commit, sandbox=sandbox)
        Session.objects.filter(pk=session.pk).update(status="ended", ended_by_version="0.2.0", outcome="lost")
        return opened

    monkeypatch.setattr(rounds, "begin", ended_by_another)
    session = shop(f"touch {tmp_path}/ran").run()
    assert (session.outcome, (tmp_path / "ran").exists()) == ("lost", False)


def test_the_verdict_of_a_session_that_another_ended_meanwhile_is_not_merged(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    note = rounds.record_work

    def ended_by_another(opened: Round, findings: Sequence[str]) -> None:
        note(opened, findings)
        Session.objects.filter(pk=opened.session_id).update(status="ended", ended_by_version="0.2.0", outcome="lost")

    monkeypatch.setattr(rounds, "record_work", ended_by_another)
    work = shop("touch ok")
    session = work.run()
    assert (session.outcome, rounds_of(session)[0].verdict, work.merged("ok")) == ("lost", "open", None)


def stopped_after_its_verdict(work: Shop, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session whose round passed, and that a person stops before its work is queued."""
    session = work.claim()
    close = rounds.close

    def stopped_after(opened: Round, verdict: Verdict | None) -> None:
        close(opened, verdict)
        work.flags(session).request_end("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(rounds, "close", stopped_after)
        work.supervise(session)
    assert (session.outcome, rounds_of(session)[0].verdict, work.merged("ok")) == ("stopped", "passed", None)
    return session


def test_a_stop_between_the_verdict_and_the_merge_merges_with_the_next_session(
    shop: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = shop("touch ok")
    second = work.run(entry_of(stopped_after_its_verdict(work, monkeypatch)))
    assert (second.outcome, work.merged("ok"), len(rounds_of(second))) == ("passed", "", 1)


def test_work_that_was_stopped_after_its_verdict_and_conflicts_now_gets_a_round_of_its_agent(
    shop: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = shop("[ $MUSTER_ROUND = 1 ] && echo mine > README || echo both > README; touch ok")
    first = stopped_after_its_verdict(work, monkeypatch)
    work.others_merge("README", "theirs\n")
    second = work.run(entry_of(first))
    assert (second.outcome, entry_of(second).status, len(rounds_of(second))) == ("conflict", "pending", 1)
    third = work.run(entry_of(second))
    assert (third.outcome, work.merged("ok"), len(rounds_of(third))) == ("passed", "", 2)


def test_a_disk_that_fills_up_while_git_writes_is_no_crash_of_the_entry(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    work = shop()

    def full(*_: object) -> str:
        raise GitError("read-tree", "error: unable to write file README")

    with monkeypatch.context() as patch:
        patch.setattr("orchestration.landing.branch.start_point", full)
        session = work.supervise(work.claim())
    entry = entry_of(session)
    assert (session.outcome, entry.status, entry.crashes) == ("interrupted", "pending", 0)
    assert "The disk of this host was full" in session.outcome_message
    assert work.run(entry).outcome == "passed"
