"""A session whose agent did not finish ends with who ended it, why, and what happens next."""

from typing import Any

import pytest

from orchestration.dialogue import questions
from orchestration.facts.failures import Failure
from orchestration.models import Round, Session
from orchestration.processes.agent_process import Ended
from orchestration.sessions import preemption
from orchestration.worker import endings
from orchestration.worker.agent_run import outcomes
from orchestration.worker.agent_run.process import AgentRun
from orchestration.worker.agents.shared.events import Finished
from tests.factories import a_session, a_workspace, an_entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def session() -> Session:
    a_session(an_entry(a_workspace(name="Other")))
    return a_session(an_entry(a_workspace()))


def agent_run(cause: str = "exited", *, reason: str = "", exit_code: int | None = 0, **more: Any) -> AgentRun:
    ended = {name: more.pop(name) for name in ("signal", "error", "seconds", "complete") if name in more}
    fields: dict[str, Any] = {"finished": None, "failure": None, "cost_known": True, **more}
    return AgentRun(Ended(cause, exit_code, **ended), reason, **fields)  # type: ignore[arg-type]


DONE = Finished(True, "Done")


@pytest.mark.parametrize(
    ("run", "ok"),
    [
        (agent_run(), True),
        (agent_run(finished=DONE), True),
        (agent_run(finished=Finished(True, "", exit_code=1), exit_code=1), True),
        (agent_run(finished=DONE, exit_code=1), False),
        (agent_run(exit_code=1), False),
        (agent_run(finished=Finished(False)), False),
        (agent_run(failure=Failure("auth", "No")), False),
        (agent_run(reason="stopped"), False),
        (agent_run("killed"), False),
    ],
)
def test_an_agent_is_done_where_it_ended_by_itself_and_claims_success(run: AgentRun, ok: bool) -> None:
    assert run.ok is ok


def end(session: Session, run: AgentRun, words: str = "") -> Any:
    happened = outcomes.early_end(run, session, words)
    return happened and endings.after(happened)


def test_an_agent_that_finished_ends_no_session(session: Session) -> None:
    assert end(session, agent_run(finished=DONE)) is None


@pytest.mark.parametrize(
    ("run", "outcome", "message"),
    [
        (agent_run("wall_timeout", seconds=61.4), "timed_out", "The agent ran longer than its time limit (61 s)"),
        (agent_run("idle_timeout", seconds=9), "timed_out", "The agent was silent for longer than its idle limit (9 s)"),
        (agent_run("start_failed", error="no such file"), "crashed", "The agent could not be started: no such file"),
        (agent_run("killed", signal=9, error="memory"), "crashed", "The agent was killed by signal 9: memory"),
        (agent_run("exited", signal=11, exit_code=None), "crashed", "The agent was killed by signal 11"),
        (agent_run(complete=False, error="the shim died", exit_code=1), "crashed", "The agent was killed; the shim died"),
        (agent_run(exit_code=3), "crashed", "The agent exited with 3. Its last words: oops"),
        (
            agent_run(finished=Finished(False, "too hard")),
            "crashed",
            "The agent reports that it did not succeed: too hard",
        ),
        (agent_run(finished=Finished(False)), "crashed", "The agent reports that it did not succeed: no reason given"),
        (
            agent_run(reason="out_of_money", complete=False, error="the shim died"),
            "out_of_money",
            "The session's reservation was used up: its work is kept, and it continues when there is money; the shim died",
        ),
    ],
)
def test_each_way_to_end_has_its_outcome_and_its_sentence(session: Session, run: AgentRun, outcome: str, message: str) -> None:
    ending = end(session, run, "oops")
    assert (ending.outcome, ending.message, ending.exit_code) == (outcome, message, run.ended.exit_code)
    assert ending.findings == (message,) and not ending.cost_unknown
    assert end(session, agent_run(exit_code=3, cost_known=False)).cost_unknown


