"""The end of a step of an entry's route. Pure (docs/reference/states.md shows it)."""

from orchestration.backlog.rules.transitions import Facts, is_plateau
from orchestration.facts.reasons import Reason


def is_over(facts: Facts, *, failure: str, rounds: int, most: int) -> bool:
    """True if the next step works from now on: this one has failed in as many `rounds` as it has, does not get any further, leads nowhere, or
    its conversation is full."""
    if not facts.has_next_step or facts.lands or facts.done is not None:
        return False
    if facts.outcome == "doomed" or failure == "context_full" or is_plateau(facts):
        return True
    return facts.outcome in ("failed", "conflict", Reason.NO_CHANGE) and rounds >= most


def why_over(facts: Facts, *, failure: str, rounds: int) -> str:
    """The reason why a step is over, behind its number."""
    if facts.outcome == "doomed":
        return "led nowhere"
    if failure == "context_full":
        return "filled its conversation"
    if is_plateau(facts):
        return "got no further"
    return f"failed {rounds} {'round' if rounds == 1 else 'rounds'}"
