"""The demo: a small project with failing tests, a backlog of twelve entries for it, and an agent that needs no network."""

from orchestration.demo.backlog import CONFIG, ENTRIES, MAX_PROJECT_SPEND_USD, TOTAL_BUDGET_USD
from orchestration.demo.project import make_repository

__all__ = ["CONFIG", "ENTRIES", "MAX_PROJECT_SPEND_USD", "TOTAL_BUDGET_USD", "make_repository"]
