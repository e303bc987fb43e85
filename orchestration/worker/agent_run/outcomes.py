"""How a session ends when its agent did not finish: the outcome, the sentence a person reads, what happens next."""

from orchestration.configuration.circuit_breaker import Trouble
from orchestration.models import Session
from orchestration.processes.agent_process import Ended
from orchestration.sessions import Ending, rounds
from orchestration.worker.agent_run.run import AgentRun
from orchestration.worker.agents.shared.failures import Failure

Outcome = Session.Outcome


def wanted(reason: str, session: Session) -> Ending:
    """Somebody wants it to end: `stopped` by a person, or else its worker shuts down."""
    if reason == "stopped":
        by, for_good = Session.objects.values_list("stop_wanted_by", "stop_for_good").get(pk=session.pk)
        message = f"Stopped by {by}: its work is kept"
        is_done = not for_good and rounds.is_work_done(session)
        return Ending(Outcome.STOPPED, message, findings=(message,), verify_next=is_done)
    message = "The worker was shut down: its work is kept"
    findings = ("The round was interrupted.",)
    return Ending(Outcome.INTERRUPTED, message, findings=findings, verify_next=rounds.is_work_done(session))


def early(turn: AgentRun, session: Session, last_words: str) -> Ending | None:
    """The ending of a session whose agent did not finish its round; None: it did, go on."""
    ended, unknown = turn.ended, not turn.cost_known
    code = ended.exit_code
    if turn.reason in ("stopped", "interrupted", "superseded", "fenced"):
        ending = wanted(turn.reason, session)
        return Ending(ending.outcome, ending.message, exit_code=code, cost_unknown=unknown, findings=ending.findings)
    if turn.reason == "out_of_money":
        message = "The session's hold was used up: its work is kept, and it goes on when there is money"
        return Ending(Outcome.OUT_OF_MONEY, message, exit_code=code, cost_unknown=unknown, findings=(message,))
    if turn.failure is not None:
        return failed(turn.failure, exit_code=code, cost_unknown=unknown)
    if ended.cause in ("wall_timeout", "idle_timeout"):
        long = (
            "ran longer than its time limit" if ended.cause == "wall_timeout" else "said nothing for longer than its idle limit"
        )
        message = f"The agent {long} ({ended.seconds:.0f} s)"
        return Ending(Outcome.TIMED_OUT, message, exit_code=code, cost_unknown=unknown, findings=(message,))
    if not turn.ok:
        message = _crash(ended, turn.summary, last_words)
        return Ending(Outcome.CRASHED, message, exit_code=code, cost_unknown=unknown, findings=(message,))
    return None


def failed(failure: Failure, *, exit_code: int | None = None, cost_unknown: bool = False) -> Ending:
    """By the failure's cause: what is the provider's or the set-up's fault uses up no round and counts as no crash."""
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


def _crash(ended: Ended, summary: str, last_words: str) -> str:
    if ended.cause == "start_failed":
        return f"The agent could not be started: {ended.error}"[:500]
    if ended.cause == "killed" or ended.signal:
        return f"The agent was killed by signal {ended.signal}: {ended.error}"[:500].rstrip(": ")
    if ended.exit_code == 0:
        return f"The agent says that it did not succeed: {summary or 'no reason given'}"[:500]
    said = f". Its last words: {last_words}" if last_words else ""
    return f"The agent exited with {ended.exit_code}{said}"[:500]
