"""The question to the agent of a run. Each role has a module with a function `question` of the shape `Ask`."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestration.configuration import Config
from orchestration.models import Run
from orchestration.proposals.answering.proposed import Answer


@dataclass(frozen=True)
class Question:
    """`read`: turns the text of an answer into proposals, or into problems."""

    prompt: str
    read: Callable[[str], Answer]


Ask = Callable[[Run, Config], Question]
"""May raise ValueError where the workspace's own template fails, and GitError."""
