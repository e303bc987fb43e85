"""The kinds of agents, in the order of menus. `worker/agents` has a package for each."""

TITLES = {
    "command": "Any command",
    "acp": "Any ACP agent",
    "claude_code": "Claude Code",
    "codex": "Codex",
    "opencode": "opencode",
    "gemini": "Gemini CLI",
    "qwen": "Qwen Code",
    "aider": "aider",
    "mini_swe_agent": "mini-swe-agent",
}
OF_CONFIG = {"command": "A command agent", "acp": "An ACP agent"}
"""The kinds with their program in the config, available on every host, at the start of a sentence."""

KEYS = {
    "claude_code": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
    "codex": ("CODEX_API_KEY", "OPENAI_API_KEY"),
    "opencode": ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "OPENCODE_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"),
    "qwen": ("OPENAI_API_KEY", "DASHSCOPE_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"),
    "aider": ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "DEEPSEEK_API_KEY"),
    "mini_swe_agent": ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"),
}
"""The key variables of each program; any one is enough. A command has its own."""

BASE_URLS = {
    "claude_code": "ANTHROPIC_BASE_URL",
    "codex": "OPENAI_BASE_URL",
    "gemini": "GOOGLE_GEMINI_BASE_URL",
    "qwen": "OPENAI_BASE_URL",
    "aider": "OPENAI_API_BASE",
    "mini_swe_agent": "OPENAI_API_BASE",
}
"""The base URL variable of each program."""
OPENAI_ALONE = frozenset({"qwen", "aider", "mini_swe_agent"})
"""The programs with a base URL for OPENAI_API_KEY alone."""

WITH_EFFORT = frozenset({"claude_code", "codex", "opencode", "aider"})
"""The programs with a reasoning effort."""


def title(kind: str) -> str:
    """The name of a kind on pages. One of another version is shown unchanged."""
    return TITLES.get(kind, kind)


def named(kind: str) -> str:
    """The name of a kind within a sentence."""
    return {"command": "your command", "acp": "your ACP agent"}.get(kind) or title(kind)
