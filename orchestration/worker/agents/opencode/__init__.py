"""opencode: `opencode run --format json`, its config."""

from orchestration.worker.agents.opencode.launch import TRAITS, reader, resume, start

__all__ = ["TRAITS", "reader", "resume", "start"]
