"""The steps between a young workspace and its first landing: the agents' programs and keys, a remote, and the checks' verdict on the
base."""

from typing import Any

from dashboard.shared.page_request import PageRequest
from orchestration import configuration
from orchestration.configuration import difference
from orchestration.edge import queries
from orchestration.landing import reads
from orchestration.models import AgentCheck, Integration, TreeVerdict
from orchestration.sessions import sandbox


def region(page_request: PageRequest, *, has_landed: bool, unreachable: dict[str, str]) -> dict[str, Any]:
    """Shown until something has landed, and while an agent cannot work. `has_landed`: Muster wrote on the integration branch.
    `unreachable`: hosts that cannot work for the workspace, and why. What the check of the agent says already is not said again."""
    workspace = page_request.executor.workspace
    agent: AgentCheck | None = getattr(workspace, "agent_check", None)
    integration: Integration | None = getattr(workspace, "integration", None)
    if has_landed and (agent is None or agent.ok is not False) and not unreachable:
        return {"setup_shown": False}
    message = agent.message if agent is not None else ""
    unreachable = {host: sentence.rstrip(".") for host, sentence in unreachable.items() if sentence.rstrip(".") not in message}
    verdict = None
    if integration is not None:
        verdict = TreeVerdict.objects.filter(workspace=workspace, commit=integration.tip).order_by("-pk").first()
    base = reads.summary(verdict) if verdict is not None else None
    config = configuration.load(page_request.executor.config)
    return {
        "setup_shown": True,
        "agent_check": agent,
        "integration": integration,
        "checks_configured": bool(config.verify),
        "open_checks": sandbox.sentence_on_checks(config.sandbox) if config.verify or config.setup else "",
        "sandbox_in_force": queries.sandbox_in_force(config)[1] if config.sandbox.network == "private" else "",
        "private_network_offer": queries.private_network_offer(config),
        "config_version": difference.version(page_request.executor.config),
        "unreachable": unreachable,
        "cannot_run": integration is not None and integration.state == Integration.State.UNUSABLE,
        "base": base,
        "hints": [check for check in base.checks if check.get("note") and not check.get("cases")] if base is not None else [],
    }
