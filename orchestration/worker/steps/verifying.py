"""The verification of a round: in a clean checkout of its commit, with the original judging files, compared with the base tree."""

from dataclasses import replace
from pathlib import Path

from orchestration.git.clones import checkouts, working_copies
from orchestration.models import Entry
from orchestration.sessions.ending import Verdict
from orchestration.verdicts import bases, scopes, store
from orchestration.verdicts.bases import Base
from orchestration.verdicts.comparison import Question, Result, compare
from orchestration.verdicts.evidence import CheckRun
from orchestration.worker.endings import Facts, SessionOver
from orchestration.worker.judging import baseline, checks, turns
from orchestration.worker.steps import agent_verdicts, given_tests, protected_files, reviewing
from orchestration.worker.steps.context import RoundContext
from orchestration.worker.steps.runner import SessionRunner
from orchestration.worker.steps.work import Work


def verify(context: RoundContext, findings: list[str]) -> Verdict:
    """Run the checks; without findings, also the verifying agent. Raises SessionOver."""
    with (
        working_copies.checkout(context.bench.store, context.bench.copies, context.session.pk, context.round.commit) as checkout,
        SessionRunner(context).staged(checkout, context.round.commit),
    ):
        is_whole = _restore_judges(context, checkout)
        lost = given_tests.put(context.given, checkout)
        if context.session.work == Entry.Work.VERIFY and not findings:
            findings = [*findings, *_findings_of_commit(context.work)]
        findings = [
            *findings,
            *(f"judge_changed: the work lacks the entry's test file {name}: does git ignore it?" for name in lost),
        ]
        verdict = checks.NO_CHECKS
        if context.bench.config.verify:
            before = _base(context)  # before the turn: it may wait for a lander, which needs one
            with turns.turn(SessionRunner(context)):
                verdict = _judge(context, checkout, before, is_whole=is_whole and not findings)
        if context.bench.config.verifier is not None and verdict.passed and not findings:
            context.check_stop_requests()
            judgement = reviewing.judge(context, checkout)
            verdict = agent_verdicts.combined(verdict, judgement, context.bench.config.verifier.weight)
    if findings:
        verdict = replace(verdict, passed=False, is_unproven=False, findings=[*findings, *verdict.findings])
    return verdict


def question_for(entry: Entry, policy: str, *, needs_gain: bool = True) -> Question:
    """The requirements on an entry's work."""
    tests = entry.spec.get("tests")
    targets = tuple(str(pattern) for pattern in tests) if isinstance(tests, list) else ()
    text = "\n".join([entry.content, *(str(value) for key, value in entry.spec.items() if key not in ("tests", "test_files"))])
    return Question(policy=policy, targets=targets, text=text, needs_gain=needs_gain)  # type: ignore[arg-type]


def _judge(context: RoundContext, checkout: Path, before: Base, *, is_whole: bool) -> Verdict:
    """Compare with the base. The verdict of a whole tree, with nothing restored, counts for later landings of it."""
    config, question = context.bench.config, context.question
    runner = SessionRunner(context)
    try:
        runner.start_services(checkout)
        runner.set_up_or_end(checkout)
        runs, result = checks.judge(config.verify, checkout, runner, before.runs, question)
    except checks.NotReady as problem:
        _start_on_base(context)
        return Verdict(passed=False, score=0.0, findings=[f"service: {problem}"])
    except checks.CannotJudge as problem:
        raise SessionOver(Facts("failed", "config", (str(problem),))) from None
    is_refused = not result.is_proven and before.is_doubtful
    if is_refused:
        before = _base(context, ignore_known=True)
    apart = _found_out(context, checkout, runs, before.runs)
    if is_refused or apart:
        result = compare(runs, {name: run for name, run in before.runs.items() if name not in apart}, question)
    _keep(context, runs, result, before.tree, is_whole=is_whole)
    return Verdict(
        passed=result.passed,
        score=result.score,
        findings=list(result.findings),
        checks=list(result.checks),
        base_score=result.base_score,
        is_unproven=result.is_unproven,
    )


