"""The end of a step of an entry's route. Pure (docs/reference/states.md shows it)."""

from orchestration.backlog.rules.transitions import Facts, is_plateau


def is_over(facts: Facts, *, failure: str, rounds: int, most: int) -> bool:
    """True if the next step works from now on: this one has failed in as many `rounds` as it has, does not get any further, leads nowhere, or
    its conversation is full."""
    if not facts.has_next_step or facts.lands or facts.done is not None:
        return False
    if facts.outcome == "doomed" or failure == "context_full" or is_plateau(facts):
        return True
    return facts.outcome in ("failed", "conflict", "no_change") and rounds >= most
