"""What a verifying agent found, as evidence."""

from dataclasses import dataclass

from orchestration.configuration import Agent
from orchestration.worker.steps.agent_verdicts import AgentVerdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """`text`: the end of what it wrote, and `prompt`: what it was asked, kept as evidence."""

    answer: AgentVerdict
    agent: Agent
    text: str
    prompt: str
    seconds: float
