"""A session's end names whose fault it is, and whether its work is done and only needs to be verified. No agent runs here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError

from orchestration.backlog import content
from orchestration.git.command import GitError
from orchestration.landing import queue
from orchestration.models import Entry, Executor, Landing, Round, Session
from orchestration.repositories.authority import Unreachable
from orchestration.sessions import Ending, Superseded
from orchestration.sessions.sandbox import HostFault
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker import session_run
from orchestration.worker.endings import Facts, SessionOver
from orchestration.worker.endings.table import AWAY, DISK_FULL
from orchestration.worker.session_run import Outcome
from tests.factories import ANA, a_session, a_worker, a_workspace, an_entry, ended

pytestmark = pytest.mark.django_db
FAULT, BOX = "No sandbox here: install bubblewrap", "/srv/tools: Permission denied"
TOO_LONG = Facts("timed_out", "agent", ("Too long",), exit_code=3)
OVER = Ending(Outcome.TIMED_OUT, "Too long", exit_code=3, findings=("Too long",))


class Place:
    """A session's surroundings: the error of its round and the state of its host. `calls`: what it did about its end, in order."""

    def __init__(self, session: Session) -> None:
        self.session, self.calls, self.by_git = session, list[Any](), list[bool]()
        self.error: Exception = RuntimeError("a bug")
        self.fault, self.is_low, self.is_moved, self.broken = "", False, False, ""

    def run(self, session: Session, _: StopFlags) -> Ending:
        if session.is_run:
            pytest.fail("a run has no round")
        raise self.error

    def ask(self, session: Session, _: StopFlags) -> Ending:
        if not session.is_run:
            pytest.fail("a session is no run")
        raise self.error

    def publish(self, session: Session) -> None:
        self.calls.append("published")
        if self.is_moved:
            raise Superseded(session.pk)

    def repository(self, session: Session, *, by_git: bool) -> tuple[str, bool]:
        self.by_git.append(by_git)
        return self.broken, bool(self.broken)

    def end(self, error: Exception, reason: str = "") -> Ending | None:
        """The ending of the session, if it ends, after everything was done in the right order."""
        self.error, self.calls, self.by_git = error, [], []
        flags = StopFlags(self.session.pk, self.session.attempt)
        if reason:
            flags.request_end(reason)
        session_run._run_to_end(self.session, flags)
        concluded = [call for call in self.calls if isinstance(call, Ending)]
        assert len(concluded) <= 1 and ("tidied" in self.calls) is bool(concluded)
        if concluded:
            published = ["published"] if not self.session.is_run else []
            assert [call for call in self.calls if not isinstance(call, tuple)] == [*published, concluded[0], "tidied"]
        return concluded[0] if concluded else None

    @property
    def lost(self) -> list[Any]:
        return [call for call in self.calls if isinstance(call, tuple)]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    a_session(an_entry(a_workspace(name="Other")))
    place = Place(a_session(an_entry(a_workspace())))
    monkeypatch.setattr(session_run, "_run", place.run)
    monkeypatch.setattr(session_run.asking, "ask", place.ask)
    monkeypatch.setattr(session_run.sharing, "publish", place.publish)
    monkeypatch.setattr(session_run.sessions, "conclude", lambda session, ending: place.calls.append(ending))
    monkeypatch.setattr(session_run.sandbox, "remove_scratch", lambda _: place.calls.append("tidied"))
    monkeypatch.setattr(session_run.availability, "lost", lambda *lost: place.calls.append(lost))
    monkeypatch.setattr(session_run.host_faults, "problem", lambda workspace: place.fault)
    monkeypatch.setattr(session_run.repository_watch, "trouble_behind", place.repository)
    monkeypatch.setattr(session_run.disk, "is_low", lambda: place.is_low)
    return place


MUSTER = "Muster itself failed: RuntimeError: a bug"


