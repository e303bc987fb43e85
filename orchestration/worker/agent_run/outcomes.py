"""The facts about an unfinished agent, for the table of endings."""

from dataclasses import dataclass

from orchestration.configuration.provider_trouble import reviewer
from orchestration.dialogue import questions
from orchestration.models import Session
from orchestration.sessions import preemption, rounds
from orchestration.worker import endings
from orchestration.worker.agent_run.process import AgentRun
from orchestration.worker.agents.shared.interface import Role
from orchestration.worker.endings import AgentEnd, Facts, Fault
from workspaces.access import MUSTER


def early_end(agent_run: AgentRun, session: Session, last_words: str) -> Facts | None:
    """The facts of an agent with an unfinished round; None: it finished."""
    agent = AgentEnd(
        agent_run.ended,
        is_ok=agent_run.ok,
        reason=agent_run.reason,
        stop=requested_end(agent_run.reason, session) if agent_run.reason in endings.STOPS else None,
        asked=agent_run.asked,
        question=questions.first_of(session) if agent_run.asked else "",
        failure=agent_run.failure,
        summary=agent_run.summary,
        last_words=last_words,
        cost_known=agent_run.cost_known,
    )
    return endings.of_agent(agent)


def requested_end(reason: str, session: Session) -> Facts:
    """The facts of a stop request: `stopped` by a person, or a shutdown of the worker."""
    by, for_good = Session.of_any_role.values_list("stop_wanted_by", "stop_for_good").get(pk=session.pk)
    return endings.stopped(
        reason,
        by,
        for_good=for_good,
        is_done=not session.is_run and rounds.is_work_done(session),
        to_free_money=preemption.MESSAGE if by == MUSTER.name and not for_good and not session.is_run else "",
        is_run=session.is_run,
    )


@dataclass(frozen=True, slots=True)
class NoVerdict:
    """A missing verdict of a judging agent: no pass, and no failure of the work. It is judged again without its agent. An unavailable provider counts no crash."""

    problem: str  # a sentence
    facts: Facts  # of a session with this verdict required


def no_verdict(agent_run: AgentRun, role: Role, lacks: tuple[int, str] | None = None) -> NoVerdict:
    """The problem and the facts of a judging agent without a verdict."""
    failure, problem = agent_run.failure, f"It ended without a verdict ({agent_run.ended.cause})"
    if failure is not None:
        problem = failure.sentence
    elif agent_run.reason == "out_of_money":
        problem = "It spent what it may spend in a round and gave no verdict"
    elif agent_run.ok:
        problem = "It gave no verdict with the word of its request, or two that differ"
    message = f"The {'reviewing' if role == 'review' else 'verifying'} agent gave no verdict: {problem}"
    fault: Fault = failure.kind.cause if failure else "agent"
    cost_unknown = not agent_run.cost_known
    if lacks:
        return NoVerdict(problem, Facts("unpaid", "judge_budget", (message,), cost_unknown=cost_unknown, lacks=lacks))
    return NoVerdict(
        problem, Facts("not_judged", fault, (message,), cost_unknown=cost_unknown, failure=failure, of=reviewer(role))
    )
