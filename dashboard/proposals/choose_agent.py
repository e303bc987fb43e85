"""Lets the workspace's own agent propose, by one click."""

from django.http import HttpResponse
from django.views.decorators.http import require_POST

from dashboard.shared.decorators import in_workspace
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import done
from orchestration import configuration
from orchestration.configuration import workspace_setup
from orchestration.configuration.config import agent_kinds
from workspaces.access import Need

DOES = {"planner": "plans", "expander": "splits entries", "orchestrator": "rearranges the backlog"}


@require_POST
@in_workspace(Need.ADMIN)
def choose(page_request: PageRequest, role: str) -> HttpResponse:
    """Set the agent of a role to the one that implements entries, with its settings."""
    agent = page_request.executor.config.get("agent") or {}
    config = workspace_setup.configure(page_request.workspace, {role: {"agent": agent}}, by=page_request.caller)
    name = agent_kinds.named(config.agent.kind)
    return done(page_request, f"{name[:1].upper()}{name[1:]} {DOES[role]} now. Its model and limits are in the config")


def offered(config: configuration.Config) -> str:
    """The name of the workspace's agent, empty where it cannot run."""
    return "" if config.agent.kind == "command" and not config.agent.command else agent_kinds.named(config.agent.kind)
