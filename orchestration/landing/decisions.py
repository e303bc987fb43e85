"""A person's decisions on the integration branch: accept a tip, put the branch back, check again, revert a commit, merge it into the base.

Each takes the commit that the person saw, and raises Conflict when another one is there now.
"""

from pathlib import Path

from django.db import transaction

from orchestration import configuration
from orchestration.facts import events
from orchestration.git import branches, changes
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.landing import branch, queue
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Integration, Landing
from orchestration.repositories import local_repository
from orchestration.repositories.authority import Moved, Own
from orchestration.verdicts import checks_hash, store
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid
from workspaces.models import Workspace

State = branch.State


def accept(workspace: Workspace, tip: str, *, by: Caller, from_now_on: bool = False) -> None:
    """Declare the branch's foreign tip good: work starts from it, and is compared with it. `from_now_on`: adopt good tips that appear while
    sessions run without asking. Raises Conflict."""
    repo = _with_tips(workspace)
    with transaction.atomic():
        row = _stopped(workspace, tip)
        config = configuration.load(Executor.objects.get(pk=workspace.pk).config)
        known = store.newest(workspace.pk, changes.tree_of(repo, tip), checks_hash.of(config))
        if known is not None:
            store.accept(known, by=by.name)
        git.run(repo, "update-ref", branch.ref_of(workspace.pk), tip)
        fields = {"tip": tip, "delivered": tip, "state": State.GOOD, "message": "", "foreign_tip": "", "culprit": ""}
        Integration.objects.filter(pk=row.pk).update(**fields, adopt_foreign=row.adopt_foreign or from_now_on)
        event = events.TipAccepted(commit=tip)
        activity.record(workspace.pk, event, by=by, object_id=workspace.pk)
        branch.wake(workspace.pk)
    _announce(workspace.pk)


def put_back(workspace: Workspace, tip: str, *, by: Caller) -> str:
    """Move the branch back to the last good tip. The commits that leave it stay under the returned ref. Raises Conflict or Invalid."""
    repo, name = _with_tips(workspace), _branch_name(workspace)
    with transaction.atomic():
        row = _stopped(workspace, tip)
        if (where := branches.checked_out_in(repo, name)) is not None:
            raise Invalid(f"{name} is checked out in {where}: switch to another branch there first", "tip")
        kept = f"refs/muster/strayed/{workspace.pk}/{tip[:12]}"
        git.run(repo, "update-ref", kept, tip)
        try:
            (local_repository.authority_of(workspace) or Own(repo)).move(f"refs/heads/{name}", row.tip, before=tip)
        except Moved:
            raise Conflict(f"{name} was moved meanwhile: look again") from None
        except GitError as problem:
            raise Conflict(f"{name} was not moved: {str(problem)[-300:]}") from None
        fields = {"delivered": row.tip, "state": State.GOOD, "message": "", "foreign_tip": "", "culprit": ""}
        Integration.objects.filter(pk=row.pk).update(**fields)
        activity.record(workspace.pk, events.TipPutBack(commit=row.tip, kept=kept), by=by, object_id=workspace.pk)
        branch.wake(workspace.pk)
    _announce(workspace.pk)
    return kept


def check_again(workspace: Workspace, *, by: Caller) -> None:
    """Run the checks on the branch's tip again: the newest verdict counts."""
    branch.ensure(workspace.pk)
    Integration.objects.filter(pk=workspace.pk).update(recheck=True)
    activity.record(workspace.pk, events.TipCheckRequested(), by=by, object_id=workspace.pk)
    branch.wake(workspace.pk)


