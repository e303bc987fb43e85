"""The verdict on a tree to land, stored or new. The tip's passes, the entries' gains and their targets must pass."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.utils.timezone import now

from orchestration.configuration import Check
from orchestration.git import changes
from orchestration.git.clones import working_copies
from orchestration.landing.candidates import Step
from orchestration.models import Landing, TreeVerdict
from orchestration.verdicts import comparison, gains, scopes, store
from orchestration.verdicts.comparison import Question, Result
from orchestration.verdicts.evidence import CheckRun
from orchestration.worker.judging import baseline, checks, turns
from orchestration.worker.judging.checks import CannotJudge
from orchestration.worker.lander.lease import Lease
from orchestration.worker.lander.runner import LanderRunner
from orchestration.worker.preparing.workbench import LanderBench
from orchestration.worker.steps.verifying import question_for


@dataclass(frozen=True)
class Judged:
    """A verdict on a tree to land."""

    passed: bool
    findings: tuple[str, ...] = ()
    verdict: TreeVerdict | None = None  # None without checks
    reused: bool = True  # nothing ran
    is_unproven: bool = False  # it passed, without a failing case that passes by it


def base_runs(lease: Lease, commit: str, *, anew: bool = False) -> dict[str, CheckRun]:
    """The checks' results on the tip, known or from a new run. Raises CannotJudge."""
    if not lease.bench.config.verify:
        return {}
    runs, apart = store.runs_of(of_commit(lease, commit, anew=anew)), _apart(lease)
    return {name: run for name, run in runs.items() if name not in apart}


def _apart(lease: Lease) -> set[str]:
    """The known checks of scope `entry`."""
    return scopes.among(lease.bench.config, lease.row.entry_scoped)


def known(bench: LanderBench, commit: str) -> TreeVerdict | None:
    return store.newest(bench.workspace_id, changes.tree_of(bench.repo, commit), bench.checks_hash)


def of_commit(lease: Lease, commit: str, kind: TreeVerdict.Kind = TreeVerdict.Kind.TIP, *, anew: bool = False) -> TreeVerdict:
    """The verdict on a commit of the branch, stored or new, without an entry's variables. Raises CannotJudge."""
    if not anew and (verdict := known(lease.bench, commit)) is not None:
        return verdict
    tree = changes.tree_of(lease.bench.repo, commit)
    runner = LanderRunner(lease, what=f"checks run on {commit[:12]}", tree=tree)
    name = f"{checkout_name(lease)}-tip"  # beside a merge's working copy
    return baseline.judge_base(lease.bench, commit, tree, runner, name=name, kind=kind, anew=anew)


def of_foreign(lease: Lease, tip: str, here: str) -> Result:
    """Compare a foreign commit with the last good tip. Raises CannotJudge."""
    if not lease.bench.config.verify:
        return Result(passed=True, score=1.0, base_score=1.0)
    base, verdict = base_runs(lease, tip), of_commit(lease, here, anew=lease.row.recheck)
    if verdict.kind == TreeVerdict.Kind.ACCEPTED:
        return Result(passed=True, score=1.0, base_score=1.0)
    return _compared(verdict, base, Question(policy=lease.bench.config.pass_policy, needs_gain=False, only_regressions=True))


def _compared(verdict: TreeVerdict, base: Mapping[str, CheckRun], question: Question) -> Result:
    return comparison.compare(list(store.runs_of(verdict).values()), base, question)


def judge(lease: Lease, tip: str, last: Step, landings: Sequence[Landing], *, named: str, needs_gain: bool = True) -> Judged:
    """The verdict on the tree of the `last` merge, compared with the tip's. With `needs_gain` unproven work stays so unless a failing case passes.
    Raises CannotJudge, Fenced or Halted."""
    if not lease.bench.config.verify:
        return Judged(passed=True)
    base, question = _base_with_gains(lease, tip, landings), _question(lease, landings, needs_gain=needs_gain)
    apart = _apart(lease)
    stored = store.newest(lease.workspace_id, last.tree, lease.bench.checks_hash)
    if stored is not None and not apart:
        result = _compared(stored, base, question)
        if result.passed:
            return Judged(True, (), stored, is_unproven=result.is_unproven)
    queued = Landing.objects.filter(pk__in=[landing.pk for landing in landings], state=Landing.State.QUEUED)
    queued.update(state=Landing.State.CHECKING)
    lease.enter(f"judging {named}")
    return _run(lease, tip, last, landings, base, question, what=f"checks run on {named}")


def _base_with_gains(lease: Lease, tip: str, landings: Sequence[Landing], *, anew: bool = False) -> dict[str, CheckRun]:
    rounds = [landing.round_id for landing in landings if landing.round_id is not None]
    return gains.added(base_runs(lease, tip, anew=anew), rounds, lease.bench.checks_hash)


