"""The verdict on a base: what work is compared with. One process finds it out; others wait for it."""

import time
from collections.abc import Callable
from pathlib import Path

from django.db.models.functions import Now

from orchestration.configuration import Config
from orchestration.git import changes
from orchestration.git.clones import working_copies
from orchestration.git.clones.store.stores import Store
from orchestration.models import Integration, TreeVerdict
from orchestration.verdicts import checks_hash, store
from orchestration.worker.judging import checks
from orchestration.worker.judging.checks import CannotJudge, Runner

POLL_S = 0.3

__all__ = ["CannotJudge", "judge_base", "wait_for"]


def wait_for(workspace_id: str, tree: str, hash_: str, *, check: Callable[[], None]) -> TreeVerdict | None:
    """The verdict of a tree as soon as it is known. None: it is not known, and no lander is finding it out. `check` raises to give up."""
    while True:
        verdict = store.newest(workspace_id, tree, hash_)
        if verdict is not None:
            return verdict
        judging = Integration.objects.filter(pk=workspace_id, lease_until__gt=Now(), judging_tree=tree)
        if not judging.exists():
            return store.newest(workspace_id, tree, hash_)  # it may have become known between the two
        check()
        time.sleep(POLL_S)


def judge_base(
    workspace_id: str,
    copies_from: Store,
    commit: str,
    config: Config,
    runner: Runner,
    *,
    folder: Path,
    name: str,
    kind: store.Kind = store.Kind.BASELINE,
) -> TreeVerdict:
    """Run the checks on a commit in a clean working copy, and keep the verdict. Raises CannotJudge; then nothing is kept."""
    with working_copies.checkout(copies_from, folder, name, commit) as checkout:
        runner.set_up(checkout)
        runs = checks.observe(config.verify, checkout, runner.run(checkout))
    for run in runs:
        if not run.is_evidence:
            raise CannotJudge(f"{run.name} {'; '.join(run.findings) or run.cause}")
    return store.record(
        workspace_id,
        tree=changes.tree_of(copies_from.repo, commit),
        commit=commit,
        checks_hash=checks_hash.of(config),
        kind=kind,
        runs=runs,
    )