def test_an_agent_that_asked_waits_for_its_answer(session: Session) -> None:
    questions.ask(session, "1", "Which?" + "x" * 600)
    ending = end(session, agent_run(asked=True, exit_code=1, cost_known=False))
    assert (ending.outcome, ending.message, ending.cost_unknown) == ("asked", f"It asked: Which?{'x' * 600}"[:500], True)
    assert ending.findings == () and ending.exit_code == 1


@pytest.mark.parametrize(
    ("code", "outcome", "cause"),
    [("auth", "unavailable", "setup"), ("overloaded", "unavailable", "provider"), ("crashed", "crashed", "")],
)
def test_only_a_failure_of_the_agent_itself_is_a_crash(session: Session, code: str, outcome: str, cause: str) -> None:
    ending = end(session, agent_run(failure=Failure(code, "No", retry_at=7.0), exit_code=1, cost_known=False))
    assert (ending.outcome, ending.failure, ending.exit_code, ending.cost_unknown) == (outcome, code, 1, True)
    assert ending.message == Failure(code, "No").sentence and ending.findings == (ending.message,)
    assert (
        (ending.trouble.cause, ending.trouble.retry_at, ending.trouble.code) == (cause, 7.0, code)
        if cause
        else not ending.trouble
    )


@pytest.mark.parametrize(
    ("reason", "by", "for_good", "outcome", "verifies", "message"),
    [
        ("stopped", "ana", False, "stopped", True, "Stopped by ana: its work is kept"),
        ("stopped", "ana", True, "stopped", False, "Stopped by ana: its work is kept"),
        ("stopped", "muster", False, "out_of_money", True, preemption.MESSAGE),
        ("stopped", "muster", True, "stopped", False, "Stopped by muster: its work is kept"),
        ("interrupted", "ana", False, "interrupted", True, "The worker was shut down: its work is kept"),
        ("fenced", "", False, "interrupted", True, "The worker was shut down: its work is kept"),
    ],
)
def test_a_session_is_ended_for_whoever_asked_and_work_that_is_done_is_only_verified(
    session: Session, reason: str, by: str, for_good: bool, outcome: str, verifies: bool, message: str
) -> None:
    Session.objects.filter(pk=session.pk).update(stop_wanted_by=by, stop_for_good=for_good)
    assert not endings.after(outcomes.requested_end(reason, session)).verify_next
    Round.objects.filter(session=session).update(agent_done=True)
    ending = endings.after(outcomes.requested_end(reason, session))
    assert (ending.outcome, ending.message, ending.verify_next) == (outcome, message, verifies)
    early = end(session, agent_run(reason=reason, complete=False, error="the shim died", exit_code=5, cost_known=False))
    assert (
        (early.outcome, early.message) == (outcome, f"{message}; the shim died") and early.cost_unknown and early.exit_code == 5
    )
    assert all(finding.endswith("; the shim died") for finding in early.findings)


@pytest.mark.parametrize(
    ("run", "problem", "fault"),
    [
        (agent_run(failure=Failure("overloaded", "No")), Failure("overloaded", "No").sentence, "provider"),
        (agent_run(reason="out_of_money"), "It spent what it may spend in a round and gave no verdict", "agent"),
        (agent_run(), "It gave no verdict with the word of its request, or two that differ", "agent"),
        (agent_run("killed"), "It ended without a verdict (killed)", "agent"),
    ],
)
def test_no_verdict_is_no_pass_and_no_failure_of_the_work(run: AgentRun, problem: str, fault: str) -> None:
    for role, word in (("review", "reviewing"), ("verify", "verifying")):
        missing = outcomes.no_verdict(run, role)
        ending = endings.after(missing.facts)
        assert (missing.problem, missing.facts.what, missing.facts.fault) == (problem, "not_judged", fault)
        assert ending.verify_next and ending.message == f"The {word} agent gave no verdict: {problem}"
