"""The end of a session whose agent did not finish: the outcome, its sentence, and what happens next."""

from orchestration.configuration.circuit_breaker import Trouble
from orchestration.dialogue import questions
from orchestration.models import Session
from orchestration.processes.agent_process import Ended
from orchestration.sessions import Ending, preemption, rounds
from orchestration.worker.agent_run.process import AgentRun
from orchestration.worker.agents.shared.failures import Failure
from workspaces.access import MUSTER

Outcome = Session.Outcome


def requested_end(reason: str, session: Session) -> Ending:
    """The ending for a stop request: `stopped` by a person, or else its worker shuts down."""
    if reason == "stopped":
        by, for_good = Session.of_any_role.values_list("stop_wanted_by", "stop_for_good").get(pk=session.pk)
        if by == MUSTER.name and not for_good:
            is_done = rounds.is_work_done(session)
            message = preemption.MESSAGE
            return Ending(Outcome.OUT_OF_MONEY, message, findings=(message,), verify_next=is_done)
        message = f"Stopped by {by}: its work is kept"
        is_done = not for_good and rounds.is_work_done(session)
        return Ending(Outcome.STOPPED, message, findings=(message,), verify_next=is_done)
    message = "The worker was shut down: its work is kept"
    findings = ("The round was interrupted.",)
    return Ending(Outcome.INTERRUPTED, message, findings=findings, verify_next=rounds.is_work_done(session))


def early_end(agent_run: AgentRun, session: Session, last_words: str) -> Ending | None:
    """The ending of a session whose agent did not finish its round; None: it did."""
    ended, cost_unknown = agent_run.ended, not agent_run.cost_known
    code = ended.exit_code
    if agent_run.reason in ("stopped", "interrupted", "superseded", "fenced"):
        ending = requested_end(agent_run.reason, session)
        message, findings = ending.message + _how(ended), tuple(finding + _how(ended) for finding in ending.findings)
        return Ending(ending.outcome, message, exit_code=code, cost_unknown=cost_unknown, findings=findings)
    if agent_run.asked:
        message = f"It asked: {questions.first_of(session)}"[:500]
        return Ending(Outcome.ASKED, message, exit_code=code, cost_unknown=cost_unknown)
    if agent_run.reason == "out_of_money":
        message = "The session's reservation was used up: its work is kept, and it continues when there is money" + _how(ended)
        return Ending(Outcome.OUT_OF_MONEY, message, exit_code=code, cost_unknown=cost_unknown, findings=(message,))
    if agent_run.failure is not None:
        return from_failure(agent_run.failure, exit_code=code, cost_unknown=cost_unknown)
    if ended.cause in ("wall_timeout", "idle_timeout"):
        problem = (
            "ran longer than its time limit" if ended.cause == "wall_timeout" else "was silent for longer than its idle limit"
        )
        message = f"The agent {problem} ({ended.seconds:.0f} s){_how(ended)}"
        return Ending(Outcome.TIMED_OUT, message, exit_code=code, cost_unknown=cost_unknown, findings=(message,))
    if not agent_run.ok:
        message = _crash(ended, agent_run.summary, last_words)
        return Ending(Outcome.CRASHED, message, exit_code=code, cost_unknown=cost_unknown, findings=(message,))
    return None


def _how(ended: Ended) -> str:
    """The text to add to a message where the worker had to end the processes itself."""
    return "" if ended.complete else f"; {ended.error}"


def from_failure(failure: Failure, *, exit_code: int | None = None, cost_unknown: bool = False) -> Ending:
    """A failure that the provider or the setup caused uses up no round and does not count as a crash."""
    sentence = failure.sentence
    cause = failure.kind.cause
    if cause == "agent":
        return Ending(
            Outcome.CRASHED,
            sentence,
            exit_code=exit_code,
            cost_unknown=cost_unknown,
            findings=(sentence,),
            failure=failure.code,
        )
    trouble = Trouble(failure.code, sentence, cause, failure.retry_at)
    return Ending(
        Outcome.UNAVAILABLE,
        sentence,
        exit_code=exit_code,
        cost_unknown=cost_unknown,
        findings=(sentence,),
        failure=failure.code,
        trouble=trouble,
    )


def _crash(ended: Ended, agent_summary: str, last_words: str) -> str:
    if ended.cause == "start_failed":
        return f"The agent could not be started: {ended.error}"[:500]
    if not ended.complete:
        return f"The agent was killed{_how(ended)}"[:500]
    if ended.cause == "killed" or ended.signal:
        return f"The agent was killed by signal {ended.signal}: {ended.error}"[:500].rstrip(": ")
    if ended.exit_code == 0:
        return f"The agent reports that it did not succeed: {agent_summary or 'no reason given'}"[:500]
    ending = f". Its last words: {last_words}" if last_words else ""
    return f"The agent exited with {ended.exit_code}{ending}"[:500]
