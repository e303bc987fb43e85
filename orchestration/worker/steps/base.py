"""The checks' results on the tree that a round started from: read from the database, or from a run in this session."""

from dataclasses import dataclass, field
from datetime import timedelta

from django.utils.timezone import now

from orchestration.git import changes
from orchestration.models import TreeVerdict
from orchestration.verdicts import scopes, store, targets
from orchestration.verdicts.evidence import CheckRun
from orchestration.worker.endings import Facts, SessionOver
from orchestration.worker.judging import baseline
from orchestration.worker.steps.context import RoundContext
from orchestration.worker.steps.runner import SessionRunner


@dataclass(frozen=True)
class Base:
    """`runs`: each check that can be compared, by name. `tree`: empty without checks. `is_doubtful`: it is old, or was made for an entry, and
    refuses no work before it is made anew."""

    tree: str = ""
    runs: dict[str, CheckRun] = field(default_factory=dict)
    is_doubtful: bool = False


def of_round(context: RoundContext, *, anew: bool = False) -> Base:
    """The base of the context's round. `anew`: run the checks on it even if its verdict is known. Raises SessionOver if they cannot run."""
    config, commit = context.bench.config, context.worktree.base_sha
    if not config.verify:
        return Base()
    tree = changes.tree_of(context.bench.repo, commit)
    verdict = None if anew else _known(context, tree)
    if verdict is None:
        verdict = _find_out(context, commit)
    is_old = verdict.at < now() - timedelta(seconds=config.verdict_max_age_s)
    apart = scopes.entry_scoped(context.session.workspace_id, config)
    runs = {name: run for name, run in store.runs_of(verdict).items() if name not in apart}
    return Base(tree, runs, is_old or scopes.may_mislead(verdict, config))


def known_failures(context: RoundContext) -> list[str]:
    """The cases that fail on the base and are not the entry's targets; empty while the base's verdict is not known."""
    tree = changes.tree_of(context.bench.repo, context.worktree.base_sha)
    verdict = store.newest(context.session.workspace_id, tree, context.bench.checks_hash)
    if verdict is None:
        return []
    failing = {name for run in store.runs_of(verdict).values() if run.cases is not None for name in run.cases.failed}
    patterns = context.entry.spec.get("tests")
    meant = (
        {name for pattern in patterns for name in targets.matching(str(pattern), failing)}
        if isinstance(patterns, list)
        else set()
    )
    return sorted(failing - meant)


def _known(context: RoundContext, tree: str) -> TreeVerdict | None:
    """The stored verdict. While a lander is finding it out, this waits."""
    bench = context.bench
    return baseline.wait_for(bench.workspace_id, tree, bench.checks_hash, check=context.check_stop_requests)


def _find_out(context: RoundContext, commit: str) -> TreeVerdict:
    try:
        return baseline.judge_base(
            context.session.workspace_id,
            context.bench.store,
            commit,
            context.bench.config,
            SessionRunner(context, label="base", with_entry=False),
            folder=context.bench.copies,
            name=f"{context.session.pk}-base",
        )
    except baseline.CannotJudge as problem:
        message = f"The checks cannot run on the base {commit[:12]}: {problem}"
        raise SessionOver(Facts("not_judged", "base", (message,))) from None
