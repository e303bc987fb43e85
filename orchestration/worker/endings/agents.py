"""The facts of an unfinished agent, and of a stop request. Pure."""

from dataclasses import dataclass, replace

from orchestration.facts.failures import Failure
from orchestration.processes.agent_process import Ended
from orchestration.worker.endings.table import Facts

STOPS = ("stopped", "interrupted", "superseded", "fenced")
NO_MONEY = "The session's reservation was used up: its work is kept, and it continues when there is money"


@dataclass(frozen=True, slots=True)
class AgentEnd:
    """The end of an agent's process."""

    ended: Ended
    is_ok: bool = False  # it ended by itself and claims success
    reason: str = ""  # of Muster's stop
    stop: Facts | None = None  # the stop request behind the reason
    asked: bool = False
    question: str = ""  # its first to people
    failure: Failure | None = None
    summary: str = ""  # its own
    last_words: str = ""  # its own
    cost_known: bool = True


def stopped(reason: str, by: str, *, for_good: bool, is_done: bool, to_free_money: str = "", is_run: bool = False) -> Facts:
    """The facts of a stop request: a person's, Muster's to free money, or a shutdown of the worker."""
    if reason != "stopped":
        return Facts("stopped", "worker", is_done=is_done, is_run=is_run)
    if to_free_money:
        return Facts("stopped", "line", (to_free_money,), is_done=is_done)
    return Facts("stopped", "person", (by,), is_done=is_done and not for_good, is_run=is_run)


def of_agent(agent: AgentEnd) -> Facts | None:
    """The facts of an agent with an unfinished round or answer; None: it finished."""
    happened = _happened(agent)
    return happened and replace(happened, exit_code=agent.ended.exit_code, cost_unknown=not agent.cost_known)


def _happened(agent: AgentEnd) -> Facts | None:
    ended, how = agent.ended, _how(agent.ended)
    if agent.stop is not None:
        return replace(agent.stop, how=how, is_done=False)
    if agent.asked:
        return Facts("asked", "agent", (agent.question,))
    if agent.reason == "out_of_money":
        return Facts("unpaid", "budget", (NO_MONEY,), how=how)
    if agent.failure is not None:
        return Facts("failed", agent.failure.kind.cause, (agent.failure.sentence,), failure=agent.failure)
    if ended.cause == "wall_timeout":
        return Facts("timed_out", "agent", (f"The agent ran longer than its time limit ({ended.seconds:.0f} s)",), how=how)
    if ended.cause == "idle_timeout":
        text = f"The agent was silent for longer than its idle limit ({ended.seconds:.0f} s)"
        return Facts("timed_out", "agent", (text,), how=how)
    return None if agent.is_ok else Facts("failed", "agent", (_crash(ended, agent.summary, agent.last_words),))


def _how(ended: Ended) -> str:
    """The addition to a message after processes killed by the worker."""
    return "" if ended.complete else f"; {ended.error}"


def _crash(ended: Ended, summary: str, last_words: str) -> str:
    if ended.cause == "start_failed":
        return f"The agent could not be started: {ended.error}"
    if not ended.complete:
        return f"The agent was killed{_how(ended)}"
    if ended.cause == "killed" or ended.signal:
        return f"The agent was killed by signal {ended.signal}: {ended.error}"[:500].rstrip(": ")
    if ended.exit_code == 0:
        return f"The agent reports that it did not succeed: {summary or 'no reason given'}"
    return f"The agent exited with {ended.exit_code}" + (f". Its last words: {last_words}" if last_words else "")
