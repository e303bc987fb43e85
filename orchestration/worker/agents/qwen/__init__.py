"""Qwen Code: `qwen -p`, its settings."""

from orchestration.worker.agents.qwen.launch import TRAITS, reader, resume, start

__all__ = ["TRAITS", "reader", "resume", "start"]
