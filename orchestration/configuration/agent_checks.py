"""Requests to workers for a check of a workspace's agents: for a new workspace, changed agents or secrets, or a person."""

from django.db.models import F

from orchestration.messaging import wake_ups
from orchestration.models import AgentCheck


def request(workspace_id: str) -> None:
    """Request a check by a session worker. Usable within a transaction."""
    AgentCheck.objects.get_or_create(pk=workspace_id)
    AgentCheck.objects.filter(pk=workspace_id).update(due=True, requests=F("requests") + 1)
    wake_ups.request_check()


def current(workspace_id: str) -> AgentCheck | None:
    """The newest check; None: there was none, as in workspaces older than these checks."""
    return AgentCheck.objects.filter(pk=workspace_id).first()