@pytest.mark.parametrize("is_done", [True, False])
@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (HostFault(BOX), Ending(Outcome.CRASHED, BOX, findings=(BOX,))),
        (HostFault("x" * 600), Ending(Outcome.CRASHED, "x" * 500, findings=("x" * 500,))),
        (GitError("commit", "locked"), Ending(Outcome.CRASHED, "git: locked", findings=("locked",))),
        (Unreachable("push", "no route"), Ending(Outcome.INTERRUPTED, "no route")),
        (RuntimeError("a bug"), Ending(Outcome.CRASHED, MUSTER)),
    ],
    ids=["its host", "with many words", "git", "the shared repository", "Muster"],
)
def test_after_a_fault_of_muster_or_its_host_work_that_is_done_is_only_verified(
    place: Place, error: Exception, ending: Ending, is_done: bool
) -> None:
    Round.objects.filter(session=place.session).update(agent_done=is_done)
    assert place.end(error) == replace(ending, verify_next=is_done)
    assert place.lost == ([(place.session.workspace_id, "no route")] if isinstance(error, Unreachable) else [])
    assert place.by_git == [isinstance(error, GitError)] * (ending.outcome == Outcome.CRASHED)


@pytest.mark.parametrize("error", [HostFault(BOX), GitError("commit", "locked"), RuntimeError("a bug")])
def test_a_run_has_no_work_to_verify_or_to_share(place: Place, error: Exception) -> None:
    Round.objects.update(agent_done=True)
    place.session.role = Session.Role.PLAN
    if isinstance(error, RuntimeError):
        Round.objects.all().delete()
    ending = place.end(error)
    assert ending is not None and (ending.outcome, ending.verify_next) == (Outcome.CRASHED, False)


@pytest.mark.parametrize(
    ("error", "is_fault"),
    [
        (HostFault(BOX), True),
        (SessionOver(Facts("failed", "agent", ("It exited with 127",), exit_code=127)), True),
        (SessionOver(Facts("failed", "agent", ("It exited with 1",), exit_code=1)), False),
        (SessionOver(Facts("timed_out", "agent", ("Too long",), exit_code=127)), False),
        (GitError("commit", "locked"), False),
        (RuntimeError("a bug"), False),
    ],
)
def test_no_entry_pays_for_a_program_that_its_host_cannot_start(place: Place, error: Exception, is_fault: bool) -> None:
    place.fault = FAULT
    Round.objects.filter(session=place.session).update(agent_done=True)
    ending = place.end(error)
    assert ending is not None and place.lost == ([(place.session.workspace_id, FAULT)] if is_fault else [])
    if is_fault:
        assert (ending.outcome, ending.message, ending.findings) == (Outcome.INTERRUPTED, FAULT, (FAULT,))
        assert ending.verify_next is isinstance(error, HostFault) and not place.by_git
    else:
        assert ending.outcome != Outcome.INTERRUPTED


def test_a_long_fault_is_shown_by_its_host_in_full_and_cut_at_the_entry(place: Place) -> None:
    place.fault = "y" * 600
    ending = place.end(HostFault(BOX))
    assert ending is not None and (ending.message, ending.findings) == ("y" * 500, ("y" * 500,))
    assert place.lost == [(place.session.workspace_id, "y" * 600)]


def test_an_ending_of_its_own_stays(place: Place) -> None:
    place.is_low, place.fault, place.broken = True, FAULT, "It is away"
    assert place.end(SessionOver(TOO_LONG)) == OVER and place.by_git == []


@pytest.mark.parametrize(
    ("error", "is_low", "is_disk"),
    [
        (RuntimeError("a bug"), True, True),
        (RuntimeError("a bug"), False, False),
        (OSError("No space left on device"), False, True),
        (GitError("commit", "unable to write file x"), False, True),
        (OperationalError("database or disk is full"), False, True),
        (HostFault(BOX), True, False),
        (SessionOver(Facts("failed", "agent", ("no space left",), exit_code=1)), True, False),
    ],
)
def test_no_entry_pays_for_a_full_disk_where_muster_failed_by_it(
    place: Place, error: Exception, is_low: bool, is_disk: bool
) -> None:
    place.is_low = is_low
    ending = place.end(error)
    assert ending is not None and (ending.outcome == Outcome.INTERRUPTED) is ending.message.startswith(DISK_FULL) is is_disk
    assert not is_disk or ending.findings == (ending.message,)


