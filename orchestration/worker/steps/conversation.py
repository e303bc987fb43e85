"""The implementing agent's processes of one round: the first prompt, a new conversation after a lost one, and further prompts after new money or messages."""

from budget.models import Hold
from orchestration.dialogue import delivery
from orchestration.dialogue.delivery import GO_ON, Mail
from orchestration.models import Round
from orchestration.sessions import conversations, metering, preemption, reservations
from orchestration.worker.agent_run import process
from orchestration.worker.agent_run.doomed_rounds import ProgressWatch
from orchestration.worker.agent_run.process import AgentRun, Invocation
from orchestration.worker.agents.shared.interface import MAX_TURNS
from orchestration.worker.steps.context import RoundContext

CONTINUE_PROMPT = "There is money for you again. Continue the task where you stopped, and finish it."
HOW_TO_ASK = """
## If you need an answer

Only where the task cannot be done right without it, ask people: run `muster-ask "your question"` and end your turn. The answer is your
next prompt.
"""
LOST = ("thread_lost", "context_full")


def run(context: RoundContext, task: str, *, starts_anew: bool) -> AgentRun:
    """Run the agent until it is done with its task and people's messages. How to ask is added to the task, whatever its template. A new start repeats the whole
    task even to a continued conversation."""
    session, task = context.session, task + HOW_TO_ASK
    mail = delivery.waiting(context.entry.pk, context.round) if session.has_mail else Mail()
    goes_on = _goes_on(context)
    text = GO_ON if mail.answers and not starts_anew and goes_on else task
    prompt = _prompt(context, text, mail, is_continued=goes_on)
    Round.of_any_candidate.filter(pk=context.round.pk).update(prompt=prompt)
    context.progress_watch = _watched(context)
    agent_run = _run_agent(context, prompt, mail)
    failure = agent_run.failure
    if failure is not None and failure.code in LOST and agent_run.reason in ("", "failed"):
        # once: a new conversation for the lost one
        agent_run = _run_agent(context, _prompt(context, task, mail, is_continued=False), mail)
    while agent_run.reason == "out_of_money" and not agent_run.asked and _may_continue(context, agent_run):
        agent_run = _run_agent(context, CONTINUE_PROMPT, Mail())
    for turn in range(2, MAX_TURNS + 1):
        mail = delivery.messages_of(context.entry.pk) if agent_run.ok and agent_run.has_mail and not agent_run.asked else Mail()
        if not mail or not reservations.pays_round(context.session, context.bench.config):
            break
        goes_on = _goes_on(context)
        prompt = _prompt(context, GO_ON if goes_on else task, mail, is_continued=goes_on)
        agent_run = _run_agent(context, prompt, mail, turn=turn)
    return agent_run


def _prompt(context: RoundContext, text: str, mail: Mail, *, is_continued: bool) -> str:
    """The mail and the text. A new conversation gets earlier mail too."""
    is_first = context.round.number == 1 and not mail
    return (mail if is_continued or is_first else delivery.with_earlier(mail, context.entry.pk, context.round.pk)).before(text)


def _watched(context: RoundContext) -> ProgressWatch | None:
    policy = context.bench.config.doomed_rounds
    if policy == "off":
        return None
    receives = context.bench.traits.receives
    return ProgressWatch(context.session, context.worktree.path, context.writer.mask, receives=receives, ends=policy == "end")


def _goes_on(context: RoundContext) -> bool:
    """True if the agent's next process continues its conversation, with the task in it."""
    bench = context.bench
    return bench.traits.resumes and conversations.find(context.session.work_id, "implement", bench.config.agent.kind) is not None


def _run_agent(context: RoundContext, prompt: str, new_mail: Mail, *, turn: int = 1) -> AgentRun:
    """Run one process, and mark the mail of its prompt as delivered."""
    session, bench = context.session, context.bench
    delivery.give(new_mail, context.round.pk)
    invocation = Invocation(
        context,
        bench.config.agent,
        "implement",
        prompt,
        cwd=context.worktree.path,
        scratch=bench.private_home,
        limit=metering.left(session),
        growth=reservations.growth_of(session, bench.config),
        turn=turn,
        mail=new_mail,
        round_id=context.round.pk,
        progress_watch=context.progress_watch,
    )
    agent_run = process.run(invocation)
    if context.progress_watch is not None:
        context.progress_watch.close()
    return agent_run


def _may_continue(context: RoundContext, agent_run: AgentRun) -> bool:
    """True if an agent at its limit may resume: its reservation has grown or can grow. It never spends unreserved money (decisions/0016)."""
    session = context.session
    kept_its_limit = (
        agent_run.finished is not None
        and agent_run.finished.out_of_money
        and agent_run.cost_known
        and not context.stop_flags.reason
    )
    if not (kept_its_limit and context.bench.traits.resumes) or session.hold_id is None:
        return False
    before, reservation = context.drawn_before, Hold.objects.get(pk=session.hold_id)
    context.drawn_before = reservation.drawn
    if reservation.drawn <= before:  # stopped without spending: another run would do the same
        return False
    return preemption.grow(session, context.bench.config, reservation)
