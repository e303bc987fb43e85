"""Codex: `codex exec --json`, with a home of its own."""

from orchestration.worker.agents.codex.launch import TRAITS, reader, resume, start

__all__ = ["TRAITS", "reader", "resume", "start"]
