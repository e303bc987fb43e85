"""Shared repositories that this host cannot use now: no session of theirs is placed here until one answers again. The other hosts go on."""

import time
from collections.abc import Collection

import structlog
from django.db import transaction

from orchestration.messaging import wake_ups
from orchestration.models import Worker
from orchestration.repositories import here
from orchestration.repositories.authority import Unreachable
from workspaces import hosts
from workspaces.models import Workspace

log = structlog.get_logger(__name__)

FIRST_PAUSE_S, MAX_PAUSE_S = 5.0, 60.0
_next: dict[str, tuple[float, float]] = {}
"""By workspace: when it is tried again, and the pause after that."""


def lost(workspace_id: str, sentence: str) -> None:
    """This host could not use the workspace's shared repository."""
    log.warning("authority.unreachable", workspace=workspace_id, why=sentence)
    _next[workspace_id] = (time.monotonic() + FIRST_PAUSE_S, FIRST_PAUSE_S)
    _write(workspace_id, sentence[:500])


def look_again() -> Collection[str]:
    """Try those that are due. Returns the workspaces whose repository answers again."""
    ids = {id_ for known in Worker.objects.filter(host_id=hosts.host_id()).values_list("unreachable", flat=True) for id_ in known}
    return [workspace.pk for workspace in Workspace.objects.filter(pk__in=ids) if _is_due(workspace.pk) and _is_back(workspace)]


def _is_due(workspace_id: str) -> bool:
    at, pause = _next.get(workspace_id, (0.0, FIRST_PAUSE_S))
    if time.monotonic() < at:
        return False
    _next[workspace_id] = (time.monotonic() + min(pause * 2, MAX_PAUSE_S), min(pause * 2, MAX_PAUSE_S))
    return True


def _is_back(workspace: Workspace) -> bool:
    authority = here.authority_of(workspace)
    try:
        if authority is not None:
            here.ensure(workspace)
            authority.refs("HEAD")
    except Unreachable as problem:
        _write(workspace.pk, str(problem)[:500])
        return False
    _next.pop(workspace.pk, None)
    _write(workspace.pk, "")
    wake_ups.enqueue_cycle(workspace.pk)
    return True


def _write(workspace_id: str, sentence: str) -> None:
    with transaction.atomic():
        for worker in Worker.objects.select_for_update().filter(host_id=hosts.host_id(), queue="sessions"):
            known = {id_: text for id_, text in worker.unreachable.items() if id_ != workspace_id}
            worker.unreachable = {**known, **({workspace_id: sentence} if sentence else {})}
            worker.save(update_fields=["unreachable"])
