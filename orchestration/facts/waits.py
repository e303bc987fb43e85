"""The waits for a provider, for money and for a landing, in seconds. They stand together because two processes that waited for one thing, each by a time
of its own, had kept a fallback from being taken. docs/reference/waits.md has them in one table.
"""

PROVIDER_PATIENCE_S = 180
"""An agent for its provider, by default (`agent.provider_patience_s`): then its session ends, and the entry or its fallback goes on."""

# The gateway, for a provider that takes no more requests.
PROGRAM_S = {
    "claude_code": 1200.0,
    "codex": 600.0,
    "opencode": 300.0,
    "gemini": 60.0,
    "qwen": 1800.0,
    "aider": 600.0,
    "mini_swe_agent": 600.0,
}
"""The patience of the programs: how long they wait for the first byte of an answer before they ask again, measured with the versions under test and a server
that never answers. With the settings that Muster gives them. opencode waits no longer, whatever its own say."""
UNKNOWN_PROGRAM_S = 600.0
"""The vendors' SDKs wait for so long, unless they state another time."""
PART_OF_PROGRAM = 2 / 3
"""The part of a program's patience for which the gateway holds its request in silence: its answer has to come before the program asks again."""
NO_RESET_S, MOST_NO_RESET_S = 10.0, 40.0
"""After a refusal that does not say for how long: six requests a minute at most ask. Twice as long each time where a limit of the minute may be the
reason."""
BROKEN, BROKEN_S = 2, 60.0
"""So many broken answers of a key in so many seconds are trouble of its provider: no third is paid for."""

# The circuit breaker, before one session tries the provider again.
FIRST_BREAK_S, MOST_BREAK_S = 5.0, 300.0
LEAST_BREAK_S = {"auth": 600.0, "quota": 3600.0}
"""A refused key and an empty account are mended by a person, who says so: until then they are hardly asked."""
PROBE_AHEAD_S = 60.0
"""So long before the end of that wait the gateway asks itself, where it can. It then waits anew, so that no session asks while a gateway is alive."""
MOST_RESET_S = 8 * 24 * 3600.0
"""The longest limit of a plan is a week's; a day more, as its reset drifts."""

# Others.
DATABASE_S = 30.0
"""A request in the gateway for the database: then 503."""
LANDING_LOOK_S = 15.0
"""A landing that waits for a host or a commit, before it looks again."""
MOST_LANDING_PAUSE_S = 60.0
"""A lander after an error of the repository: from a second, doubled each time."""
CHECKS_PAUSE_S, MOST_CHECKS_PAUSE_S = 30.0, 900.0
"""A lander after checks that cannot run."""
