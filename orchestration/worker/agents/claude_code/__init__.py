"""Claude Code: `claude -p`, its settings, its telemetry, its hook."""

from orchestration.worker.agents.claude_code.launch import TRAITS, reader, resume, start

__all__ = ["TRAITS", "reader", "resume", "start"]
