"""The patience of the programs: how long they wait for the first byte of an answer before they ask again, measured with the versions under test and a
server that never answers. A request waits here for a third less than that at most."""

from collections.abc import Mapping

MEASURED_S = {
    "claude_code": 1200.0,
    "codex": 600.0,
    "opencode": 300.0,
    "gemini": 60.0,
    "qwen": 1800.0,
    "aider": 600.0,
    "mini_swe_agent": 600.0,
}
"""With the settings that Muster gives them. opencode waits no longer, whatever its own say."""
UNKNOWN_S = 600.0
"""The vendors' SDKs wait for so long, unless they state another time."""
STATED = ("x-stainless-timeout", "x-stainless-read-timeout", "x-server-timeout")
"""Headers in which the vendors' SDKs state their patience in seconds."""
LEAST_S = 5.0


def of(agent: str, headers: Mapping[str, str]) -> float:
    """Seconds that a request of this program may wait in silence. `headers`: its own, with names in lower case."""
    known = [MEASURED_S.get(agent, UNKNOWN_S)]
    for name in STATED:
        stated = headers.get(name, "")
        if stated.isdecimal() and len(stated) < 8 and int(stated) >= LEAST_S:
            known.append(float(stated))
    return min(known) * 2 / 3
