"""The next state of an entry when a session ends: pure, one table (docs/reference/states.md shows it)."""

from collections.abc import Sequence
from dataclasses import dataclass

from budget.amounts import exact_usd
from orchestration.backlog.rules.ways import Done
from orchestration.facts.reasons import Reason

MAX_CRASHES = 3
MAX_FAILURES = 5  # of the agent, or of its worker
UNCHANGED = "Its agent changed nothing in two rounds in a row: read its log, correct the entry or the agent, then resume it"
NO_MONEY_LEFT = "The plan has no money left for it: raise the total budget or the cap, or give it a budget of its own"


@dataclass(frozen=True, slots=True)
class Facts:
    """The entry after the session's round was counted. Amounts in micro-USD. `least_request`: what its next request may cost, where money refused it. `awaited`: reserved for what an absent host says.
    `losses`: how many of the crashes were lost workers. `own_budget`: a person set or locked its budget; without one, `plan_left` counts: what
    plan and cap have left that is not spent. `improvements`: in the rounds of this step of its route; `has_next_step`: another agent goes on
    instead of a plateau. `done`: how its passed work needs no landing."""

    outcome: str
    message: str
    rounds_completed: int
    budget_rounds: int
    crashes: int
    headroom: int
    min_round: int
    least_request: int = 0
    awaited: int = 0
    losses: int = 0
    own_budget: bool = True
    plan_left: int = 0
    stopped_for_good: bool = False
    stopped_by: str = ""
    hold_after_by: str = ""
    conflicts_in_a_row: int = 0
    unchanged_in_a_row: int = 0
    improvements: Sequence[float] = ()
    plateau_rounds: int = 3
    plateau_epsilon: float = 0.01
    has_next_step: bool = False
    verify_next: bool = False
    lands: bool = False
    done: Done | None = None
    on_hold: str = ""


@dataclass(frozen=True, slots=True)
class Next:
    """The entry's next status; blocked and failed carry their reason, done carries its way."""

    status: str
    code: str = ""
    message: str = ""
    done: Done | None = None

    def __post_init__(self) -> None:
        if (self.status == "done") != (self.done is not None):
            raise ValueError(f"An entry that becomes {self.status} {'needs a' if self.done is None else 'has no'} way to done")


PENDING = Next("pending")
LANDING = Next("in_progress")
"""Verified: in progress without a session, until its work is on the integration branch."""


def after(facts: Facts) -> Next:
    """The next state of an entry whose session just ended. Instead of pending it is put on hold where a person requested that."""
    following = _after(facts)
    if facts.stopped_for_good and following == PENDING:  # however it ended: its worker may have died meanwhile
        return Next("blocked", Reason.HUMAN_HOLD, f"Its session was stopped by {facts.stopped_by}: resume the entry to continue")
    if facts.hold_after_by and following == PENDING:
        return Next(
            "blocked", Reason.HUMAN_HOLD, f"On hold after its round, as {facts.hold_after_by} asked: resume it to continue"
        )
    return following


def _after(facts: Facts) -> Next:
    if facts.on_hold:
        return Next("blocked", Reason.HUMAN_HOLD, facts.on_hold)
    if facts.outcome == "passed":
        return LANDING if facts.lands else Next("done", done=facts.done)
    if facts.outcome in ("stopped", "interrupted", "unavailable", "asked"):
        return PENDING
    if facts.outcome == "out_of_money":
        return _without_money(facts)
    if facts.outcome in ("crashed", "timed_out", "lost"):
        return _after_crash(facts)
    return _after_round(facts)


def _after_crash(facts: Facts) -> Next:
    agent_failures = facts.crashes - facts.losses
    if agent_failures >= MAX_CRASHES:
        subject = "Its verification could not run" if facts.verify_next else "The agent failed"
        return Next("failed", Reason.AGENT_UNAVAILABLE, f"{subject} {agent_failures} times in a row. Last: {facts.message}")
    if facts.crashes >= MAX_FAILURES:
        message = f"Its sessions ended without a result {facts.crashes} times in a row. Last: {facts.message}"
        return Next("failed", Reason.AGENT_UNAVAILABLE, message)
    if facts.verify_next:
        return PENDING  # the work is done and paid: its verification needs no money for a round
    return _without_money(facts)


def out_of_rounds(budget_rounds: int) -> Next:
    subject = "Its one round is" if budget_rounds == 1 else f"All {budget_rounds} rounds are"
    return Next("failed", Reason.ROUNDS_EXHAUSTED, f"{subject} used up: raise its rounds to continue")


def _after_round(facts: Facts) -> Next:
    if facts.outcome == Reason.NO_CHANGE and facts.unchanged_in_a_row >= 2 and not facts.has_next_step:
        return Next("blocked", Reason.NO_CHANGE, UNCHANGED)
    if facts.rounds_completed >= facts.budget_rounds:
        return out_of_rounds(facts.budget_rounds)
    if facts.outcome == "conflict" and facts.conflicts_in_a_row >= 2:
        return Next("blocked", Reason.MERGE_CONFLICT, facts.message)
    if is_plateau(facts) and not facts.has_next_step:
        message = f"The last {facts.plateau_rounds} rounds did not improve its score by {facts.plateau_epsilon:g}"
        return Next("blocked", Reason.NO_IMPROVEMENT, message)
    return _without_money(facts)


def is_plateau(facts: Facts) -> bool:
    recent = facts.improvements[-facts.plateau_rounds :]
    return len(recent) >= facts.plateau_rounds and all(gain < facts.plateau_epsilon for gain in recent)


def _without_money(facts: Facts) -> Next:
    """Pending, or blocked when another round cannot be paid: by the entry's own budget, or, without one, by a plan that is spent. What is
    only reserved may come back, also from a host that is away: the executor waits for it."""
    if not facts.own_budget:
        left = max(facts.plan_left, facts.headroom)
        return PENDING if left >= max(facts.min_round, 1) else Next("blocked", Reason.PROJECT_BUDGET_EXCEEDED, NO_MONEY_LEFT)
    needed, left = max(facts.min_round, facts.least_request, 1), facts.headroom + facts.awaited
    if left >= needed:
        return PENDING
    return Next("blocked", Reason.BUDGET_EXCEEDED, too_little(left, needed, is_of_request=facts.least_request >= needed))


def too_little(left: int, needed: int, *, sessions: int = 1, is_of_request: bool = False) -> str:
    """The sentence about an entry whose own budget does not pay another round, on which so many `sessions` work, or `is_of_request`: its next request.
    Micro-USD."""
    if is_of_request:
        return f"Its next request may cost {exact_usd(needed)}, {exact_usd(max(left, 0))} of its budget is left: raise the entry's budget"
    whose = "a round" if sessions == 1 else f"a round of {sessions} candidates"
    return f"{exact_usd(max(left, 0))} of its budget is left, {whose} needs {exact_usd(needed)}: raise the entry's budget"