def revert(workspace: Workspace, commit: str, *, by: Caller) -> Landing:
    """Queue the undoing of a commit of the branch: judged and landed like any other work. Raises Invalid for a commit that is not on it."""
    repo = Path(workspace.repo)
    row = branch.ensure(workspace.pk)
    code, sha, _ = git.attempt(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    tip = row.foreign_tip if row.state == State.RED else row.tip
    if code or not tip or not git.succeeds(repo, "merge-base", "--is-ancestor", sha.strip(), tip):
        raise Invalid("is not a commit of the integration branch", "commit")
    with transaction.atomic():
        landing = queue.enqueue_branch(workspace.pk, Landing.Kind.REVERT, sha.strip(), by=by.name)
        activity.record(workspace.pk, events.RevertRequested(commit=sha.strip()), by=by, object_id=workspace.pk)
    return landing


def push(workspace: Workspace, *, by: Caller) -> None:
    """Push the branch to the configured remote soon. Raises Invalid without one."""
    if configuration.load(Executor.objects.get(pk=workspace.pk).config).push is None:
        raise Invalid("No remote is configured: set `push` in the workspace's config", "push")
    Integration.objects.filter(pk=workspace.pk).update(push_wanted=True)
    activity.record(workspace.pk, events.PushRequested(), by=by, object_id=workspace.pk)
    branch.wake(workspace.pk)


def merge_into_base(workspace: Workspace, tip: str, *, by: Caller) -> str:
    """Move the base branch forward to the integration branch's tip, which must have a passing verdict. A clean working copy that has it checked
    out moves with it; a dirty one is refused. Returns the base branch's commit before. Raises Conflict or Invalid.
    """
    repo, base = Path(workspace.repo), workspace.base_branch
    row = branch.ensure(workspace.pk)
    if row.tip != tip:
        raise Conflict("The integration branch has a new tip meanwhile: look again")
    if row.state != State.GOOD:
        raise Invalid(row.message or "The integration branch is not judged yet", "tip")
    config = configuration.load(Executor.objects.get(pk=workspace.pk).config)
    verdict = store.newest(workspace.pk, changes.tree_of(repo, tip), checks_hash.of(config))
    if config.verify and (verdict is None or not verdict.passed):
        raise Invalid("The tip has no passing verdict: check it again", "tip")
    try:
        before = branches.tip_or_raise(repo, base)
        if before == tip:
            return before
        if not git.succeeds(repo, "merge-base", "--is-ancestor", before, tip):
            raise Invalid(f"{base} has commits that are not in the integration branch: they are merged first", "tip")
        _forward(repo, base, before, tip)
    except GitError as problem:
        raise Conflict(f"{base} was not moved: {str(problem)[-300:]}") from None
    event = events.MergedIntoBase(branch=base, commit=tip)
    activity.record(workspace.pk, event, by=by, object_id=workspace.pk)
    Integration.objects.filter(pk=workspace.pk).update(base_tip=tip, base_problem="")
    _announce(workspace.pk)
    return before


def _forward(repo: Path, base: str, before: str, tip: str) -> None:
    """Move the base branch, with the index and the files of the working copy that has it checked out. Raises GitError or Invalid."""
    where = branches.checked_out_in(repo, base)
    if where is None:
        git.run(repo, "update-ref", "-m", "muster: merge", f"refs/heads/{base}", tip, before)
        return
    if git.run(where, "status", "--porcelain", "--untracked-files=no"):
        raise Invalid(f"{base} is checked out in {where} with changes that are not committed: commit or stash them first", "tip")
    git.run(where, "merge", "--quiet", "--ff-only", "--no-verify", tip)


def _with_tips(workspace: Workspace) -> Path:
    """The repository on this host, with the known tip and the foreign one: a lander on another host may have seen them alone. Raises Conflict."""
    tips = Integration.objects.filter(pk=workspace.pk).values_list("tip", "foreign_tip")
    try:
        for commit in filter(None, (tip for pair in tips for tip in pair)):
            local_repository.bring(workspace, commit, branch.ref_of(workspace.pk), f"refs/heads/{_branch_name(workspace)}")
    except GitError as problem:
        raise Conflict(f"The repository could not be read: {str(problem)[-300:]}") from None
    return local_repository.path(workspace)


def _stopped(workspace: Workspace, tip: str) -> Integration:
    """The row, locked, with this foreign tip. Raises Conflict."""
    row = Integration.objects.select_for_update().filter(pk=workspace.pk).first()
    if row is None or row.state not in branch.STOPS_DISPATCH or row.foreign_tip != tip or not tip:
        raise Conflict("The integration branch has changed meanwhile: look again. Nothing was done")
    return row


def _branch_name(workspace: Workspace) -> str:
    return configuration.load(Executor.objects.get(pk=workspace.pk).config).integration_branch


def _announce(workspace_id: str) -> None:
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "landing", "executor", "entries")
