"""The implementing half of a round: runs the agent in the entry's clone, commits its work, and checks its changes against its locks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestration import sessions
from orchestration.backlog.changed_files import of_others, undeclared
from orchestration.git import changes, large_files, unsupported
from orchestration.git.command import GitError
from orchestration.models import Round, Session
from orchestration.sessions import reservations, rounds
from orchestration.sessions.folders import session_dir
from orchestration.verdicts import bases
from orchestration.worker.agent_run import outcomes
from orchestration.worker.endings import Facts, SessionOver
from orchestration.worker.judging.checks import NotReady
from orchestration.worker.preparing import sharing
from orchestration.worker.steps import conversation, given_tests, prompts
from orchestration.worker.steps.context import RoundContext
from orchestration.worker.steps.runner import SessionRunner
from orchestration.worker.steps.work import Work

MAX_FINDINGS = 20
UNCHANGED = "nothing_changed: the agent reported success, but no file of the repository was changed"


def implement(context: RoundContext) -> list[str]:
    """Run the agent and commit its work. Returns findings about refused parts of the agent's own git. Raises SessionOver."""
    session, opened = context.session, context.round
    text = _prompt(context)
    sessions.enter(session, Session.Phase.IMPLEMENTATION)
    copy, worktree = context.copy, context.worktree
    home = session_dir.setup_home(context.session.work_id) if context.bench.sandboxes.decision.confined else "none"
    with SessionRunner(context).staged(worktree.path, worktree.tip):
        text += _start_services(context)
        with copy.setting_up(home) as is_due:
            if is_due:
                SessionRunner(context).set_up_or_end(worktree.path)
        given_tests.put(context.given, worktree.path)
        agent_run = conversation.run(context, text, starts_anew=bool(worktree.conflicts or worktree.unresolved))
    early_end = None if agent_run.ended_early else outcomes.early_end(agent_run, session, context.writer.last_words)
    opened.summary = agent_run.summary[:4000]
    if early_end is None:
        rounds.record_agent_done(opened, opened.summary, ended_early=agent_run.ended_early)
    if agent_run.ended_early and not agent_run.cost_known:
        sessions.forget_price(session)
    findings = _commit(context)
    if early_end is not None:
        raise SessionOver(early_end)
    reservations.shrink(session, context.bench.config, cost_known=agent_run.cost_known)
    changed = changes.changed_files(context.bench.repo, worktree.tip, context.round.commit)
    context.is_unchanged = not findings and not set(changed) - set(context.given)  # a refused part is a change
    return findings


def _start_services(context: RoundContext) -> str:
    """Returns the sentence for the agent on a service that its own work has broken, or "". Raises SessionOver where there is no work yet."""
    worktree = context.worktree
    try:
        SessionRunner(context).start_services(worktree.path)
    except NotReady as problem:
        if worktree.tip == worktree.base_sha:
            raise SessionOver(Facts("failed", "config", (str(problem),))) from None
        return f"\n\nWithout a service, which the checks of your work need:\n{problem}"
    return ""


def check_changes(context: RoundContext, refused: Sequence[str]) -> list[str]:
    """Findings against the round's changes, before any judgement. Raises SessionOver if the work waits for files of others."""
    work = context.work
    unlocked = undeclared.check(context.entry, work.changes.files)
    findings = [
        *refused,
        *_unchanged(context),
        *too_large(context),
        *unlocked.findings,
        *broken_rules(context.bench.repo, work),
        *(
            f"judge_changed: {name} judges this work, and the entry does not name it: undo your changes to it"
            for name in work.tampered[:20]
        ),
        *(f"secret_leaked: the work or its history contains the secret {name}: take it out of both" for name in work.leaked),
    ]
    return findings if findings or not unlocked.of_others else _of_others(context, unlocked.of_others)


def _of_others(context: RoundContext, held: Mapping[str, tuple[str, str]]) -> list[str]:
    """Findings about locked files, if the work cannot wait for their holders. Else raises SessionOver without a verdict: it waits."""
    answer = of_others.wait_or_undo(context.entry, held)
    if answer.waits:
        raise SessionOver(Facts("waits", "others", (answer.waits,)))
    return answer.findings


def _prompt(context: RoundContext) -> str:
    try:
        return prompts.implement(
            context.entry,
            context.bench.config,
            number=context.round.number,
            findings_by_round=rounds.findings_for(context.entry),
            conflicts=context.worktree.conflicts or context.worktree.unresolved,  # git's messages, or files of an earlier round
            known_failures=bases.failing(
                context.session.workspace_id, context.base_tree, context.bench.checks_hash, but=context.question.targets
            ),
            protected=[*context.given, *context.protected],
        )
    except ValueError as problem:
        message = f"The workspace's prompt template fails: {problem}"
        raise SessionOver(Facts("failed", "config", (message,))) from None


def _commit(context: RoundContext) -> list[str]:
    """Commit all work, whatever the agent's end: work is never lost. Returns findings about refused parts of the agent's own git."""
    opened = context.round
    message = f"{context.entry.title}\n\nMuster round {opened.number} of {context.entry.pk}"
    copy = context.copy
    given_tests.put(context.given, context.worktree.path)
    committed = copy.commit(message, max_bytes=context.bench.file_bytes)
    opened.commit = committed.sha
    sharing.publish(context.session)
    opened.diffstat = changes.diffstat(context.bench.repo, context.worktree.base_sha, opened.commit)
    Round.of_any_candidate.filter(pk=opened.pk).update(summary=opened.summary, commit=opened.commit, diffstat=opened.diffstat)
    return list(committed.findings)


def _unchanged(context: RoundContext) -> list[str]:
    """A finding against an unchanged tree: that is no success, whatever the agent and the checks report."""
    if context.round.diffstat.get("files") or not context.bench.traits.changes_files:
        return []
    return [UNCHANGED]


def too_large(context: RoundContext) -> list[str]:
    """Findings for too large files: Muster commits none, and the agent's own commits of them must not be merged."""
    limits, copy = context.bench.config.limits, context.copy
    most = context.bench.file_bytes
    sized = large_files.committed(context.bench.repo, context.worktree.base_sha, context.round.commit, most)
    return [
        *(
            f"file_too_large: {name} ({size / 2**20:.0f} MiB) is over the limit of {limits.file_mb} MiB and was not committed: delete it"
            for name, size in copy.too_large(most).items()
        ),
        *(
            f"file_too_large: the work or its history contains {name} ({size / 2**20:.0f} MiB), over the limit of {limits.file_mb} MiB: "
            "take it out of both"
            for name, size in sized.items()
        ),
    ][:20]


def broken_rules(repo: Path, work: Work) -> list[str]:
    """Findings for links to repositories outside the entry's files, and for unsupported filters: git applies these to the whole repository, and no entry could work any
    more."""
    changed, linking = work.changes.files, {".gitmodules", *work.changes.submodules}
    findings = [
        f"submodule_changed: {name} leads to another repository, and the entry does not name it: undo your changes to it"
        for name in work.unnamed
        if name in linking
    ]
    if any(name.rpartition("/")[2] == ".gitattributes" for name in changed):
        try:
            unsupported.refuse(repo, work.commit)
        except GitError as problem:
            findings.append(f"filter_added: {problem}: take it out")
    return findings[:MAX_FINDINGS]
