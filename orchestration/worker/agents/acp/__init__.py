"""Any CLI that speaks the Agent Client Protocol, through a client of ours that runs next to it."""

from orchestration.worker.agents.acp.launch import TRAITS, reader, resume, start

__all__ = ["TRAITS", "reader", "resume", "start"]