def _run(
    lease: Lease,
    tip: str,
    last: Step,
    landings: Sequence[Landing],
    base: Mapping[str, CheckRun],
    question: Question,
    *,
    what: str,
) -> Judged:
    apart = _apart(lease)
    common = [check for check in lease.bench.config.verify if check.name not in apart]
    began = time.monotonic()
    runner = LanderRunner(lease, what=what, tree=last.tree)
    clean = working_copies.checkout(lease.bench.store, lease.bench.copies, checkout_name(lease), last.commit)
    with turns.turn(runner), clean as checkout, runner.staged(checkout, last.commit, is_trusted=False):
        try:
            runner.set_up(checkout)
            runs, result = checks.judge(common, checkout, runner, base, question)
        except CannotJudge as problem:
            _refuse_broken_setup(lease, tip)
            return Judged(False, (str(problem),), reused=False)
        if not result.passed and _is_doubtful(lease, tip):
            base = _base_with_gains(lease, tip, landings, anew=True)
            result = comparison.compare(runs, base, question)
        if not result.passed and (newly := _found_out(lease, landings, checkout, runs, base)):
            apart |= newly
            runs = [run for run in runs if run.name not in newly]
            result = comparison.compare(runs, base, question)
        own = _of_entries(lease, landings, checkout, apart, last.tree)
    passed, findings = result.passed and not own, (*result.findings, *own)
    if not all(run.is_evidence for run in runs):
        return Judged(passed, findings, reused=False)  # a timed-out check leaves no verdict
    verdict = store.record(
        lease.workspace_id,
        tree=last.tree,
        commit=last.commit,
        checks_hash=lease.bench.checks_hash,
        kind=store.Kind.LANDING,
        runs=runs,
        result=result,
        base_tree=changes.tree_of(lease.bench.repo, last.parents[0]),
        seconds=time.monotonic() - began,
    )
    return Judged(passed, findings, verdict, reused=False, is_unproven=passed and result.is_unproven)


def _refuse_broken_setup(lease: Lease, tip: str) -> None:
    """Raises CannotJudge if the setup fails on the tip as well, as without a network: the work is not at fault."""
    runner = LanderRunner(lease, what=f"setup on {tip[:12]}")
    clean = working_copies.checkout(lease.bench.store, lease.bench.copies, f"{checkout_name(lease)}-tip", tip)
    with clean as checkout, runner.staged(checkout, tip, is_trusted=True):
        runner.set_up(checkout)


def _found_out(
    lease: Lease, landings: Sequence[Landing], checkout: Path, runs: Sequence[CheckRun], base: Mapping[str, CheckRun]
) -> set[str]:
    """The checks of scope `auto` with a dependency on their entry: cases disappear, or pass, with an entry's variables alone."""
    shown = scopes.judging_alone(lease.workspace_id, lease.bench.checks_hash)
    entries = [landing for landing in landings if landing.entry is not None]
    automatic = {check.name: check for check in lease.bench.config.verify if check.scope == "auto"}
    newly = set()
    for run in runs:
        check = automatic.get(run.name)
        if check is None or not entries:
            continue
        gone = scopes.gone(run, base.get(run.name))
        is_bad = run.name not in shown and not run.is_green
        if (gone and any(gone & scopes.reported(_once(lease, landing, checkout, check).cases) for landing in entries)) or (
            is_bad
            and not _of_entries(lease, entries, checkout, {run.name}, "")
            and not _once(lease, None, checkout, check).is_green
        ):
            newly.add(run.name)
    scopes.keep(lease.workspace_id, lease.bench.config, newly)
    lease.look()
    return newly


def _once(lease: Lease, landing: Landing | None, checkout: Path, check: Check) -> CheckRun:
    """One run of a check with the variables of a landing's entry; None: without an entry."""
    what = f"checks run for #{landing.entry.seq}" if landing and landing.entry else "checks run again without an entry"
    runner = LanderRunner(lease, what=what, landing=landing)
    [run] = checks.observe([check.model_copy(update={"rerun": False})], checkout, runner)
    return run


def _of_entries(lease: Lease, landings: Sequence[Landing], checkout: Path, names: Collection[str], tree: str) -> tuple[str, ...]:
    """Run the checks of scope `entry` for each entry in turn. Returns the findings."""
    findings: list[str] = []
    own = [check for check in lease.bench.config.verify if check.name in names]
    for landing in landings:
        if landing.entry is None or not own:
            continue
        what = f"checks run for #{landing.entry.seq}"
        runner = LanderRunner(lease, what=what, tree=tree, landing=landing)
        _, result = checks.judge(own, checkout, runner, {}, Question(policy="all_green"))
        findings += [f"#{landing.entry.seq}: {finding}" for finding in result.findings]
        if findings:
            break
    return tuple(findings)


def _question(lease: Lease, landings: Sequence[Landing], *, needs_gain: bool) -> Question:
    """The targets and the texts of all landing entries."""
    asked = [question_for(landing.entry, lease.bench.config.pass_policy) for landing in landings if landing.entry is not None]
    return Question(
        policy=lease.bench.config.pass_policy,
        targets=tuple(target for each in asked for target in each.targets),
        text="\n".join(each.text for each in asked),
        needs_gain=needs_gain and landings[-1].state == Landing.State.UNPROVEN,
        only_regressions=not asked,
    )


def _is_doubtful(lease: Lease, tip: str) -> bool:
    """True if the tip's verdict is old, or of one entry: the checks run again before it refuses work."""
    verdict = known(lease.bench, tip)
    if verdict is None:
        return False
    is_old = verdict.at < now() - timedelta(seconds=lease.bench.config.verdict_max_age_s)
    return is_old or scopes.may_mislead(verdict, lease.bench.config)


def checkout_name(lease: Lease, other_fence: str = "") -> str:
    """The folder of a lease's working copy. It has the fencing token: a fenced lander never shares one with its successor."""
    return f"land-{lease.workspace_id}-{other_fence or lease.fence}"
