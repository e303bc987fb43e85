"""Any command as an agent, by a protocol of JSON lines."""

from orchestration.worker.agents.command.launch import TRAITS, reader, resume, start

__all__ = ["TRAITS", "reader", "resume", "start"]
