"""The verifying half of a round: in a clean checkout of its commit, with the original versions of the files that judge it."""

from collections.abc import Callable
from pathlib import Path

from orchestration.configuration import Check
from orchestration.git import worktrees
from orchestration.models import Entry
from orchestration.processes.agent_process import Ended
from orchestration.sessions import rounds, session_dir, supervise
from orchestration.sessions.rounds import Verdict
from orchestration.sessions.supervise import SupervisedProcess
from orchestration.worker.steps import checks, protected_files, reviewing
from orchestration.worker.steps.context import RoundContext


def verify(context: RoundContext, findings: list[str]) -> Verdict:
    """Run the checks, and then the verifying agent if there is no finding yet. Raises SessionOver."""
    if context.session.work == Entry.Work.VERIFY:
        session_dir.prepare(context.session, context.entry)
    with worktrees.checkout(context.repo, session_dir.worktrees(), context.session.pk, context.round.commit) as checkout:
        changed = _restore_judges(context, checkout)
        if context.session.work == Entry.Work.VERIFY:
            findings = [*findings, *_findings_of_commit(context, changed)]
        if context.config.verify:
            context.set_up(checkout)
        before = rounds.cases_before(context.round)
        verdict = checks.verify(context.config.verify, checkout, _runner(context, checkout), before)
        if context.config.verifier is not None and verdict.passed and not findings:
            context.check_stop_requests()
            judgement = reviewing.judge(context, checkout)
            verdict = checks.with_agent_verdict(verdict, judgement, context.config.verifier.weight)
    if findings:
        verdict = Verdict(False, verdict.score, [*findings, *verdict.findings], verdict.checks)
    return verdict


def _restore_judges(context: RoundContext, checkout: Path) -> list[str]:
    """Restore judging files that the agent changed and the entry does not name, also in a reverification. Returns their names."""
    changed = worktrees.changed_files(checkout, context.worktree.base_sha)
    names = protected_files.tampered(
        changed, at_base=context.protected, patterns=context.config.protected, declared=context.entry.paths
    )
    protected_files.restore(checkout, context.worktree.base_sha, names)
    return names


def _findings_of_commit(context: RoundContext, changed: list[str]) -> list[str]:
    """The findings of the round that made this commit still apply in a reverification: changed judges and secrets must not be merged."""
    text = worktrees.added_text(context.worktree.path, context.worktree.base_sha, limit_bytes=20_000_000)
    return [
        *(f"judge_changed: {name} judges this work, and the entry does not name it" for name in changed[:20]),
        *(f"secret_leaked: the work contains the secret {name}" for name in context.mask.names_in(text)),
    ]


def _runner(context: RoundContext, checkout: Path) -> checks.RunCheck:
    directory = session_dir.for_session(context.session.pk)

    def run(check: Check, on_line: Callable[[str, str], None]) -> Ended:
        env = session_dir.environment(context.session, directory, phase="verification", extra=context.config.agent.env)
        supervised = SupervisedProcess(supervise.argv_of(check.run), str(checkout), env, check.timeout_s, name=check.name)

        def on_raw_line(line: str, stream: str) -> None:
            on_line(context.mask(line), stream)

        ended = supervise.run(context.session, directory, supervised, context.stop_flags, context.writer, on_line=on_raw_line)
        context.check_stop_requests()
        return ended

    return run
