"""The patience of the programs: how long they wait for the first byte of an answer before they ask again, measured with the versions under test and a
server that never answers. A request waits here for a third less than that at most."""

MEASURED_S = {
    "claude_code": 360.0,
    "codex": 600.0,
    "opencode": 300.0,
    "gemini": 60.0,
    "qwen": 120.0,
    "aider": 600.0,
    "mini_swe_agent": 600.0,
}
UNKNOWN_S = 60.0


def of(agent: str) -> float:
    """Seconds that a request of this program may wait in silence."""
    return MEASURED_S.get(agent, UNKNOWN_S) * 2 / 3
