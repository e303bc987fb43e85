"""mini-swe-agent: `mini`, its trajectory file."""

from orchestration.worker.agents.mini_swe_agent.launch import TRAITS, reader, resume, start

__all__ = ["TRAITS", "reader", "resume", "start"]
