"""The reaper ends a dead worker's sessions, and never before their processes are proven dead."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.models.functions import Now

from budget.models import Account
from orchestration import sessions
from orchestration.models import Question, Round, Session, Worker
from orchestration.processes import leftovers
from orchestration.sessions.folders import session_dir
from orchestration.worker import reaper
from orchestration.worker.endings.table import OUTAGE
from tests.factories import a_session, a_worker, a_workspace, an_entry
from tests.orchestration.git.repositories import a_repository, git
from tests.orchestration.worker.sessions.shop import entry_of, until
from workspaces.machine import hosts

pytestmark = pytest.mark.django_db

STUBBORN = (
    "import pathlib, signal, sys, time; signal.signal(15, signal.SIG_IGN); pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
)
Agent = Callable[[Session], subprocess.Popen[bytes]]


@pytest.fixture(autouse=True)
def _quick(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR = tmp_path
    a_repository(tmp_path / "repo")
    monkeypatch.setattr(reaper, "SHIM_GRACE_S", 0.1)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """Starts a process of the session that sleeps for ten minutes and ignores TERM."""
    started = []

    def start(session: Session) -> subprocess.Popen[bytes]:
        ready = tmp_path / "ready"
        command = [sys.executable, "-S", "-E", "-c", STUBBORN, str(ready)]
        process = subprocess.Popen(command, env={"PATH": os.environ["PATH"], "MUSTER_SESSION_MARKER": session.pk})
        started.append(process)
        until(ready.exists)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def a_lost_session(**changes: Any) -> Session:
    """Its worker process ran on this host, in this boot, and is dead."""
    session = a_session(an_entry(a_workspace(repo=str(settings.DATA_DIR / "repo")), budget="2"))
    with subprocess.Popen(["sleep", "60"]) as process:
        dead = leftovers.identity(process.pid)
        process.kill()
    assert dead is not None
    Worker.objects.filter(pk=session.worker_id).update(
        host=socket.gethostname(), pid=dead.pid, started_ticks=dead.starttime, boot_id=dead.boot_id
    )
    place = {"host": socket.gethostname(), "boot_id": dead.boot_id, "lease_until": Now() + timedelta(hours=1)}
    Session.objects.filter(pk=session.pk).update(**{**place, **changes})
    return session


def again(session: Session) -> Session:
    return Session.objects.get(pk=session.pk)


def test_an_agent_that_ignores_term_is_ended_before_its_session_is(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    session = a_lost_session()
    process = agent(session)
    conclude, dead = sessions.conclude, []

    def watched(session: Session, ending: sessions.Ending) -> bool:
        dead.append(process.poll() == -signal.SIGKILL)
        return conclude(session, ending)

    monkeypatch.setattr(sessions, "conclude", watched)
    assert reaper.reap() == 1
    assert dead == [True] and again(session).outcome == "lost"


@pytest.mark.parametrize("lives", ["end_marked", "end_stale_gits"])
def test_a_session_whose_processes_cannot_be_ended_stays_open(monkeypatch: pytest.MonkeyPatch, lives: str) -> None:
    session = a_lost_session()
    monkeypatch.setattr(leftovers, lives, lambda *_, **__: 1)
    assert reaper.reap() == 0
    assert again(session).status == "running" and Account.objects.get(pk=session.entry_id).held == 2_000_000
    monkeypatch.setattr(leftovers, lives, lambda *_, **__: 0)
    assert reaper.reap() == 1


def test_the_session_of_a_living_worker_is_left_alone(agent: Agent) -> None:
    session = a_lost_session()
    me = leftovers.identity(os.getpid())
    assert me is not None
    Worker.objects.filter(pk=session.worker_id).update(pid=me.pid, started_ticks=me.starttime)
    process = agent(session)
    assert reaper.reap() == 0
    assert again(session).status == "running" and process.poll() is None


def test_a_number_that_another_process_has_now_is_no_living_worker() -> None:
    session = a_lost_session()
    me = leftovers.identity(os.getpid())
    assert me is not None
    Worker.objects.filter(pk=session.worker_id).update(pid=me.pid, started_ticks=me.starttime + 1)
    assert reaper.reap() == 1 and again(session).outcome == "lost"


@pytest.mark.parametrize(("seconds_ago", "count"), [(-5, 0), (4, 0), (7, 1)])
def test_a_session_of_another_host_is_ended_once_its_lease_and_the_grace_are_over(
    settings: Any, seconds_ago: int, count: int
) -> None:
    settings.LEASE_GRACE_S = 5.5
    session = a_lost_session(host="elsewhere", lease_until=Now() - timedelta(seconds=seconds_ago))
    assert reaper.reap() == count
    assert again(session).status == ("ended" if count else "running")


def test_after_a_reboot_a_session_ends_without_a_signal(agent: Agent) -> None:
    session = a_lost_session(boot_id="the boot before")
    process = agent(session)
    assert reaper.reap() == 1
    assert process.poll() is None and again(session).status == "ended"


@pytest.mark.parametrize(("seconds", "count"), [(1, 0), (4, 1)])
def test_a_kill_that_a_living_worker_does_not_carry_out_is_done_by_the_reaper(agent: Agent, seconds: int, count: int) -> None:
    session = a_lost_session(kill_wanted_at=Now() - timedelta(seconds=seconds))
    me = leftovers.identity(os.getpid())
    assert me is not None
    Worker.objects.filter(pk=session.worker_id).update(pid=me.pid, started_ticks=me.starttime)
    process = agent(session)
    assert reaper.reap() == count
    assert (process.poll() is not None) == bool(count)


def test_only_the_sessions_asked_for_are_ended() -> None:
    session = a_lost_session()
    assert reaper.reap(only=[]) == 0 and reaper.reap(only=[session.pk]) == 1


def test_an_error_with_one_session_does_not_keep_others_open(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, fine = a_lost_session(), a_lost_session()
    end = reaper._end_session

    def breaks(session: Session) -> bool:
        if session.pk == broken.pk:
            raise RuntimeError("broken")
        return end(session)

    monkeypatch.setattr(reaper, "_end_session", breaks)
    assert reaper.reap() == 1
    assert (again(broken).status, again(fine).status) == ("running", "ended")


@pytest.mark.parametrize(("finished", "spent"), [(True, 250_000), (False, 500_000)])
def test_what_a_dead_workers_agent_spent_is_booked_and_a_request_more_where_that_is_not_known(finished: bool, spent: int) -> None:
    session = a_lost_session()
    record = session_dir.for_session(session.pk).record_for("implement")
    record.journal.parent.mkdir(parents=True)
    record.journal.write_text('{"type": "usage", "id": "1", "cost_usd": 0.25}\n')
    if finished:
        record.status.write_text(json.dumps({"cause": "exited", "exit_code": 0}))
    assert reaper.reap() == 1
    assert Account.objects.get(pk=session.entry_id).spent == spent


@pytest.mark.parametrize(
    ("verdict", "phase", "commit", "outcome", "next_work"),
    [
        ("open", "implementation", "c0ffee", "lost", "implement"),
        ("open", "verification", "c0ffee", "lost", "verify"),
        ("open", "verification", "", "lost", "implement"),
        ("passed", "merging", "c0ffee", "lost", "verify"),
        ("failed", "verification", "c0ffee", "failed", "implement"),
    ],
)
def test_a_session_whose_worker_died_is_continued_where_it_was(
    verdict: str, phase: str, commit: str, outcome: str, next_work: str
) -> None:
    session = a_lost_session(phase=phase)
    Round.objects.filter(session=session).update(verdict=verdict, commit=commit, score=None if verdict == "open" else 0.5)
    reaper.reap()
    assert (again(session).outcome, entry_of(session).next_work) == (outcome, next_work)


def test_a_session_of_another_data_directory_on_this_machine_is_that_ones_to_judge() -> None:
    session = a_lost_session(host_id="host_other")
    assert reaper.reap() == 0
    Session.objects.update(host_id=hosts.host_id())
    assert reaper.reap() == 1 and again(session).outcome == "lost"


def test_the_end_shows_whose_host_is_away_and_keeps_the_money_for_it() -> None:
    session = a_lost_session(host="east", host_id="host_9", lease_until=Now() - timedelta(days=1))
    assert reaper.reap() == 1
    ended = Session.objects.select_related("hold").get(pk=session.pk)
    message = "east is away: its work is kept; the rest of the reservation waits for what east has counted"
    assert ended.outcome_message == message and Round.objects.get(session=session).findings == [message]
    assert ended.hold is not None and (ended.hold.state, ended.hold.awaits_host) == ("awaiting", "east")


def test_a_question_that_its_agent_had_asked_is_how_it_ended() -> None:
    session = a_lost_session()
    Question.objects.create(workspace=session.workspace, entry=session.entry, session=session, text="Which colour?")
    assert reaper.reap() == 1
    assert (again(session).outcome, again(session).outcome_message) == (
        "asked", "It asked, and then its worker was lost: Which colour?",
    )  # fmt: skip


def test_a_round_that_changed_nothing_ends_as_such() -> None:
    session = a_lost_session()
    Round.objects.filter(session=session).update(verdict="no_change", findings=["nothing changed"])
    assert reaper.reap() == 1 and again(session).outcome == "no_change"


def test_after_an_absence_of_the_database_no_entry_pays_for_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    session = again(a_lost_session())
    with monkeypatch.context() as patch:
        patch.setattr(leftovers, "end_marked", lambda *_, **__: 1)
        assert not reaper.end_after_outage(session) and again(session).status == "running"
    assert reaper.end_after_outage(session)
    assert (again(session).outcome, again(session).outcome_message) == ("interrupted", OUTAGE)
    assert entry_of(session).crashes == 0 and entry_of(session).status == "pending"
    verified = again(a_lost_session())
    Round.objects.filter(session=verified).update(verdict="failed", score=0.5)
    assert reaper.end_after_outage(verified) and again(verified).outcome == "failed"


def test_workers_that_are_long_gone_are_forgotten_and_those_of_others_that_rest_are_not() -> None:
    keep, gone = a_worker(host="east"), a_worker(host="west")
    Worker.objects.filter(pk=keep.pk).update(seen_at=Now() - timedelta(hours=23))
    Worker.objects.filter(pk=gone.pk).update(seen_at=Now() - timedelta(hours=25))
    at_work = a_session(an_entry(a_workspace()))
    Worker.objects.filter(pk=at_work.worker_id).update(seen_at=Now() - timedelta(hours=25), host="north", host_id="north")
    Session.objects.filter(pk=at_work.pk).update(host="north", host_id="north", lease_until=Now() + timedelta(hours=1))
    here = a_worker()
    Worker.objects.filter(pk=here.pk).update(host=socket.gethostname())
    assert reaper.reap() == 0
    assert set(Worker.objects.values_list("pk", flat=True)) == {keep.pk, at_work.worker_id}


def test_a_worker_that_is_gone_is_forgotten_once_it_has_no_session() -> None:
    session = a_lost_session()
    reaper.reap()
    assert not Worker.objects.filter(pk=session.worker_id).exists()


def test_what_a_dead_workers_agent_had_not_committed_is_kept_on_its_branch() -> None:
    session = a_lost_session()
    repo = settings.DATA_DIR / "repo"
    git(repo, "branch", "muster/integration")
    copy = session_dir.working_copy(session.entry)
    copy.prepare("muster/integration", start=git(repo, "rev-parse", "main"), leave_conflicts=False)
    (copy.path / "part").write_text("half\n")
    assert reaper.reap() == 1
    assert git(repo, "show", f"{session.entry.branch}:part") == "half"
    assert Round.objects.get(session=session).commit == git(repo, "rev-parse", session.entry.branch)


def test_a_worker_in_another_container_is_judged_by_its_lock_and_its_sessions_by_their_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_session(an_entry(a_workspace(repo=str(tmp_path / "repo"))))
    monkeypatch.setattr(reaper.presence, "is_at_work", lambda _, pid, **__: pid == 1)
    Session.objects.update(
        host=socket.gethostname(), host_id=hosts.host_id(), boot_id=leftovers.boot_id(), kill_wanted_at=Now() - timedelta(hours=1)
    )
    Worker.objects.update(host=socket.gethostname(), host_id=hosts.host_id(), boot_id=leftovers.boot_id())
    assert reaper.reap() == 0 and Worker.objects.exists()
    Session.objects.update(lease_until=Now() - timedelta(hours=1))
    assert reaper.reap() == 1
