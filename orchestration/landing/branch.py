"""The integration branch of a workspace: the tip from which work may start, why nothing starts, and the lease of its lander."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from orchestration import configuration
from orchestration.git import branches
from orchestration.git import command as git
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, Integration, Landing, PullRequest, Worker
from orchestration.repositories import local_repository
from workspaces.models import Workspace
from workspaces.values.standing_query import StandingQuery

State = Integration.State
STOPS_DISPATCH = (State.RED, State.WAITING, State.UNUSABLE)


class Fenced(Exception):
    """Another lander took over: nothing may be written any more."""


def ensure(workspace_id: str) -> Integration:
    """The row of the workspace's integration branch."""
    row, _ = Integration.objects.get_or_create(pk=workspace_id)
    return row


def wake(workspace_id: str) -> None:
    """Let a lander look soon."""
    if not Integration.objects.filter(pk=workspace_id).update(due=True):
        ensure(workspace_id)
    wake_ups.request_check()
    wake_ups.publish_change(workspace_id, "landing")


def ref_of(workspace_id: str) -> str:
    """Muster's own ref for the newest landed commit. The named branch follows it, except while that is checked out."""
    return f"refs/muster/landed/{workspace_id}"


def start_point(workspace: Workspace, name: str) -> str:
    """The commit from which work starts, which is on this host then: the known tip, or the branch's own before anything is known. Raises
    Unreachable, or GitError."""
    refs = (ref_of(workspace.pk), f"refs/heads/{name}")
    tip = Integration.objects.filter(pk=workspace.pk).values_list("tip", flat=True).first()
    if tip and local_repository.bring(workspace, tip, *refs):
        return str(tip)
    return local_repository.tip_of(workspace, name)


def observe(workspace_id: str) -> str:
    """Read the refs before work is dispatched: why nothing may start yet, as a sentence. Wakes a lander when a branch has moved.

    Reads two files of the repository, and only where an entry could start and the repository is on this host.
    """
    row = (
        Integration.objects.filter(pk=workspace_id, workspace__executor__state=Executor.State.RUNNING)
        .exclude(tip="")
        .filter(Exists(Entry.objects.filter(workspace_id=workspace_id, status=Entry.Status.PENDING, deleted_at__isnull=True)))
        .select_related("workspace__executor")
        .first()
    )
    if row is None or not local_repository.is_authority(row.workspace):
        return ""
    config = configuration.load(row.workspace.executor.config)
    is_foreign, is_ahead = _moved(row, config)
    if is_foreign or is_ahead:
        wake(workspace_id)
    return f"New commits on {config.integration_branch} are being checked" if is_foreign else ""


def _moved(row: Integration, config: configuration.Config) -> tuple[bool, bool]:
    """Two answers: somebody else moved the integration branch, and the base branch has moved. Reads two files of the repository."""
    name, base = config.integration_branch, row.workspace.base_branch
    try:
        heads = branches.heads(local_repository.path(row.workspace), name, base)
    except git.GitError:
        return False, False
    is_here = not row.workspace.origin and config.land_by == "merge"
    is_foreign = heads.get(name) not in (row.tip, row.delivered, row.foreign_tip)
    return is_foreign, config.follow_base and is_here and heads.get(base) != row.base_tip


def wake_due() -> None:
    """The tick's safety net: landings and pull requests that nobody looks at, branches that a person may have put right, and remotes whose base branch may have
    moved while executors run."""
    if _any_idle.any():
        _idle().update(due=True)
    if _any_elsewhere.any():
        _elsewhere().update(due=True)
    if _any_local.any():
        for row in _local().select_related("workspace__executor"):
            follow_local(row)


