"""The agents that a config can name, in the order of menus. `worker/agents` has a package for each."""

TITLES = {
    "command": "Any command",
    "claude_code": "Claude Code",
    "codex": "Codex",
    "opencode": "opencode",
    "gemini": "Gemini CLI",
    "qwen": "Qwen Code",
    "aider": "aider",
    "mini_swe_agent": "mini-swe-agent",
}


def title(kind: str) -> str:
    """The name of an agent on pages; an unknown kind, as from a worker of another version, is shown unchanged."""
    return TITLES.get(kind, kind)


def named(kind: str) -> str:
    """The name of an agent inside a sentence."""
    return "your command" if kind == "command" else title(kind)
