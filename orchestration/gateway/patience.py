"""The patience of the programs: how long they wait for the first byte of an answer, measured with the versions under test. A request waits here for
a third less than that at most."""

MEASURED_S = {
    "claude_code": 300.0,
    "codex": 270.0,
    "opencode": 270.0,
    "gemini": 270.0,
    "qwen": 270.0,
    "aider": 300.0,
    "mini_swe_agent": 300.0,
}
UNKNOWN_S = 90.0


def of(agent: str) -> float:
    """Seconds that a request of this program may wait in silence."""
    return MEASURED_S.get(agent, UNKNOWN_S) * 2 / 3