def test_a_repository_that_is_away_is_the_cause_before_a_full_disk(place: Place) -> None:
    place.is_low, place.broken = True, "It is away"
    ending = place.end(RuntimeError("a bug"))
    assert ending is not None and (ending.outcome, ending.message) == (Outcome.INTERRUPTED, f"{AWAY} It is away")


@pytest.mark.parametrize("error", [OperationalError("the server is away"), InterfaceError("closed")])
def test_a_database_that_is_away_ends_nothing_here(place: Place, error: Exception) -> None:
    with pytest.raises(type(error)):
        place.end(error)
    assert place.calls == []


def test_what_another_worker_may_act_on_by_now_is_not_ended(place: Place) -> None:
    assert place.end(Superseded("ses_1")) is None and place.calls == []
    for reason in ("superseded", "fenced"):
        assert place.end(SessionOver(TOO_LONG), reason) is None and place.calls == []
    assert place.end(SessionOver(TOO_LONG), "stopped") == OVER
    place.is_moved = True
    assert place.end(SessionOver(TOO_LONG)) is None and place.calls == ["published"]


class Heart:
    """A heartbeat that does not beat."""

    def __init__(self) -> None:
        self.worker, self.flags = a_worker(), list[StopFlags]()

    @contextmanager
    def supervising(self, session: Session) -> Iterator[StopFlags]:
        self.flags.append(StopFlags(session.pk, session.attempt))
        yield self.flags[-1]


def a_claim() -> Session:
    session = a_session(an_entry(a_workspace()))
    Session.objects.filter(pk=session.pk).update(status=Session.Status.CLAIMED)
    return session


