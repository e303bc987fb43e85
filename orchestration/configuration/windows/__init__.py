"""Usage windows of credentials: rate-limit windows of plans by their providers' `readings`, and calendar `months` by the ledger."""

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
    save,
    stop,
    title,
)

__all__ = ["DAY", "HOUR", "MAX_MINUTES", "OF_MONTH", "Reading", "Stop", "merged", "name", "record", "save", "stop", "title"]
