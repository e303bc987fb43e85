"""A planner's run: its agent reads a clone at the tip and answers with entries. One answer, and one more when the first cannot be used."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from orchestration import configuration, sessions
from orchestration.configuration import secrets
from orchestration.git import working_copies
from orchestration.landing import branch
from orchestration.models import Run, Session
from orchestration.proposals import answers, automatic, making, world
from orchestration.proposals.answers import Answer
from orchestration.proposals.schema import MAX_ENTRIES
from orchestration.proposals.world import World
from orchestration.sessions import Ending, metering, sandbox, session_dir, supervise
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.sandbox import SandboxMissing
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker import agents
from orchestration.worker.agent_run import outcomes, process
from orchestration.worker.agent_run.process import AgentRun
from orchestration.worker.agents.shared.failures import Failure
from orchestration.worker.agents.shared.interface import TURNS
from orchestration.worker.agents.shared.json_values import without_unstorable
from orchestration.worker.runs import contracts
from orchestration.worker.runs.place import Place, stopped
from orchestration.worker.steps import prompts

Outcome = Session.Outcome
MIN_LIMIT = 1000  # micro-USD: with less than a tenth of a cent another turn is pointless
MAX_LISTED = 300  # entries of the backlog in the prompt


def plan(session: Session, stop_flags: StopFlags) -> Ending:
    """Run the planner to its end. Its proposals are written before this returns."""
    config = configuration.load(session.workspace.executor.config)
    if config.planner is None:
        return Ending(Outcome.CRASHED, "The planner was taken out of the config before it began")
    try:
        boxes = sandbox.for_workspace(config, session.workspace, place="plan", programs=agents.binaries(config))
    except SandboxMissing as missing:
        return outcomes.from_failure(Failure("sandbox_missing", str(missing)))
    repo = Path(session.workspace.repo)
    commit = branch.start_point(session.workspace_id, repo, config.integration_branch)
    mask = secrets.mask_for(session.workspace_id, configuration.envs(config))
    writer = log_chunks.Writer(session, limit=config.log_limit_bytes, mask=mask)
    writer.add("muster", boxes.decision.sentence)
    Run.objects.filter(pk=session.pk).update(commit=commit)
    sessions.enter(session, Session.Phase.PLANNING)
    store = session_dir.store(session.workspace_id, repo)
    try:
        with working_copies.checkout(store, session_dir.worktrees(), session.pk, commit) as cwd:
            goal = Run.objects.values_list("goal", flat=True).get(pk=session.pk)
            place = Place(session, config, stop_flags, writer, boxes, mask, cwd, goal, commit)
            return _ask(place, world.read(session.workspace_id, repo, commit))
    finally:
        supervise.try_database(writer.flush)


def _ask(place: Place, known: World) -> Ending:
    session = place.session
    first = _prompt(place, known)
    if isinstance(first, Ending):
        return first
    Run.objects.filter(pk=session.pk).update(prompt=first)
    prompt, answer = first, Answer()
    for turn in range(1, TURNS + 1):
        agent_run = _run_agent(place, prompt, turn)
        if ending := _early_end(place, agent_run):
            return ending
        text = without_unstorable(agent_run.summary)
        answer = contracts.examined(place, answers.read(text, known))
        if turn < TURNS and metering.left(session) >= MIN_LIMIT:  # sent back once; after that people see what is wrong
            answer = replace(answer, problems=answer.problems or contracts.sent_back(answer))
        making.keep_answer(session, text, answer)
        if not answer.problems:
            added = len(automatic.apply(Run.objects.select_related("session").get(pk=session.pk)).applied)
            return Ending(Outcome.PASSED, _result(len(answer.entries), added), exit_code=0)
        for problem in answer.problems:
            place.writer.add("muster", problem)
        if metering.left(session) < MIN_LIMIT:
            return Ending(Outcome.OUT_OF_MONEY, f"No money is left for another answer. {answer.problems[0]}"[:500])
        prompt = _repair_prompt(place, answer.problems, prompt=first, text=text)
    return Ending(Outcome.FAILED, f"Its answer cannot be used: {answer.problems[0]}"[:500])


def _result(proposed: int, added: int) -> str:
    sentence = f"It proposes {proposed} {'entry' if proposed == 1 else 'entries'}"
    return f"{sentence}; {added} {'was' if added == 1 else 'were'} added" if added else sentence


def _prompt(place: Place, known: World) -> str | Ending:
    open_entries = [entry for entry in known.entries if entry.is_open]
    listed = [f"#{e.seq} {e.title}" + (f" ({', '.join(e.paths[:10])})" if e.paths else "") for e in open_entries[-MAX_LISTED:]]
    if len(open_entries) > MAX_LISTED:
        listed.append(f"and {len(open_entries) - MAX_LISTED} older ones")
    try:
        return prompts.plan(place.goal, place.config, backlog=listed, most=MAX_ENTRIES)
    except ValueError as problem:
        return Ending(Outcome.CRASHED, f"The workspace's prompt template for plan fails: {problem}"[:500])


def _repair_prompt(place: Place, problems: Sequence[str], *, prompt: str, text: str) -> str:
    """An agent without a conversation has forgotten what it was asked and what it answered."""
    if agents.for_kind(place.session.agent).TRAITS.resumes:
        return prompts.repair(problems)
    return prompts.repair(problems, prompt=prompt, answer=text)


def _run_agent(place: Place, prompt: str, turn: int) -> AgentRun:
    assert place.config.planner is not None
    directory = session_dir.prepare_run(place.session)
    return process.run(
        place.session,
        place.stop_flags,
        place.writer,
        place.config.planner.agent,
        "plan",
        directory,
        prompt=prompt,
        cwd=place.cwd,
        boxes=place.boxes,
        scratch=directory.private / "plan",
        limit=metering.left(place.session),
        turn=turn,
    )


def _early_end(place: Place, agent_run: AgentRun) -> Ending | None:
    """The ending of a run whose agent gave no answer; None: it did."""
    session = place.session
    if not agent_run.cost_known:
        sessions.forget_price(session)
    reason = place.stop_flags.reason or agent_run.reason
    if reason in ("stopped", "interrupted", "superseded", "fenced"):
        return stopped(session, reason)
    if reason == "out_of_money":
        return Ending(Outcome.OUT_OF_MONEY, "The run spent what it may without an answer: raise planner.run_usd, or ask for less")
    return outcomes.early_end(agent_run, session, place.writer.last_words)
