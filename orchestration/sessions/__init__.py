"""Worker sessions from claim to end, with the rounds, the metering and the log of each."""

from orchestration.sessions.lifecycle import (
    Ending,
    Superseded,
    conclude,
    enter,
    forget_price,
    hold_after,
    kill,
    lease_end,
    stop,
    stop_all,
    take,
    wait,
    write,
)

__all__ = [
    "Ending",
    "Superseded",
    "conclude",
    "enter",
    "forget_price",
    "hold_after",
    "kill",
    "lease_end",
    "stop",
    "stop_all",
    "take",
    "wait",
    "write",
]
