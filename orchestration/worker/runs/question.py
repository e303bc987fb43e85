"""The question to the agent of a run. Each role has a module with a function `question` of the shape `Ask`."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestration.configuration import Config
from orchestration.models import Run
from orchestration.proposals.answering.proposed import Answer


@dataclass(frozen=True)
class Question:
    """A question to a run's agent."""

    prompt: str
    read: Callable[[str], Answer]  # parses an answer: proposals or problems


Ask = Callable[[Run, Config], Question]
"""Raises ValueError if the workspace's own template fails, and GitError."""