def _base(context: RoundContext, *, ignore_known: bool = False) -> Base:
    """The checks' results on the base tree, known or from a new run. A lander's run is awaited. Raises SessionOver if they cannot run."""
    bench, commit, tree = context.bench, context.worktree.base_sha, context.base_tree
    known = (
        None
        if ignore_known
        else baseline.wait_for(bench.workspace_id, tree, bench.checks_hash, check=context.check_stop_requests)
    )
    runner = SessionRunner(context, label="base", with_entry=False)
    try:
        verdict = known or baseline.judge_base(bench, commit, tree, runner, name=f"{context.session.pk}-base", anew=ignore_known)
    except baseline.CannotJudge as problem:
        message = f"The checks cannot run on the base {commit[:12]}: {problem}"
        raise SessionOver(Facts("not_judged", "base", (message,))) from None
    return bases.of(verdict, bench.config)


def _start_on_base(context: RoundContext) -> None:
    """Start the services on the base alone. Raises SessionOver if they do not get ready there, either: the work is not at fault."""
    bench, commit = context.bench, context.worktree.base_sha
    runner = SessionRunner(context, label="base", with_entry=False)
    name = f"{context.session.pk}-base"
    try:
        with (
            working_copies.checkout(bench.store, bench.copies, name, commit) as base,
            runner.staged(base, commit, is_trusted=True),
        ):
            runner.start_services(base)
    except checks.NotReady as problem:
        raise SessionOver(Facts("not_judged", "base", (f"The checks cannot run on the base {commit[:12]}: {problem}",))) from None


def _found_out(context: RoundContext, checkout: Path, runs: list[CheckRun], before: dict[str, CheckRun]) -> set[str]:
    """The checks of scope `auto` with a dependency on their entry: their report changes with its variables. Runs such a check again."""
    newly = set()
    for check, run in zip(context.bench.config.verify, runs, strict=True):
        if check.scope != "auto" or check.junit is None or check.name not in before or run.cause != "exited":
            continue
        old, gone = before[check.name].cases, scopes.gone(run, before[check.name])
        has_base = old is not None and old.any
        if not gone and (has_base or run.cases is None):
            continue
        [without] = checks.observe(
            [check.model_copy(update={"rerun": False})],
            checkout,
            SessionRunner(context, label="without-entry", with_entry=False),
        )
        seen = scopes.reported(without.cases)
        if (has_base and gone & seen) or (not has_base and not seen):
            newly.add(check.name)
    scopes.keep(context.session.workspace_id, context.bench.config, newly)
    return newly


def _keep(context: RoundContext, runs: list[CheckRun], result: Result, base_tree: str, *, is_whole: bool) -> None:
    """Store the verdict by tree, unless something was restored, or a check was killed."""
    if not is_whole or not all(run.is_evidence for run in runs):
        return
    context.verdict = store.record(
        context.session.workspace_id,
        tree=context.work.tree,
        commit=context.round.commit,
        checks_hash=context.bench.checks_hash,
        kind=store.Kind.ROUND,
        runs=runs,
        result=result,
        base_tree=base_tree,
        round_=context.round,
    )


def _restore_judges(context: RoundContext, checkout: Path) -> bool:
    """Restore tampered judging files, also in a reverification, and remove the agent's bytecode. Returns True if the checkout is still the commit's tree."""
    work = context.work
    restored = [*work.tampered, *protected_files.cached_bytecode(work.changes.files)]
    checkouts.restore(context.bench.store, checkout, work.base, restored)
    return not restored


def _findings_of_commit(work: Work) -> list[str]:
    """The findings against this commit, also in a reverification: changed judges and secrets must not be merged."""
    return [
        *(f"judge_changed: {name} judges this work, and the entry does not name it" for name in work.tampered[:20]),
        *(f"secret_leaked: the work contains the secret {name}" for name in work.leaked),
    ]
