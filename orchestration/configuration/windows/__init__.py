"""The windows of a credential: how much of each is used, and which of them stops its agents.

`readings` has what providers report of the windows of a plan; `months` counts what a month has cost.
"""

from orchestration.configuration.windows.readings import (
    DAY,
    HOUR,
    MAX_MINUTES,
    OF_MONTH,
    Reading,
    Stop,
    merged,
    name,
    record,
    reported,
    stop,
    title,
)

__all__ = ["DAY", "HOUR", "MAX_MINUTES", "OF_MONTH", "Reading", "Stop", "merged", "name", "record", "reported", "stop", "title"]
