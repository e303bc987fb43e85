"""Worker sessions from claim to end.

`ending` is the end of one, as a value; `lifecycle` takes, stops and concludes sessions; `entry_stops` stops all those of an entry that is split. `rounds` opens and closes the rounds of an entry; `candidates` chooses among several sessions of one. `metering` books usage; `reservations` grows
and shrinks a session's reservation; `review_money` is for its reviewers; `doubts` is about unusual spend; `absent_hosts` settles the sessions whose host was away. `conversations` keeps the
agents' threads. `logs` stores output. `sandbox` confines processes; `own_files` writes beside an agent. `tracing` exports traces. `supervise`, `session_dir` and `stop_flags` serve the process that runs a session.
"""

from orchestration.sessions.ending import Ending
from orchestration.sessions.entry_stops import stop_entry
from orchestration.sessions.lifecycle import (
    Superseded,
    begin_round,
    begin_verification,
    close_round,
    conclude,
    enter,
    forget_price,
    hold_after,
    kill,
    lease_end,
    stop,
    stop_all,
    stop_run,
    take,
    wait,
    write,
)

__all__ = [
    "Ending",
    "Superseded",
    "begin_round",
    "begin_verification",
    "close_round",
    "conclude",
    "enter",
    "forget_price",
    "hold_after",
    "kill",
    "lease_end",
    "stop",
    "stop_all",
    "stop_entry",
    "stop_run",
    "take",
    "wait",
    "write",
]
