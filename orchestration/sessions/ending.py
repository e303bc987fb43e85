"""The end of a session and the verdict on its round, as values: pure."""

from dataclasses import dataclass, field
from typing import Any

from orchestration.backlog.rules.ways import Done
from orchestration.configuration.provider_trouble import Trouble


@dataclass(frozen=True)
class Verdict:
    """The result of verification: a score from 0 to 1, the findings, and the evidence of each check. `base_score`: of the tree that the round
    started from, in the same measure. `is_unchanged`: the agent changed nothing, so the score says nothing of its round. `is_unproven`: it passed, and makes no failing case pass.
    `is_doomed`: its agent was ended early, and its work did not pass.
    """

    passed: bool
    score: float
    findings: list[str] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    base_score: float = 0.0
    is_unchanged: bool = False
    is_unproven: bool = False
    is_doomed: bool = False


@dataclass(frozen=True)
class Ending:
    """The end of a session. `outcome`: a value of `Session.Outcome`. `cost_unknown`: its spend is not known in full, so the whole reservation is
    charged, or `at_most` micro-USD of the rest. `awaits_host`: the rest stays reserved until that host has reported the spend. `failure`: the
    name of the agent's failure. `trouble`: why the provider was unavailable. `verify_next`: the work is done, its verification is not.
    `lands`: the verified commit, which is queued for its landing; `done`: the way in which the entry is done without one. `on_hold`: why the
    entry waits for a person, as a sentence. `lacks`: the micro-USD without which its judging agent would end again, and the limit that refused them."""

    outcome: str
    message: str = ""
    exit_code: int | None = None
    cost_unknown: bool = False
    at_most: int | None = None
    awaits_host: str = ""
    verdict: Verdict | None = None
    findings: tuple[str, ...] = ()
    failure: str = ""
    trouble: Trouble | None = None
    verify_next: bool = False
    lands: str = ""
    done: Done | None = None
    on_hold: str = ""
    lacks: tuple[int, str] | None = None
