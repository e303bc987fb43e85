"""The verdict on a base: what work is compared with. One process finds it out; others wait for it."""

import time
from collections.abc import Callable

from django.db.models.functions import Now

from orchestration.git.clones import working_copies
from orchestration.models import Integration, TreeVerdict
from orchestration.verdicts import store
from orchestration.worker.judging import checks, turns
from orchestration.worker.judging.checks import CannotJudge, Runner
from orchestration.worker.preparing.workbench import Workbench

POLL_S = 0.3

__all__ = ["CannotJudge", "judge_base", "wait_for"]


def wait_for(workspace_id: str, tree: str, hash_: str, *, check: Callable[[], None]) -> TreeVerdict | None:
    """The verdict of a tree as soon as it is known. None: it is not known, and no lander is finding it out. `check` raises to give up."""
    while True:
        judging = Integration.objects.filter(pk=workspace_id, lease_until__gt=Now(), judging_tree=tree)
        is_judging = judging.exists()  # asked first: it may become known between the two
        verdict = store.newest(workspace_id, tree, hash_)
        if verdict is not None or not is_judging:
            return verdict
        check()
        time.sleep(POLL_S)


def judge_base(
    bench: Workbench,
    commit: str,
    tree: str,
    runner: Runner,
    *,
    name: str,
    kind: store.Kind = store.Kind.BASELINE,
    anew: bool = False,
) -> TreeVerdict:
    """Run the checks on a commit in a clean working copy, and keep the verdict on its tree. Raises CannotJudge; then nothing is kept. `anew`: also
    where another one has judged the tree while this one waited for its turn."""
    with turns.turn(runner):
        if not anew and (verdict := store.newest(bench.workspace_id, tree, bench.checks_hash)) is not None:
            return verdict
        with (
            working_copies.checkout(bench.store, bench.copies, name, commit) as checkout,
            runner.staged(checkout, commit, is_trusted=True),
        ):
            runner.set_up(checkout)
            runs = checks.observe(bench.config.verify, checkout, runner)
            if failed := runner.failed_services(checkout):
                raise CannotJudge(failed[0])
    for run in runs:
        if not run.is_evidence:
            raise CannotJudge(f"{run.name} {'; '.join(run.findings) or run.cause}")
    return store.record(bench.workspace_id, tree=tree, commit=commit, checks_hash=bench.checks_hash, kind=kind, runs=runs)
