"""aider: `aider --message`, its analytics log."""

from orchestration.worker.agents.aider.launch import TAGS, TRAITS, reader, resume, start

__all__ = ["TAGS", "TRAITS", "reader", "resume", "start"]
