"""The verifying half of a round: in a clean checkout of its commit, with the files that judge it as they were before the agent came."""

from collections.abc import Callable
from pathlib import Path

from orchestration.configuration import Check
from orchestration.git import worktrees
from orchestration.models import Entry
from orchestration.processes.agent_process import Ended
from orchestration.sessions import rounds, session_dir, supervise
from orchestration.sessions.rounds import Verdict
from orchestration.sessions.supervise import Job
from orchestration.worker.steps import evidence, protected_files, reviewing
from orchestration.worker.steps.context import RoundContext


def verify(work: RoundContext, findings: list[str]) -> Verdict:
    """Run the checks, and then the verifying agent if nothing speaks against the work yet. Raises Over."""
    if work.session.work == Entry.Work.VERIFY:
        session_dir.prepare(work.session, work.entry)
    with worktrees.checkout(work.repo, session_dir.worktrees(), work.session.pk, work.round.commit) as clean:
        changed = _put_back(work, clean)
        if work.session.work == Entry.Work.VERIFY:
            findings = [*findings, *_may_not_be_merged(work, changed)]
        if work.config.verify:
            work.set_up(clean)
        before = rounds.cases_before(work.round)
        verdict = evidence.verify(work.config.verify, clean, _runner(work, clean), before)
        if work.config.verifier is not None and verdict.passed and not findings:
            work.check_wishes()
            judged = reviewing.judge(work, clean)
            verdict = evidence.with_agent(verdict, judged, work.config.verifier.weight)
    if findings:
        verdict = Verdict(False, verdict.score, [*findings, *verdict.findings], verdict.checks)
    return verdict


def _put_back(work: RoundContext, clean: Path) -> list[str]:
    """What the entry does not name and an agent changed: judged by the original, in a reverification too. Answers what that is."""
    changed = worktrees.changed_files(clean, work.tree.base_sha)
    names = protected_files.tampered(changed, at_base=work.protected, patterns=work.config.protected, declared=work.entry.paths)
    protected_files.restore(clean, work.tree.base_sha, names)
    return names


def _may_not_be_merged(work: RoundContext, changed: list[str]) -> list[str]:
    """What the round that made this commit was told, and is as true now: judged by the originals is not merged with them."""
    told = worktrees.added_text(work.tree.path, work.tree.base_sha, limit_bytes=20_000_000)
    return [
        *(f"judge_changed: {name} judges this work, and the entry does not name it" for name in changed[:20]),
        *(f"secret_leaked: the work contains the secret {name}" for name in work.mask.names_in(told)),
    ]


def _runner(work: RoundContext, clean: Path) -> evidence.Run:
    here = session_dir.of(work.session.pk)

    def run(check: Check, hear: Callable[[str, str], None]) -> Ended:
        env = session_dir.environment(work.session, here, phase="verification", extra=work.config.agent.env)
        job = Job(supervise.argv_of(check.run), str(clean), env, check.timeout_s, name=check.name)

        def hear_masked(line: str, stream: str) -> None:
            hear(work.mask(line), stream)

        ended = supervise.follow(work.session, here, job, work.watch, work.writer, on_line=hear_masked)
        work.check_wishes()
        return ended

    return run
