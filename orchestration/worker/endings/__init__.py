"""The ending of a session, by event and fault. Pure: the worker gathers the facts as values.

table         (event, fault) -> ending
crashes       a session that crashed: its surroundings may be at fault
agents        an agent that did not finish its round, and a stop request
losses        a session of a dead worker
verdicts      a judged round
"""

from orchestration.worker.endings.agents import STOPS, AgentEnd, of_agent, stopped
from orchestration.worker.endings.crashes import Surroundings, blame, suspects_host
from orchestration.worker.endings.losses import Left, of_lost
from orchestration.worker.endings.table import TABLE, Facts, Fault, SessionOver, What, after
from orchestration.worker.endings.verdicts import conflict, landed, refused, verified, without_work

__all__ = [
    "STOPS",
    "TABLE",
    "AgentEnd",
    "Facts",
    "Fault",
    "Left",
    "SessionOver",
    "Surroundings",
    "What",
    "after",
    "blame",
    "conflict",
    "landed",
    "of_agent",
    "of_lost",
    "refused",
    "stopped",
    "suspects_host",
    "verified",
    "without_work",
]
