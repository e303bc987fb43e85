"""A run from its start to its end: its agent answers with proposals, again after a useless answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import get_args

from orchestration import configuration, sessions
from orchestration.configuration import Config
from orchestration.git.clones import checkouts, working_copies
from orchestration.landing import branch
from orchestration.models import Proposal, Run, Session
from orchestration.proposals import automatic, making, roles
from orchestration.proposals.answering.proposed import Answer
from orchestration.sessions import Ending, metering, supervise
from orchestration.sessions.folders import session_dir
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker import agents, endings
from orchestration.worker.agent_run import outcomes, process
from orchestration.worker.agent_run.process import AgentRun, Invocation
from orchestration.worker.agents.shared import interface
from orchestration.worker.agents.shared.json_values import without_unstorable
from orchestration.worker.endings import Facts
from orchestration.worker.preparing import workbench
from orchestration.worker.preparing.workbench import SessionBench
from orchestration.worker.runs import contracts, expander, orchestrator, planner
from orchestration.worker.runs.place import Place
from orchestration.worker.runs.question import Ask, Question
from orchestration.worker.steps import prompts
from orchestration.worker.steps.runner import SessionRunner

Outcome = Session.Outcome
ASKED_TO_END = (Outcome.STOPPED, Outcome.INTERRUPTED)
MIN_LIMIT = 1000  # micro-USD: less pays for no turn
ASK: dict[interface.Role, Ask] = {"plan": planner.question, "expand": expander.question, "orchestrate": orchestrator.question}


def ask(session: Session, stop_flags: StopFlags) -> Ending:
    """Run the agent to its end, and write its proposals."""
    config, role = configuration.load(session.workspace.executor.config), roles.BY_NAME[session.role]
    agent = config.agent_of(session.role)
    if agent is None:
        sentence = f"The {role.key} was taken out of the config before it began"
        return endings.after(Facts("failed", "config", (sentence,), is_run=True))
    bench = workbench.of_session(session, config, agent)
    writer = log_chunks.Writer(session, limit=config.log_limit_bytes, mask=bench.mask)
    writer.add("muster", bench.sandboxes.decision.sentence)
    try:
        with _folder(session, bench) as (cwd, commit):
            sessions.enter(session, role.phase)
            place = Place(session, role, agent, bench, stop_flags, writer, cwd, commit)
            question = _question(session, config)
            if isinstance(question, Ending):
                return question
            with SessionRunner(place).staged(cwd):
                return _answer(place, question)
    finally:
        supervise.try_database(writer.flush)


@contextmanager
def _folder(session: Session, bench: SessionBench) -> Iterator[tuple[Path, str]]:
    """A clone at the tip, and its recorded commit; for a role without files an empty folder, and no commit."""
    if not roles.BY_NAME[session.role].reads_files:
        with _empty_folder(bench.repo, bench.copies / session.pk) as folder:
            yield folder, ""
        return
    commit = branch.start_point(session.workspace, bench.config.integration_branch)
    Run.objects.filter(pk=session.pk).update(commit=commit)
    with working_copies.checkout(bench.store, bench.copies, session.pk, commit) as cwd:
        yield cwd, commit


@contextmanager
def _empty_folder(repo: Path, folder: Path) -> Iterator[Path]:
    checkouts.discard(repo, folder)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        checkouts.discard(repo, folder)


def _question(session: Session, config: Config) -> Question | Ending:
    run = Run.objects.select_related("session__workspace", "subject").get(pk=session.pk)
    try:
        question = ASK[_name(session)](run, config)
    except ValueError as problem:
        sentence = f"The workspace's prompt template for {session.role} fails: {problem}"
        return endings.after(Facts("failed", "config", (sentence,), is_run=True))
    Run.objects.filter(pk=session.pk).update(prompt=question.prompt)
    return question


def _answer(place: Place, question: Question) -> Ending:
    """Ask, and once more after a problem. A doubtful but usable first answer is used if the second one is no better."""
    session, prompt, answer = place.session, question.prompt, Answer()
    doubtful: tuple[str, Answer] | None = None
    for turn in range(1, interface.TURNS + 1):
        agent_run = _run_agent(place, prompt, turn)
        if happened := _early_end(place, agent_run):
            ending = endings.after(happened)
            if doubtful is None or ending.outcome in ASKED_TO_END:
                return ending
            return replace(_keep(session, *doubtful, later_problem=ending.message), cost_unknown=ending.cost_unknown)
        text = without_unstorable(agent_run.summary)
        answer = contracts.examined(place, question.read(text))
        has_money = metering.left(session) >= MIN_LIMIT
        if not answer.problems and not (answer.doubts and has_money and turn < interface.TURNS):
            better = doubtful is not None and len(doubtful[1].doubts) < len(answer.doubts)
            return _keep(session, *doubtful) if doubtful and better else _keep(session, text, answer)
        problems = answer.problems or answer.doubts
        for problem in problems:
            place.writer.add("muster", problem)
        if doubtful:
            return _keep(session, *doubtful, later_problem=f"It cannot be used: {problems[0]}")
        making.keep_answer(session, text, replace(answer, problems=problems))
        if not has_money:
            sentence = f"No money is left for another answer. {problems[0]}"
            return endings.after(Facts("unpaid", "budget", (sentence,), is_run=True))
        doubtful = None if answer.problems else (text, answer)
        prompt = _repair_prompt(place, problems, prompt=question.prompt, text=text)
    return endings.after(Facts("refused", "agent", (answer.problems[0],), is_run=True))


def _keep(session: Session, text: str, answer: Answer, *, later_problem: str = "") -> Ending:
    """Write the proposals of an answer, with the problem of a later one."""
    making.keep_answer(session, text, answer)
    applied = automatic.apply(Run.objects.select_related("session").get(pk=session.pk)).applied
    sentence = answer.sentence + _applied(applied)
    if later_problem:
        sentence += f". That is its first answer; of the second: {later_problem}"
    return endings.after(Facts("proposed", "nobody", (sentence,), is_run=True))


def _applied(proposals: Sequence[Proposal]) -> str:
    if not proposals:
        return ""
    verb = "added" if all(proposal.kind == Proposal.Kind.ADD for proposal in proposals) else "applied"
    return f"; {len(proposals)} {'was' if len(proposals) == 1 else 'were'} {verb}"


def _repair_prompt(place: Place, problems: Sequence[str], *, prompt: str, text: str) -> str:
    """The prompt for a repair. An agent without a conversation gets its old prompt and answer again."""
    if agents.for_kind(place.session.agent).TRAITS.resumes:
        return prompts.repair(problems)
    return prompts.repair(problems, prompt=prompt, answer=text)


def _run_agent(place: Place, prompt: str, turn: int) -> AgentRun:
    scratch = session_dir.prepare_run(place.session).private / place.session.role
    role, limit = _name(place.session), metering.left(place.session)
    return process.run(Invocation(place, place.agent, role, prompt, cwd=place.cwd, scratch=scratch, limit=limit, turn=turn))


def _name(session: Session) -> interface.Role:
    return next(name for name in get_args(interface.Role) if name == session.role)


def _early_end(place: Place, agent_run: AgentRun) -> Facts | None:
    """The facts of a run without an answer; None: it has one."""
    session = place.session
    if not agent_run.cost_known:
        sessions.forget_price(session)
    reason = place.stop_flags.reason or agent_run.reason
    if reason in endings.STOPS:
        return outcomes.requested_end(reason, session)
    if reason == "out_of_money":
        sentence = f"The run spent what it may without an answer: raise {place.role.key}.run_usd, or ask for less"
        return Facts("unpaid", "budget", (sentence,), is_run=True)
    return outcomes.early_end(agent_run, session, place.writer.last_words)
