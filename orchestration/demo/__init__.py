"""The demo: a small project with failing tests, a backlog of twelve entries for it, and an agent that needs no network.

project   creates the repository
backlog   the entries and the workspace's config
agent     the agent, a standalone script
starting  makes a run of it: a repository and a workspace
steering  what it answers when it plans, splits an entry, or reviews
editing   moves functions between Python sources, for the agent
stages/   the project at its start, with first attempts and with final solutions, and the tests of what is planned
"""

from orchestration.demo.backlog import CONFIG, ENTRIES, MAX_PROJECT_SPEND_USD, TOTAL_BUDGET_USD
from orchestration.demo.project import make_repository
from orchestration.demo.steering import GOAL

__all__ = ["CONFIG", "ENTRIES", "GOAL", "MAX_PROJECT_SPEND_USD", "TOTAL_BUDGET_USD", "make_repository"]
