"""Asks the workers whether a workspace's agents can work: when it is made, when its agents or secrets change, or when a person asks."""

from django.db.models import F

from orchestration.messaging import wake_ups
from orchestration.models import AgentCheck


def request(workspace_id: str) -> None:
    """A session worker checks soon. Usable within a transaction."""
    AgentCheck.objects.get_or_create(pk=workspace_id)
    AgentCheck.objects.filter(pk=workspace_id).update(due=True, requests=F("requests") + 1)
    wake_ups.request_check()


def current(workspace_id: str) -> AgentCheck | None:
    """The newest check. None: the workspace is older than these checks, and nobody has asked for one."""
    return AgentCheck.objects.filter(pk=workspace_id).first()