def _idle() -> QuerySet[Integration]:
    stopped = Q(workspace__executor__stop_all_at__isnull=False)
    to_try = Q(state__in=Landing.UNDECIDED) & ~Q(tried_tip=OuterRef("tip"))
    may_begin = Q(not_before__isnull=True) | Q(not_before__lte=Now())
    queued = Landing.objects.filter(may_begin, Q(state__in=Landing.OPEN) | to_try, workspace=OuterRef("pk"))
    with_person = Q(undelivered__gt="") | Q(state__in=(State.RED, State.WAITING))
    idle = Integration.objects.filter(due=False, lease_until__isnull=True, workspace__deleted_at__isnull=True)
    return idle.filter(Exists(queued) | Exists(_unsettled()) | with_person).exclude(stopped)


def _elsewhere() -> QuerySet[Integration]:
    return _running().filter(~Q(workspace__origin="") | Q(workspace__executor__config__land_by="pull_request"), due=False)


def _local() -> QuerySet[Integration]:
    return _running().filter(due=False, lease_until__isnull=True).exclude(tip="")


def _running() -> QuerySet[Integration]:
    return Integration.objects.filter(workspace__executor__state=Executor.State.RUNNING, workspace__deleted_at__isnull=True)


_any_idle, _any_elsewhere, _any_local = StandingQuery(_idle), StandingQuery(_elsewhere), StandingQuery(_local)


def follow_local(row: Integration) -> None:
    """A person's commit is followed whatever the entries wait for. Where the repository is on another host, a lander there looks."""
    if not local_repository.is_authority(row.workspace):
        Integration.objects.filter(pk=row.pk).update(due=True)
    elif any(_moved(row, configuration.load(row.workspace.executor.config))):
        wake(row.pk)


def _unsettled() -> QuerySet[PullRequest]:
    """Pull requests for which a lander has something to do: to push, to take in what others pushed, or to follow the base branch."""
    to_push = Q(state__in=PullRequest.UNDECIDED) & (~Q(foreign_head="") | ~Q(pushed=F("head")))
    merged = Q(state=PullRequest.State.MERGED, ended_at__isnull=True)
    return PullRequest.objects.filter(to_push | merged, workspace=OuterRef("pk"))


def due(worker: Worker) -> list[str]:
    """Workspaces where a lander must look, or was killed: whose lease is free, or of a worker that is on this host or gone. Not those whose
    repository cannot be used.
    """
    if not _any_due.any():
        return []
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    is_due = Q(due=True) | Q(lease_until__isnull=False)
    usable = Integration.objects.filter(is_due, workspace__deleted_at__isnull=True, workspace__executor__repository_code="")
    alive = usable.filter(free | Q(worker__isnull=True) | Q(worker__host=worker.host))
    return list(alive.order_by("workspace_id").values_list("pk", flat=True))


_any_due = StandingQuery(lambda: Integration.objects.filter(Q(due=True) | Q(lease_until__isnull=False)))


def others_wait(workspace_id: str) -> bool:
    """True if another workspace is due and no lander works on it: a long queue gives way to it after each batch."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    return Integration.objects.filter(free, due=True, workspace__deleted_at__isnull=True).exclude(pk=workspace_id).exists()


def lease(row: Integration, worker: Worker, *, is_dead: bool = False) -> int | None:
    """Take the lease, as `row` was read just now. Returns its fence; None: another lander has it. `is_dead`: its holder, as is known."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    mine = Integration.objects.filter(Q() if is_dead else free, pk=row.pk, fence=row.fence)
    taken = mine.update(fence=row.fence + 1, worker=worker, lease_until=_until(), due=False)
    return row.fence + 1 if taken else None


def write(workspace_id: str, fence: int, **fields: Any) -> None:
    """Write as the lander with this fence. Raises Fenced."""
    if not Integration.objects.filter(pk=workspace_id, fence=fence).update(lease_until=_until(), **fields):
        raise Fenced(workspace_id)


def release(workspace_id: str, fence: int) -> None:
    """Give the lease back."""
    Integration.objects.filter(pk=workspace_id, fence=fence).update(
        lease_until=None, worker=None, phase="", phase_since=None, judging_tree=""
    )


def _until() -> Any:
    return Now() + timedelta(seconds=settings.LEASE_S)
