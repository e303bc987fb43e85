"""The roles of agents that propose: what money they spend, and under which words."""

from dataclasses import dataclass

from budget.models import Category
from orchestration.models import Session
from workspaces.errors import Invalid


@dataclass(frozen=True)
class Role:
    """`key`: of the workspace's config. `phase`: of its session. `reads_files`: it works in a
    clone of the repository."""

    name: Session.Role
    key: str
    category: Category
    phase: Session.Phase
    reads_files: bool = True


PLANNER = Role(Session.Role.PLAN, "planner", Category.ORCHESTRATOR, Session.Phase.PLANNING)
EXPANDER = Role(Session.Role.EXPAND, "expander", Category.EXPANSION, Session.Phase.EXPANSION)
ORCHESTRATOR = Role(
    Session.Role.ORCHESTRATE,
    "orchestrator",
    Category.ORCHESTRATOR,
    Session.Phase.ORCHESTRATION,
    reads_files=False,
)
BY_NAME = {str(role.name): role for role in (PLANNER, EXPANDER, ORCHESTRATOR)}


def missing(role: Role) -> Invalid:
    """The error for a run whose role has no agent."""
    return Invalid(f"This workspace has no {role.key}: set `{role.key}` in its config first", "workspaceID")


def without_command(role: Role) -> Invalid:
    """The refusal of a run of a command agent that has no command."""
    key = f"{role.key}.agent"
    return Invalid(f"The {role.key} has no command: set `{key}.command` in the config, or another `{key}.kind`", "workspaceID")
