"""Gemini CLI: `gemini -p`, its settings."""

from orchestration.worker.agents.gemini.launch import LOGIN, TRAITS, reader, resume, start

__all__ = ["LOGIN", "TRAITS", "reader", "resume", "start"]