def test_a_session_is_taken_once_and_by_a_host_without_a_problem(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    heart: Any = Heart()
    session, ran = a_claim(), list[str]()
    monkeypatch.setattr(session_run, "_run_to_end", lambda session, flags: ran.append(session.pk))
    with monkeypatch.context() as patch:
        patch.setattr(session_run.problems, "that_stops", lambda: "Its clock is wrong")
        session_run.run(session.pk, session.attempt, heart)
    assert Session.objects.get(pk=session.pk).status == Session.Status.CLAIMED
    session_run.run(session.pk, session.attempt + 1, heart)
    for _ in range(2):
        session_run.run(session.pk, session.attempt, heart)
    assert ran == [session.pk] and [flags.session_id for flags in heart.flags] == ran
    row = Session.objects.get(pk=session.pk)
    assert (row.status, row.worker_id) == (Session.Status.RUNNING, heart.worker.pk) and place.calls == []


@pytest.mark.parametrize("error", [OperationalError("away"), InterfaceError("closed"), RuntimeError("a bug")])
def test_a_session_is_ended_later_only_where_the_database_was_away(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    heart: Any = Heart()
    session, outages = a_claim(), list[Any]()

    def away(*_: object) -> None:
        raise error

    monkeypatch.setattr(session_run, "_run_to_end", away)
    monkeypatch.setattr(session_run, "_end_after_outage", lambda session, flags, why: outages.append((session.pk, flags, why)))
    if isinstance(error, RuntimeError):
        with pytest.raises(RuntimeError):
            session_run.run(session.pk, session.attempt, heart)
        assert outages == []
    else:
        session_run.run(session.pk, session.attempt, heart)
        assert outages == [(session.pk, heart.flags[0], error)]


def test_a_session_whose_config_this_release_does_not_know_goes_to_another_host(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    heart: Any = Heart()
    session = a_claim()
    Executor.objects.filter(pk=session.workspace_id).update(config={"agent": {"command": "true", "later_key": 1}})
    monkeypatch.setattr(session_run, "_run_to_end", lambda *_: pytest.fail("it ran"))
    session_run.run(session.pk, session.attempt, heart)
    [(workspace_id, fault), ending] = place.calls
    assert workspace_id == session.workspace_id and "later_key" in fault and heart.flags == []
    assert ending == Ending(Outcome.INTERRUPTED, fault)


@pytest.mark.parametrize("error", [OperationalError("away"), InterfaceError("closed")])
@pytest.mark.parametrize(("reason", "tries"), [("", 3), ("stopped", 3), ("superseded", 0), ("fenced", 0), ("late", 2)])
def test_after_an_outage_it_ends_once_the_database_answers_while_it_may(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str, tries: int
) -> None:
    session, tried, pauses = place.session, list[str](), list[float]()
    flags = StopFlags(session.pk, session.attempt, clock=lambda: 1e9 if reason == "late" and len(tried) == 2 else 0.0)
    if reason not in ("", "late"):
        flags.request_end(reason)

    def end(given: Session) -> bool:
        tried.append(given.pk)
        if len(tried) == 1:
            raise error
        return len(tried) == 3

    monkeypatch.setattr(session_run.connection, "close", lambda: None)
    monkeypatch.setattr(session_run.time, "sleep", pauses.append)
    monkeypatch.setattr(session_run.reaper, "end_after_outage", end)
    session_run._end_after_outage(session, flags, OperationalError("away\nmore"))
    assert tried == [session.pk] * tries and pauses == [session_run.OUTAGE_POLL_S] * min(tries, 2)


COMMIT = "c" * 40
GOES_ON: dict[str, Any] = {"session": {"outcome": "interrupted", "attempt": 4}, "work": "verify"}


@pytest.mark.parametrize(
    ("given", "is_pass"),
    [
        ({}, True),
        ({"work": "verify"}, False),
        (GOES_ON, True),
        ({**GOES_ON, "session": {"outcome": "lost", "attempt": 4}}, True),
        ({**GOES_ON, "session": {"outcome": "stopped", "attempt": 4}}, True),
        ({**GOES_ON, "session": {"outcome": "crashed", "attempt": 4}}, False),
        ({**GOES_ON, "session": {"outcome": "interrupted", "attempt": 3}}, False),
        ({"session": {"outcome": "interrupted", "attempt": 3}}, True),
        ({"session": {"outcome": "conflict"}}, False),
        ({"round": {"verdict": "failed"}}, False),
        ({"round": {"verdict": "open"}}, False),
        ({"round": {"commit": ""}}, False),
        ({"round": {"commit": "d" * 40}}, False),
        ({"landing": "queued"}, False),
        ({"landing": "refused"}, False),
        ({"landing": ""}, False),
        ({"landing": "", "session": {"outcome": "crashed"}}, True),
        ({"edit": content.Change(content="Do more")}, False),
        ({"edit": content.Change(priority=1)}, True),
        ({"later": True}, False),
    ],
)
def test_a_round_that_passed_counts_again_while_it_is_the_newest_and_its_text_the_same(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], is_pass: bool
) -> None:
    """The next session, its fifth attempt, need not run the agent."""
    monkeypatch.setattr(session_run.history, "has", lambda repo, commit: str(repo) == "/repo" and commit in ("", COMMIT))
    entry = an_entry(a_workspace(), budget="9")
    passed, other = a_session(entry), a_session(an_entry(entry.workspace))
    Round.objects.filter(session=other).update(verdict="passed", commit=COMMIT)
    ended(passed, score=1.0)
    Session.objects.filter(pk=passed.pk).update(**{"outcome": "passed", "attempt": 4, **given.get("session", {})})
    Round.objects.filter(session=passed).update(**{"verdict": "passed", "commit": COMMIT, **given.get("round", {})})
    if given.get("landing", "withdrawn"):
        landing = queue.enqueue(entry, COMMIT, round_=None)
        Landing.objects.filter(pk=landing.pk).update(state=given.get("landing", "withdrawn"))
    Entry.objects.filter(pk=entry.pk).update(status="pending", reason_code="")
    if "edit" in given:
        content.edit(Entry.objects.get(pk=entry.pk), given["edit"], by=ANA)
    if "later" in given:
        Session.objects.filter(pk=passed.pk).update(outcome="failed")
        ended(a_session(entry))
    next_session = Session(
        entry=Entry.objects.get(pk=entry.pk), workspace=entry.workspace, attempt=5, work=given.get("work", "implement")
    )
    earlier = session_run._earlier_pass(next_session, Path("/repo"))
    assert (earlier is not None) is is_pass
    if earlier is not None:
        assert (earlier.commit, earlier.verdict.passed, earlier.verdict.score) == (COMMIT, True, 1.0)
