"""Workspaces unavailable on this host: their shared repository does not answer, or their sandbox cannot be built. No session of theirs is placed here
meanwhile. Other hosts continue."""

import time
from collections.abc import Collection
from contextlib import suppress

import structlog
from django.db import transaction

from orchestration.messaging import wake_ups
from orchestration.models import Worker
from orchestration.repositories import local_repository
from orchestration.repositories.authority import ABSENT, Moved, Unreachable
from orchestration.sessions.sandbox import HostFault
from orchestration.worker import host_faults
from workspaces.machine import hosts
from workspaces.models import Workspace

log = structlog.get_logger(__name__)

FIRST_PAUSE_S, MAX_PAUSE_S = 5.0, 60.0
PAUSE_FACTOR = 10
"""Pauses as a multiple of the try's duration: the thread is shared, and a remote may be slow to fail."""
_next: dict[str, tuple[float, float]] = {}
"""The time of the next try by workspace, and the pause after it."""


def lost(workspace_id: str, sentence: str) -> None:
    """Mark a workspace unavailable on this host."""
    log.warning("host.unfit", workspace=workspace_id, why=sentence)
    _next[workspace_id] = (time.monotonic() + FIRST_PAUSE_S, FIRST_PAUSE_S)
    _write(workspace_id, sentence[:500])


def lost_here() -> set[str]:
    """The unavailable workspaces of this host, or of this process."""
    known = Worker.objects.filter(host_id=hosts.host_id()).values_list("unreachable", flat=True)
    return {id_ for sentences in known for id_ in sentences} | set(_next)


def is_lost(workspace_id: str) -> bool:
    """True if the workspace is still unavailable to this process."""
    return workspace_id in _next


def look_again() -> Collection[str]:
    """Retry the due workspaces. Returns the recovered ones."""
    lost_ones = Workspace.objects.filter(pk__in=lost_here())
    return [workspace.pk for workspace in lost_ones if _is_due(workspace.pk) and _is_back(workspace)]


def _is_due(workspace_id: str) -> bool:
    return time.monotonic() >= _next.get(workspace_id, (0.0, 0.0))[0]


def _is_back(workspace: Workspace) -> bool:
    began = time.monotonic()
    try:
        _try(workspace)
    except (Unreachable, HostFault) as problem:
        took = time.monotonic() - began
        pause = min(_next.get(workspace.pk, (0.0, FIRST_PAUSE_S))[1] * 2, MAX_PAUSE_S)
        _next[workspace.pk] = (time.monotonic() + max(pause, took * PAUSE_FACTOR), pause)
        _write(workspace.pk, str(problem)[:500])
        return False
    _next.pop(workspace.pk, None)
    _write(workspace.pk, "")
    wake_ups.enqueue_cycle(workspace.pk)
    return True


def _try(workspace: Workspace) -> None:
    """Start an empty sandbox, read the shared repository, and move a ref: some remotes let anyone read. Raises Unreachable or HostFault."""
    if problem := host_faults.problem(workspace):
        raise HostFault(problem)
    if (authority := local_repository.authority_of(workspace)) is None:
        return
    local_repository.ensure(workspace)
    own, base = f"refs/muster/hosts/{hosts.host_id()}", f"refs/heads/{workspace.base_branch}"
    refs = authority.refs(own, base)
    if base not in refs:
        return
    authority.fetch([base])
    with suppress(Moved):  # by another process of this host
        authority.move(own, refs[base], before=refs.get(own, ABSENT))
    authority.discard({own: refs[base]})


def _write(workspace_id: str, sentence: str) -> None:
    with transaction.atomic():
        for worker in Worker.objects.select_for_update().filter(host_id=hosts.host_id(), queue="sessions"):
            known = {id_: text for id_, text in worker.unreachable.items() if id_ != workspace_id}
            worker.unreachable = {**known, **({workspace_id: sentence} if sentence else {})}
            worker.save(update_fields=["unreachable"])
