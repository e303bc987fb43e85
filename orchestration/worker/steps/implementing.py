"""The implementing half of a round: the agent in the entry's worktree, its work committed, its changes held against its locks."""

from budget import ledger
from budget.models import Hold
from orchestration import sessions
from orchestration.backlog import locks, paths
from orchestration.git import conflicts, repo_guard, worktrees
from orchestration.models import FileLock, Round, Session
from orchestration.reasons import Reason
from orchestration.sessions import Ending, conversations, metering, reservations, rounds, session_dir
from orchestration.worker import agents
from orchestration.worker.agent_run import outcomes
from orchestration.worker.agent_run import run as agent_run
from orchestration.worker.agent_run.run import AgentRun
from orchestration.worker.steps import prompts, protected_files
from orchestration.worker.steps.context import RoundContext, SessionOver

GO_ON = "There is money for you again. Go on with the task where you stopped, and finish it."


def implement(work: RoundContext) -> list[str]:
    """Run the agent and commit what it did. Answers the findings about what it should not have done. Raises Over."""
    session, opened = work.session, work.round
    text = _prompt(work)
    Round.objects.filter(pk=opened.pk).update(prompt=text)
    session_dir.prepare(session, work.entry)
    sessions.enter(session, Session.Phase.IMPLEMENTATION)
    if not worktrees.is_set_up(work.tree.path):
        work.set_up(work.tree.path)
        worktrees.mark_set_up(work.tree.path)
    before = repo_guard.record_state(work.repo, work.tree.path, work.config.integration_branch)
    turn = _turn(work, text)
    if turn.failure is not None and turn.failure.code in ("thread_lost", "context_full") and turn.reason in ("", "failed"):
        conversations.forget(session.entry_id, role="implement")
        turn = _turn(work, text)  # a new conversation, once
    while turn.reason == "out_of_money" and _may_go_on(work, turn):
        turn = _turn(work, GO_ON)
    found = repo_guard.restore(work.repo, work.tree.path, work.config.integration_branch, before)  # before git reads it again
    _keep(work, turn)
    if ending := outcomes.early(turn, session, work.writer.last_words):
        raise SessionOver(ending)
    if not turn.cost_known:
        sessions.forget_price(session)
    reservations.shrink(session, work.config)
    return [*found, *_nothing_changed(work), *_undeclared(work), *_tampered(work), *_leaked(work)]


def _prompt(work: RoundContext) -> str:
    try:
        return prompts.implement(
            work.entry,
            work.config,
            number=work.round.number,
            found=rounds.findings_for(work.entry),
            conflicts=_conflicts(work),
            protected=[name for name in work.protected if not any(paths.covers(own, name) for own in work.entry.paths)],
        )
    except ValueError as problem:
        message = f"The workspace's prompt template fails: {problem}"
        raise SessionOver(Ending(Session.Outcome.CRASHED, message, findings=(message,))) from None


def _conflicts(work: RoundContext) -> list[str]:
    """What the agent is to resolve: in git's words where they are new, or by the files that an earlier round left unresolved."""
    return list(work.tree.conflicts) or conflicts.unresolved(work.tree.path, work.tree.base_sha)


def _turn(work: RoundContext, text: str) -> AgentRun:
    session, here = work.session, session_dir.of(work.session.pk)
    return agent_run.run(
        session,
        work.watch,
        work.writer,
        work.config.agent,
        "implement",
        here,
        prompt=text,
        cwd=work.tree.path,
        limit=metering.left(session),
        growth=reservations.growth(work.config),
    )


def _may_go_on(work: RoundContext, turn: AgentRun) -> bool:
    """An agent that kept the limit it was handed at its start stopped there, while its hold has grown or still can: it is resumed with
    what there is now. So nothing is ever spent that is not held (decisions/0016).
    """
    session, traits = work.session, agents.of(work.config.agent.kind).TRAITS
    kept_its_limit = turn.finished is not None and turn.finished.out_of_money and turn.cost_known and not work.watch.reason
    if not (kept_its_limit and traits.resumes) or session.hold_id is None:
        return False
    before, hold = work.drawn_before, Hold.objects.get(pk=session.hold_id)
    work.drawn_before = hold.drawn
    if hold.drawn <= before:  # it stops without having spent anything: once more would be the same
        return False
    wanted = reservations.growth(work.config).next_step(amount=hold.amount, drawn=hold.drawn)
    if wanted:
        ledger.extend(hold.pk, wanted)
    return metering.left(session) >= max(work.config.min_round, 1)


def _keep(work: RoundContext, turn: AgentRun) -> None:
    """Commit whatever there is, however the agent ended: work is never lost."""
    opened = work.round
    opened.summary = turn.summary[:4000]
    opened.commit = (
        worktrees.commit(work.tree.path, f"{work.entry.title}\n\nMuster round {opened.number} of {work.entry.pk}") or ""
    )
    opened.diffstat = worktrees.diffstat(work.tree.path, work.tree.base_sha)
    Round.objects.filter(pk=opened.pk).update(summary=opened.summary, commit=opened.commit, diffstat=opened.diffstat)


def _nothing_changed(work: RoundContext) -> list[str]:
    """Success without a change is no success, whatever the agent and the checks say."""
    if work.round.diffstat.get("files") or not agents.of(work.config.agent.kind).TRAITS.changes_files:
        return []
    return ["nothing_changed: the agent reported success, but no file of the repository was changed"]


def _undeclared(work: RoundContext) -> list[str]:
    """Changed files that the entry has not locked: they are locked now if they are free, or the round fails (docs/architecture.md)."""
    mine = list(FileLock.objects.filter(entry=work.entry).values_list("path", flat=True))
    wanted = []
    for path in worktrees.changed_files(work.tree.path, work.tree.base_sha):
        try:
            name = paths.normalise(path)
        except paths.BadPath as bad:
            return [f"{Reason.FILES_LOCKED}: {path!r} may not be changed: {bad}"]
        if not any(paths.covers(lock, name) for lock in mine):
            wanted.append(name)
    refused = locks.extend(work.entry, wanted) if wanted else []
    return [f"{Reason.FILES_LOCKED}: {path} belongs to {holder}: undo your changes to it" for path, holder in refused]


def _leaked(work: RoundContext) -> list[str]:
    """A secret of the workspace in the work: it may not be merged."""
    told = worktrees.added_text(work.tree.path, work.tree.base_sha, limit_bytes=20_000_000)
    return [
        f"secret_leaked: the work or its history contains the secret {name}: take it out of both"
        for name in work.mask.names_in(told)
    ]


def _tampered(work: RoundContext) -> list[str]:
    """Changes to the files that judge it, which its entry does not name: it is judged by the originals, and may not pass so."""
    found = protected_files.tampered(
        worktrees.changed_files(work.tree.path, work.tree.base_sha),
        at_base=work.protected,
        patterns=work.config.protected,
        declared=work.entry.paths,
    )
    return [
        f"judge_changed: {name} judges this work, and the entry does not name it: undo your changes to it" for name in found[:20]
    ]
