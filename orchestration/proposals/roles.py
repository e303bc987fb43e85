"""The roles of agents that propose: what money they spend, and under which words."""

from dataclasses import dataclass

from budget.models import Category
from orchestration.models import Session
from workspaces.errors import Invalid


@dataclass(frozen=True)
class Role:
    """`key`: of the workspace's config. `asked_to`: completes "an agent was asked to". `phase`: of its session."""

    name: Session.Role
    key: str
    category: Category
    phase: Session.Phase
    asked_to: str


PLANNER = Role(Session.Role.PLAN, "planner", Category.ORCHESTRATOR, Session.Phase.PLANNING, "plan")
EXPANDER = Role(Session.Role.EXPAND, "expander", Category.EXPANSION, Session.Phase.EXPANSION, "split an entry")
ORCHESTRATOR = Role(
    Session.Role.ORCHESTRATE, "orchestrator", Category.ORCHESTRATOR, Session.Phase.ORCHESTRATION, "rearrange the backlog"
)
BY_NAME = {str(role.name): role for role in (PLANNER, EXPANDER, ORCHESTRATOR)}


def missing(role: Role) -> Invalid:
    """The refusal of a run that no agent is set for."""
    return Invalid(f"This workspace has no {role.key}: set `{role.key}` in its config first", "workspaceID")
